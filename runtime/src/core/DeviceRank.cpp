//===- DeviceRank.cpp - A rank whose operations run on a device -----------===//

#include "Failure.h"
#include "PackedWeights.h"
#include "Plugin.h"
#include "Rank.h"
#include "lamina/Support/CheckedMath.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace lamina::runtime {

namespace {

/// Where sections are while the step is only noted: never followed.
constexpr uintptr_t kNowhere = uintptr_t(1) << 40;

/// What devices tell each other when they start: NCCL's id.
constexpr uint64_t kExchangeBytes = 512;

} // namespace

/// Runs the step without rows, so that the device learns what of the weights
/// this rank reads.
lamrt_status Rank::planDevice(lamrt_rank *handle) {
  for (uint8_t *&section : sections)
    section = reinterpret_cast<uint8_t *>(kNowhere);
  device->beginPlanning(*weights);
  const int32_t rowBegin[] = {0};
  lamrt_step step = {};
  step.struct_size = sizeof(step);
  step.row_begin = rowBegin;
  runCode(step, handle);
  return stepStatus;
}

/// All but what planning finds out.
lamrt_status Rank::describeDevice(BackendOptions &wanted) const {
  const lamrt_cache &kv = program->cache;
  wanted.structSize = sizeof(wanted);
  wanted.ranks = options.ranks;
  wanted.rank = options.rank;
  wanted.group = group;
  wanted.timeoutMilliseconds =
      static_cast<int32_t>(group->getCommunicator().getTimeoutMilliseconds());
  wanted.maxTokens = options.max_tokens;
  wanted.maxLogitRows = options.max_logit_rows;
  wanted.maxSequences = options.max_sequences;
  wanted.pagesPerSequence = stepArrays.pageColumns();
  for (int s = 0; s < LAMRT_NUM_SECTIONS; ++s)
    if (auto bytes = checkedMul(variant->arena_bytes[s], sectionRows[s]))
      wanted.sectionBytes[s] = *bytes;
    else
      return fail(LAMRT_LIMIT, "memory: needs more than 2^63 bytes");
  wanted.numPages = options.num_pages;
  wanted.numLayers = kv.num_layers;
  wanted.kvHeads = variant->kv_heads;
  wanted.headDim = kv.head_dim;
  wanted.cacheType = kv.type;
  for (int32_t i = 0; i < variant->num_slots; ++i)
    wanted.widest[variant->slots[i].rows] = std::max(
        wanted.widest[variant->slots[i].rows], variant->slots[i].features);
  wanted.resultFeatures = program->result_features;
  wanted.numFrequencies = program->num_frequencies;
  wanted.frequencies = program->frequencies;
  wanted.canCapture = !options.tap;
  wanted.choicesHash = group->hashDeviceChoices();
  return LAMRT_OK;
}

/// What prepare does for a rank on the CPU, once the weights are open.
lamrt_status Rank::prepareDevice(lamrt_rank *handle) {
  if (isPacked(*program))
    return fail(LAMRT_UNSUPPORTED,
                "program: its weights are packed for the CPU (%s); run with "
                "--device cpu, or compile without --weights=packed",
                program->packed_weights);
  // Behind the last row too, so that all ranks have equal parts.
  sectionRows[LAMRT_ROWS_OWN_TOKENS] = getMostOwnRows(options.max_tokens);
  sectionRows[LAMRT_ROWS_TOKENS] =
      sectionRows[LAMRT_ROWS_OWN_TOKENS] * options.ranks;
  sectionRows[LAMRT_ROWS_LOGITS] = options.max_logit_rows;
  stepArrays.allocate({options.max_tokens, options.max_logit_rows,
                       options.max_sequences, options.num_pages,
                       program->vocabulary, program->max_context});
  BackendOptions wanted = {};
  if (lamrt_status status = describeDevice(wanted))
    return status;
  if (lamrt_status status = planDevice(handle))
    return status;
  if (lamrt_status status = device->create(wanted))
    return status;
  const BackendPlaces &places = device->getPlaces();
  std::copy(std::begin(places.sections), std::end(places.sections), sections);
  arenaBytes = places.arenaBytes;
  cacheBytes = places.cacheBytes;
  logits = places.logits;
  if (options.tap) {
    int64_t widest =
        *std::max_element(std::begin(wanted.widest), std::end(wanted.widest));
    auto bytes = checkedProduct<int64_t>(
        std::initializer_list<int64_t>{widest, 4, options.max_tokens});
    if (!bytes)
      return fail(LAMRT_LIMIT, "memory: needs more than 2^63 bytes");
    if (lamrt_status status =
            scratch.allocate(static_cast<uint64_t>(*bytes), "activations"))
      return status;
    prepared = scratch.data();
  }
  if (lamrt_status status = group->getCommunicator().reserve(
          std::max<uint64_t>(getOfferBytes(), kExchangeBytes)))
    return status;
  options.threads = 1;
  return pool.start(1);
}

void Rank::beginOnDevice() {
  if (device->isPlanning())
    return;
  BackendStep step = {stepArrays.numTokens(),     stepArrays.numSequences(),
                      stepArrays.numLogitRows(),  stepArrays.pageColumns(),
                      stepArrays.tokenIds(),      stepArrays.positions(),
                      stepArrays.sequenceOfRow(), stepArrays.rowBegins(),
                      stepArrays.logitRows(),     stepArrays.pageTable()};
  runOnDevice(&BackendTable::beginStep, step);
}

void Rank::endOnDevice() {
  if (lamrt_status status = device->run(&BackendTable::endStep)) {
    failStep(status);
    return;
  }
  if (stepResult)
    (void)checkLogits(stepResult, stepArrays.numLogitRows());
}

bool Rank::checkLogits(const float *values, int64_t rows) {
  int64_t features = program->result_features;
  for (int64_t row = 0; row < rows; ++row) {
    const float *begin = values + row * features;
    if (std::all_of(begin, begin + features,
                    [](float value) { return std::isfinite(value); }))
      continue;
    return failStep(fail(LAMRT_CHECK_FAILED, "logits of row %d are not finite",
                         stepArrays.logitRows()[row]));
  }
  return true;
}

void Rank::embedOnDevice(int32_t weight, const SlotRows &to, int64_t firstId,
                         int64_t lastId) {
  if (device->isPlanning()) {
    device->noteUse(weight, {firstId, lastId, 0, to.features}, -1);
    return;
  }
  runOnDevice(&BackendTable::embed,
              EmbedWork{device->getElement(weight, 0, firstId, 0),
                        device->getPart(weight).type, firstId, lastId,
                        to.features, to.rows, to.count});
}

void Rank::tapOnDevice(int32_t tap, int32_t layer, const SlotRows &from) {
  if (device->isPlanning())
    return;
  auto *values = reinterpret_cast<float *>(prepared);
  if (lamrt_status status = device->run(&BackendTable::readRows, &from.rows,
                                        from.features, from.count, values)) {
    failStep(status);
    return;
  }
  options.tap(options.context, program->tap_names[tap], layer, values,
              from.count, from.features);
}

void Rank::resultOnDevice(const SlotRows &from) {
  if (lamrt_status status = device->run(&BackendTable::readRows, &from.rows,
                                        from.features, from.count, logits))
    failStep(status);
  stepResult = logits;
}

void Rank::attendOnDevice(const SlotRows &query, const SlotRows &key,
                          const SlotRows &value, const SlotRows &out,
                          int32_t layer, float scale, int64_t groupSize) {
  int64_t dim = program->cache.head_dim;
  if (device->isPlanning()) {
    device->noteAttention(static_cast<int32_t>(query.width() / dim),
                          static_cast<int32_t>(key.width() / dim));
    return;
  }
  runOnDevice(&BackendTable::attention,
              AttentionWork{query.rows, key.rows, value.rows, out.rows, layer,
                            query.width() / dim, key.width() / dim, groupSize,
                            query.begin / dim - key.begin / dim * groupSize,
                            scale, query.count});
}

} // namespace lamina::runtime
