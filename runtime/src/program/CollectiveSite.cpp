//===- CollectiveSite.cpp - A program of one operation --------------------===//

#include "program/CollectiveSite.h"

#include "core/Failure.h"
#include "core/FileMapping.h"
#include "program/Modes.h"
#include "program/StepBatch.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace lamina::program {

namespace {

enum Weights { kTable, kScale };
enum Slots { kUpdate, kResidual, kNormed };

constexpr double kEps = 1e-5;

constexpr int32_t kMostSites = 64;

/// Positions of a sequence: more than the rows that are measured, and few, as a
/// step copies the numbers of all its pages to a device.
constexpr int64_t kContext = 1024;

/// How often a step does the operation: so that few rows take longer than the
/// clock, and many not too long. On a device what else a step does is shared by
/// all.
int32_t countSites(int64_t rows, RankDevice device) {
  if (device == RankDevice::Cuda)
    return kMostSites;
  return static_cast<int32_t>(std::clamp<int64_t>(256 / rows, 4, kMostSites));
}

template <typename Site>
lamrt_status runStep(lamrt_rank *rank, const lamrt_step *step, Site site) {
  lamrt_step_begin(rank, step);
  lamrt_embed(rank, kTable, kUpdate);
  lamrt_embed(rank, kTable, kResidual);
  // Steps on a device have one row of each sequence, as steps that are graphs.
  RankDevice device = step->num_sequences == step->num_tokens ? RankDevice::Cuda
                                                              : RankDevice::Cpu;
  for (int32_t i = 0; i < countSites(step->num_tokens, device); ++i)
    site();
  return lamrt_step_end(rank);
}

lamrt_status runSums(lamrt_rank *rank, const lamrt_step *step) {
  return runStep(rank, step,
                 [&] { lamrt_all_reduce(rank, kUpdate, -1, 0, 0, kNormed); });
}

lamrt_status runFused(lamrt_rank *rank, const lamrt_step *step) {
  return runStep(rank, step, [&] {
    lamrt_all_reduce_residual_rms_norm(rank, kUpdate, kResidual, kScale, 0, -1,
                                       0, kEps, LAMRT_NORM_HF, 0, kNormed,
                                       kResidual);
  });
}

lamrt_status runAlone(lamrt_rank *rank, const lamrt_step *step) {
  return runStep(rank, step, [&] {
    lamrt_residual_rms_norm(rank, kUpdate, kResidual, kScale, 0, kEps,
                            LAMRT_NORM_HF, kNormed, kResidual);
  });
}

} // namespace

CollectiveSite::~CollectiveSite() {
  if (weightsFile >= 0)
    close(weightsFile);
}

/// A table of as many rows as there are ranks, and the scale of the norm.
lamrt_status CollectiveSite::writeWeights() {
  std::vector<float> values(static_cast<size_t>((ranks + 1) * features));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = 0.5f + static_cast<float>(i * 37 % 101) / 101;
  uint64_t size = values.size() * sizeof(float);
  // A file, as all weights are, that needs no room on a disk.
  weightsFile = memfd_create("collective-weights", MFD_CLOEXEC);
  if (weightsFile < 0 ||
      write(weightsFile, values.data(), size) != static_cast<ssize_t>(size))
    return runtime::fail(LAMRT_IO, "memory file of %llu bytes: %s",
                         static_cast<unsigned long long>(size),
                         strerror(errno));
  weightsPath = "/proc/self/fd/" + std::to_string(weightsFile);
  const auto *bytes = reinterpret_cast<const uint8_t *>(values.data());
  file.name = "weights";
  file.size = size;
  file.header_hash = runtime::hashBytes(bytes, 0);
  file.sample_hash = runtime::hashSampledBlocks(bytes, size);
  offsets[kScale] = static_cast<uint64_t>(ranks * features) * sizeof(float);
  for (lamrt_weight *weight : {&weights[kTable], &weights[kScale]}) {
    weight->kind = LAMRT_WEIGHT_SOURCE;
    weight->type = LAMRT_F32;
    weight->num_layers = 1;
    weight->files = &fileIndex;
    weight->offsets = &offsets[weight - weights];
  }
  weights[kTable].name = "table";
  weights[kTable].out = ranks;
  weights[kTable].in = features;
  weights[kTable].split = LAMRT_SPLIT_COLUMNS;
  weights[kTable].split_unit = 1;
  weights[kTable].uses = LAMRT_USE_EMBED;
  weights[kScale].name = "scale";
  weights[kScale].out = features;
  weights[kScale].uses = LAMRT_USE_VECTOR;
  return LAMRT_OK;
}

void CollectiveSite::addSlot(int32_t distribution) {
  lamrt_slot slot = {
      LAMRT_ROWS_TOKENS, LAMRT_F32, features,
      distribution,      0,         variant.arena_bytes[LAMRT_ROWS_TOKENS]};
  slots.push_back(slot);
  variant.arena_bytes[LAMRT_ROWS_TOKENS] += (features * 4 + 63) / 64 * 64;
}

std::unique_ptr<CollectiveSite>
CollectiveSite::create(int32_t operation, int32_t ranks, int64_t features,
                       RankDevice device, lamrt_status &status) {
  std::unique_ptr<CollectiveSite> made(
      new CollectiveSite(ranks, features, device));
  status = made->writeWeights();
  if (status)
    return nullptr;
  // Twos as far as they go: the tree that most models have.
  int32_t rest = ranks;
  for (; rest % 2 == 0; rest /= 2)
    made->radices.push_back(2);
  if (rest > 1)
    made->radices.push_back(rest);
  made->tree = {static_cast<int32_t>(made->radices.size()),
                made->radices.data()};
  made->addSlot(ranks > 1 ? LAMRT_PARTIAL : LAMRT_WHOLE);
  made->addSlot(LAMRT_WHOLE);
  made->addSlot(LAMRT_WHOLE);
  lamrt_variant &variant = made->variant;
  variant.ranks = ranks;
  variant.num_slots = static_cast<int32_t>(made->slots.size());
  variant.slots = made->slots.data();
  variant.num_lists = 1;
  variant.lists = &made->tree;
  variant.step = ranks == 1                      ? runAlone
                 : operation == LAMRT_ALL_REDUCE ? runSums
                                                 : runFused;
  lamina_program &program = made->program;
  program.struct_size = sizeof(program);
  program.abi_version = LAMRT_ABI_VERSION;
  program.num_files = 1;
  program.num_weights = 2;
  program.num_variants = 1;
  program.files = &made->file;
  program.weights = made->weights;
  program.variants = &variant;
  program.result_features = program.vocabulary = 1;
  program.max_context = kContext;
  return made;
}

std::unique_ptr<Ranks>
CollectiveSite::createRanks(int32_t rows, const lamrt_rank_options &options,
                            const std::vector<lamrt_choice> &choices,
                            int32_t timeout, lamrt_status &status) const {
  lamrt_rank_options rank = options;
  rank.struct_size = sizeof(rank);
  rank.ranks = ranks;
  rank.max_tokens = rows;
  rank.max_logit_rows = 1;
  bool isCuda = device == RankDevice::Cuda;
  rank.max_sequences = isCuda ? rows : 1;
  rank.num_pages = isCuda ? rows : rows / LAMRT_PAGE_POSITIONS + 1;
  rank.device = getDeviceName(device);
  rank.model_path = weightsPath.c_str();
  rank.measure = 1;
  lamrt_group_options group = {};
  group.timeout_ms = timeout;
  group.num_choices = static_cast<int32_t>(choices.size());
  group.choices = choices.data();
  return Ranks::create(program, rank, group, status);
}

double CollectiveSite::time(Ranks &ranks, int32_t rows,
                            lamrt_status &status) const {
  auto getMeasured = [&] {
    lamrt_statistics all = ranks.statistics();
    return all.phase_nanoseconds[LAMRT_PHASE_COLLECTIVES] +
           all.phase_nanoseconds[LAMRT_PHASE_NORMS];
  };
  bool isCuda = device == RankDevice::Cuda;
  std::vector<int32_t> ids(static_cast<size_t>(rows), 0), pages;
  for (int32_t page = 0; page <= rows / LAMRT_PAGE_POSITIONS; ++page)
    pages.push_back(page);
  StepBatch batch(isCuda ? 1 : static_cast<int32_t>(pages.size()));
  if (!isCuda)
    batch.add(ids.data(), rows, 0, pages, WantedLogits::None);
  for (int32_t i = 0; isCuda && i < rows; ++i)
    batch.add(ids.data(), 1, 0, {i}, WantedLogits::None);
  uint64_t before = getMeasured();
  const float *logits = nullptr;
  Stopwatch watch;
  status = ranks.step(batch.getStep(), &logits);
  double nanoseconds =
      isCuda ? watch.lap() * 1e9 : static_cast<double>(getMeasured() - before);
  return nanoseconds / countSites(rows, device);
}

} // namespace lamina::program
