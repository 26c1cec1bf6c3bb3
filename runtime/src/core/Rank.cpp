//===- Rank.cpp - One rank on the CPU: creation and steps -----------------===//

#include "Rank.h"

#include "Failure.h"
#include "FloatingPointMode.h"
#include "Parking.h"
#include "lamina/Support/CheckedMath.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <new>

namespace lamina::runtime {

namespace {

/// A sum of products that remembers whether it fits 64 bits.
class SizeSum {
public:
  void add(std::initializer_list<int64_t> factors) {
    auto product = checkedProduct<int64_t>(factors);
    auto aligned = product ? checkedAlignUp(static_cast<uint64_t>(*product), 64)
                           : std::optional<uint64_t>();
    sum = sum && aligned ? checkedAdd(*sum, *aligned) : std::nullopt;
  }
  std::optional<uint64_t> get() const { return sum; }

private:
  std::optional<uint64_t> sum = 0;
};

unsigned long long toMebibytes(uint64_t bytes) {
  return (bytes + (1 << 20) - 1) >> 20;
}

bool isElementType(int32_t type) {
  return type >= LAMRT_F32 && type <= LAMRT_BF16;
}

lamrt_status checkSlot(const lamrt_variant &variant, int32_t index) {
  const lamrt_slot &slot = variant.slots[index];
  constexpr int64_t large = int64_t(1) << 40;
  bool valid =
      slot.rows >= 0 && slot.rows < LAMRT_NUM_SECTIONS &&
      isElementType(slot.type) && slot.features > 0 && slot.features < large &&
      slot.offset >= 0 && slot.offset < large && slot.offset % 64 == 0 &&
      slot.distribution >= LAMRT_WHOLE && slot.distribution <= LAMRT_OWN_ROWS;
  // The rows that a rank keeps lie in a section that is as short.
  valid = valid && (slot.distribution == LAMRT_OWN_ROWS) ==
                       (slot.rows == LAMRT_ROWS_OWN_TOKENS);
  if (valid && slot.distribution == LAMRT_COLUMNS)
    valid = slot.split_unit > 0 && slot.features % slot.split_unit == 0;
  if (valid)
    valid = slot.offset + getRowBytes(slot, variant.ranks) <=
            variant.arena_bytes[slot.rows];
  if (!valid)
    return fail(LAMRT_MALFORMED, "program: slot %d: lies outside its section",
                index);
  return LAMRT_OK;
}

} // namespace

lamrt_status Rank::checkOptions(const lamrt_rank_options &chosen) const {
  if (chosen.struct_size < sizeof(lamrt_rank_options))
    return fail(LAMRT_USAGE, "options: %u bytes, expected at least %zu",
                chosen.struct_size, sizeof(lamrt_rank_options));
  if (chosen.ranks < 1 || chosen.rank < 0 || chosen.rank >= chosen.ranks)
    return fail(LAMRT_USAGE, "options: rank %d of %d", chosen.rank,
                chosen.ranks);
  if (chosen.group ? chosen.group->group.ranks() != chosen.ranks
                   : chosen.ranks != 1)
    return fail(LAMRT_USAGE, "options: rank %d of %d without a group of them",
                chosen.rank, chosen.ranks);
  if (chosen.max_tokens < 1 || chosen.max_logit_rows < 1 ||
      chosen.max_sequences < 1 || chosen.num_pages < 1 || chosen.threads < 0)
    return fail(LAMRT_USAGE,
                "options: rows, sequences and pages must be positive");
  if (chosen.device && strcmp(chosen.device, "cpu") != 0 &&
      strcmp(chosen.device, "cuda") != 0)
    return fail(LAMRT_USAGE, "options: device '%s', expected cpu or cuda",
                chosen.device);
  if (chosen.threads > 1024)
    return fail(LAMRT_USAGE, "options: %d threads, expected at most 1024",
                chosen.threads);
  return LAMRT_OK;
}

lamrt_status Rank::checkProgram(const lamina_program &code,
                                const lamrt_rank_options &chosen) {
  for (int32_t i = 0; i < code.num_variants; ++i)
    if (code.variants[i].ranks == chosen.ranks)
      variant = &code.variants[i];
  if (!variant || !variant->step)
    return fail(LAMRT_MALFORMED, "program: its code for %d ranks is absent",
                chosen.ranks);
  const lamrt_cache &kv = code.cache;
  // A step without attention has no cache.
  bool valid = (kv.num_layers == 0 && kv.kv_heads == 0 && kv.head_dim == 0) ||
               (kv.num_layers > 0 && kv.kv_heads > 0 && kv.head_dim > 0);
  valid = valid && isElementType(kv.type) && code.result_features > 0 &&
          code.vocabulary > 0 && code.max_context > 0 &&
          code.max_context <= INT32_MAX - LAMRT_PAGE_POSITIONS &&
          code.num_files >= 0 && code.num_weights >= 0;
  valid = valid && variant->kv_heads >= 0 && variant->kv_heads <= kv.kv_heads;
  for (int64_t bytes : variant->arena_bytes)
    valid = valid && bytes >= 0 && bytes % 64 == 0;
  for (int32_t i = 0; i < code.num_frequencies; ++i)
    valid = valid && code.frequencies[i].size > 0;
  if (!valid)
    return fail(LAMRT_MALFORMED, "program: its header is damaged");
  for (int32_t i = 0; i < variant->num_slots; ++i)
    if (lamrt_status status = checkSlot(*variant, i))
      return status;
  return LAMRT_OK;
}

/// Computes the bytes of arena, cache and scratch.
lamrt_status Rank::planMemory() {
  const lamrt_cache &kv = program->cache;
  sectionRows[LAMRT_ROWS_TOKENS] = options.max_tokens;
  sectionRows[LAMRT_ROWS_LOGITS] = options.max_logit_rows;
  sectionRows[LAMRT_ROWS_OWN_TOKENS] = getMostOwnRows(options.max_tokens);
  SizeSum arenaSize, cacheSize, scratchSize;
  for (int s = 0; s < LAMRT_NUM_SECTIONS; ++s)
    arenaSize.add({variant->arena_bytes[s], sectionRows[s]});

  int64_t head = LAMRT_PAGE_POSITIONS * cpu::getBlockBytes(kv.type);
  cacheSize.add({options.num_pages, kv.num_layers, 2, variant->kv_heads,
                 kv.head_dim, head});

  int64_t widest = 0;
  for (int32_t i = 0; i < variant->num_slots; ++i)
    widest = std::max(widest, variant->slots[i].features);
  // Inputs of products are as wide as their weights; taps may be of any slot.
  int64_t widestInput = options.tap ? widest : 1;
  for (int32_t i = 0; i < program->num_weights; ++i)
    widestInput = std::max(widestInput, program->weights[i].in);
  // It holds the sum over ranks, too, if that is an operation of its own.
  for (int32_t i = 0; i < variant->num_slots; ++i)
    if (variant->slots[i].distribution == LAMRT_PARTIAL)
      widestInput = std::max(widestInput, variant->slots[i].features);
  preparedFloats = cpu::getMaxInputBytes(widestInput) / 4;
  threadScratchFloats =
      std::max(cpu::getAttentionScratch(kv.head_dim, program->max_context),
               int64_t(kv.kv_heads) * kv.head_dim);
  if (isGroup()) // a row of a sum
    threadScratchFloats = std::max(threadScratchFloats, widest);
  threadScratchFloats = (threadScratchFloats + 15) / 16 * 16;
  scratchSize.add({options.max_tokens, preparedFloats, 4});
  scratchSize.add({options.max_logit_rows, program->result_features, 4});
  scratchSize.add({options.threads, threadScratchFloats, 4});
  for (int32_t i = 0; i < program->num_frequencies; ++i)
    scratchSize.add({options.max_tokens, program->frequencies[i].size, 2, 4});

  if (!arenaSize.get() || !cacheSize.get() || !scratchSize.get())
    return fail(LAMRT_LIMIT, "memory: needs more than 2^64 bytes");
  arenaBytes = *arenaSize.get();
  cacheBytes = *cacheSize.get();
  scratchBytes = *scratchSize.get();
  headBytes = kv.head_dim * head;
  layerBytes = 2 * variant->kv_heads * headBytes;
  pageBytes = kv.num_layers * layerBytes;
  return LAMRT_OK;
}

/// Checks that the system has what this rank and those behind it need.
lamrt_status Rank::checkMemory() const {
  // Other processes look after themselves.
  unsigned __int128 ranks =
      group->getCommunicator().ownRank() < 0
          ? static_cast<uint32_t>(options.ranks - options.rank)
          : 1;
  unsigned __int128 needed = cacheBytes;
  needed += arenaBytes;
  needed += scratchBytes;
  needed = needed * ranks + group->requiredBytes();
  MemoryLimit limit = getMemoryLimit();
  if (needed <= limit.bytes)
    return LAMRT_OK;
  auto all = static_cast<uint64_t>(ranks);
  return fail(LAMRT_LIMIT,
              "memory: needs %llu MiB (weights %llu, KV cache %llu, "
              "activations %llu), limit %llu MiB (%s)",
              toMebibytes(static_cast<uint64_t>(needed)),
              toMebibytes(group->requiredBytes()),
              toMebibytes(cacheBytes * all),
              toMebibytes((arenaBytes + scratchBytes) * all),
              toMebibytes(limit.bytes), limit.source);
}

lamrt_status Rank::allocateMemory() {
  if (lamrt_status status = arena.allocate(arenaBytes, "activations"))
    return status;
  if (lamrt_status status = cache.allocate(cacheBytes, "KV cache"))
    return status;
  if (lamrt_status status = scratch.allocate(scratchBytes, "activations"))
    return status;
  uint8_t *place = arena.data();
  for (int s = 0; s < LAMRT_NUM_SECTIONS; ++s) {
    sections[s] = place;
    place += variant->arena_bytes[s] * sectionRows[s];
  }
  auto *floats = reinterpret_cast<float *>(scratch.data());
  auto take = [&](int64_t count) {
    float *taken = floats;
    floats += (count + 15) / 16 * 16;
    return taken;
  };
  prepared =
      reinterpret_cast<uint8_t *>(take(options.max_tokens * preparedFloats));
  logits = take(options.max_logit_rows * program->result_features);
  threadScratch = take(options.threads * threadScratchFloats);
  for (int32_t i = 0; i < program->num_frequencies; ++i)
    angles.push_back(
        take(int64_t(options.max_tokens) * program->frequencies[i].size * 2));
  anglesAreKnown.assign(angles.size(), 0);
  stepArrays.allocate({options.max_tokens, options.max_logit_rows,
                       options.max_sequences, options.num_pages,
                       program->vocabulary, program->max_context});
  return LAMRT_OK;
}

/// A rank alone makes its own group.
lamrt_status Rank::joinGroup() {
  if (!options.group) {
    const lamrt_group_options alone = {sizeof(alone), 1, 0,      LAMRT_BY_SIZE,
                                       LAMRT_LOCAL,   0, nullptr};
    lamrt_group *made = nullptr;
    lamrt_status status = lamrt_group_create(program, &alone, &made);
    ownGroup.reset(made);
    if (status)
      return status;
  }
  group = options.group ? &options.group->group : &ownGroup->group;
  if (&group->getProgram() != program)
    return fail(LAMRT_USAGE, "options: the group is of another program");
  if (lamrt_status status = group->join(options))
    return status;
  hasJoined = true;
  weights = &group->getWeights();
  return LAMRT_OK;
}

Rank::~Rank() {
  if (hasJoined)
    group->leave(options.rank);
}

uint64_t Rank::getOfferBytes() const {
  int64_t most = 0;
  for (int32_t i = 0; i < variant->num_slots; ++i)
    if (const lamrt_slot &slot = variant->slots[i];
        slot.distribution == LAMRT_PARTIAL ||
        slot.distribution == LAMRT_COLUMNS ||
        slot.distribution == LAMRT_OWN_ROWS)
      most = std::max(most, getRowBytes(slot, options.ranks) *
                                sectionRows[slot.rows]);
  return static_cast<uint64_t>(most);
}

/// What a device cannot do.
lamrt_status Rank::checkForDevice() const {
  if (group->getCommunicator().ownRank() >= 0)
    return fail(LAMRT_UNSUPPORTED,
                "cuda: ranks in processes; run the program with --tp");
  return LAMRT_OK;
}

/// All but the weights' bytes.
lamrt_status Rank::prepare(const lamina_program &code,
                           const lamrt_rank_options &chosen,
                           lamrt_rank *handle) {
  if (lamrt_status status = checkOptions(chosen))
    return status;
  // Checks that the program is of this runtime, and has such ranks.
  if (lamrt_status status = joinGroup())
    return status;
  if (lamrt_status status = checkProgram(code, chosen))
    return status;
  kernels = cpu::selectKernels(options.cpu_level);
  if (!kernels)
    return fail(LAMRT_DEVICE, "cpu: this processor has no level %s",
                options.cpu_level ? options.cpu_level : "v2");
  if (options.device && strcmp(options.device, "cpu") != 0) {
    if (lamrt_status status = checkForDevice())
      return status;
    device = std::make_unique<Device>();
    if (lamrt_status status = device->open())
      return status;
  }
  if (options.threads == 0)
    options.threads = getUsableProcessors();
  if (lamrt_status status = group->openWeights(options))
    return status;
  if (device)
    return prepareDevice(handle);
  if (lamrt_status status = planMemory())
    return status;
  if (lamrt_status status = checkMemory())
    return status;
  if (lamrt_status status = allocateMemory())
    return status;
  if (lamrt_status status = group->getCommunicator().reserve(getOfferBytes()))
    return status;
  return pool.start(options.threads);
}

lamrt_status Rank::create(const lamina_program &code,
                          const lamrt_rank_options &chosen,
                          lamrt_rank *handle) {
  FloatingPointMode mode;
  program = &code;
  options = chosen;
  lamrt_status status = prepare(code, chosen, handle);
  Group *shared = chosen.group ? &chosen.group->group : group;
  if (!shared)
    return status;
  status = shared->agree(options, status);
  if (status)
    return status;
  status = device ? device->load(options)
                  : group->loadWeights(*kernels, pool, options);
  // Borrowed strings of the caller end with this call.
  options.model_path = options.cpu_level = options.device = nullptr;
  return group->agreeOnStart(options, status);
}

void Rank::runCode(const lamrt_step &step, lamrt_rank *handle) {
  expectedStep = &step;
  isOpen = isEnded = hasResult = logitsAreNotFinite = false;
  stepStatus = LAMRT_OK;
  stepResult = nullptr;
  lamrt_status status = variant->step(handle, &step);
  isOpen = false;
  expectedStep = nullptr;
  if (stepStatus)
    return;
  if (status)
    failStep(fail(status, "program: its code ended with status %d", status));
  else if (!isEnded)
    failStep(fail(LAMRT_INTERNAL, "program: its code did not end the step"));
  else if (stepArrays.numLogitRows() > 0 && !hasResult)
    failStep(fail(LAMRT_INTERNAL, "program: its code gave no result"));
}

lamrt_status Rank::step(const lamrt_step &step, const float **outLogits,
                        lamrt_rank *handle) {
  FloatingPointMode mode;
  runCode(step, handle);
  // Peers free what this rank's kernels read once all ranks have come back.
  if (device && stepStatus && isGroup())
    (void)device->run(&BackendTable::stop);
  // Other ranks have ended with the failure: they would have to run again.
  if (logitsAreNotFinite && !isGroup())
    return explainNonFinite(step, handle);
  if (stepStatus)
    return stepStatus;
  stepArrays.commit();
  ++numSteps;
  *outLogits = stepResult;
  return LAMRT_OK;
}

void Rank::beginStep(const lamrt_step &step) {
  if (stepStatus)
    return;
  if (&step != expectedStep || isOpen || isEnded) {
    stepStatus = fail(LAMRT_INTERNAL, "program: it began another step");
    return;
  }
  // A rank that comes too late may find no step any more.
  stepStatus = group->getCommunicator().check();
  if (!stepStatus)
    stepStatus = stepArrays.begin(step);
  if (device && !stepStatus)
    beginOnDevice();
  std::fill(anglesAreKnown.begin(), anglesAreKnown.end(), 0);
  isOpen = true;
}

lamrt_status Rank::endStep() {
  if (!isOpen && !stepStatus)
    stepStatus = fail(LAMRT_INTERNAL, "program: it ended no step");
  // A rank that ends its step early must not leave the others waiting.
  if (device && isOpen && !stepStatus)
    endOnDevice();
  if (isGroup() && isOpen && !stepStatus && !(device && device->isPlanning()))
    meetAtEnd();
  isOpen = false;
  isEnded = true;
  return stepStatus;
}

uint64_t Rank::startMeasuring() const {
  if (!options.measure)
    return 0;
  return static_cast<uint64_t>(getNanoseconds());
}

void Rank::addMeasured(int32_t phase, uint64_t start) {
  if (options.measure)
    phaseNanoseconds[phase] += startMeasuring() - start;
}

void Rank::getStatistics(lamrt_statistics &statistics) const {
  statistics.threads = pool.threads();
  statistics.cpu_level = kernels->level;
  statistics.packed_weight_bytes =
      device ? device->weightBytes() : weights->packedBytes();
  statistics.arena_bytes = arenaBytes + scratchBytes;
  statistics.cache_bytes = cacheBytes;
  statistics.steps = numSteps;
  statistics.weight_bytes_read = weightBytesRead;
  statistics.multiply_adds = multiplyAdds;
  std::copy(phaseNanoseconds, phaseNanoseconds + LAMRT_NUM_PHASES,
            statistics.phase_nanoseconds);
}

} // namespace lamina::runtime
