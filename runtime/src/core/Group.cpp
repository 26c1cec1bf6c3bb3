//===- Group.cpp - What the ranks of a process share ----------------------===//

#include "Group.h"

#include "Failure.h"

namespace lamina::runtime {

namespace {

constexpr int32_t kDefaultTimeout = 30000; // milliseconds

/// From so many rows a rank on, each does its own rows for all.
constexpr int64_t kSharedRows = 2;

} // namespace

lamrt_status checkVersion(const lamina_program &program) {
  if (program.abi_version == LAMRT_ABI_VERSION &&
      program.struct_size >= sizeof(lamina_program))
    return LAMRT_OK;
  return fail(LAMRT_UNSUPPORTED,
              "program: made for version %u of the runtime, this is %d",
              program.abi_version, LAMRT_ABI_VERSION);
}

lamrt_status Group::check(const lamina_program &program,
                          const lamrt_group_options &options) {
  if (options.struct_size < sizeof(lamrt_group_options))
    return fail(LAMRT_USAGE,
                "group: options of %u bytes, expected at least %zu",
                options.struct_size, sizeof(lamrt_group_options));
  if (options.timeout_ms < 0)
    return fail(LAMRT_USAGE,
                "group: a time limit of %d ms, expected none below "
                "0",
                options.timeout_ms);
  if (options.algorithm < LAMRT_BY_SIZE || options.algorithm > LAMRT_SEPARATE)
    return fail(LAMRT_USAGE, "group: algorithm %d, expected 0 to 3",
                options.algorithm);
  if (lamrt_status status = checkVersion(program))
    return status;
  if (options.ranks > kMaxRanks)
    return fail(LAMRT_UNSUPPORTED, "options: %d ranks, expected at most %d",
                options.ranks, kMaxRanks);
  std::string known;
  for (int32_t i = 0; i < program.num_variants; ++i) {
    if (program.variants[i].ranks == options.ranks && options.ranks > 0)
      return LAMRT_OK;
    known += (i ? ", " : "") + std::to_string(program.variants[i].ranks);
  }
  return fail(LAMRT_DEVICE, "program: has no code for %d ranks, expected %s",
              options.ranks, known.c_str());
}

Group::Group(const lamina_program &program, const lamrt_group_options &options)
    : program(program),
      meeting(options.ranks,
              options.timeout_ms ? options.timeout_ms : kDefaultTimeout),
      algorithm(options.algorithm) {}

int32_t Group::chooseAlgorithm(int32_t operation, int64_t rows) const {
  bool isFused = operation == LAMRT_ALL_REDUCE_RESIDUAL_RMS_NORM;
  if (algorithm != LAMRT_BY_SIZE && (isFused || algorithm != LAMRT_SEPARATE))
    return algorithm;
  return rows >= kSharedRows * ranks() ? LAMRT_TWO_SHOT : LAMRT_ONE_SHOT;
}

lamrt_status Group::join(const lamrt_rank_options &options) {
  std::lock_guard<std::mutex> lock(mutex);
  if (!hasRank) {
    first = options;
    hasRank = true;
    return LAMRT_OK;
  }
  const struct {
    const char *name;
    int32_t mine, theirs;
  } fields[] = {
      {"max_tokens", options.max_tokens, first.max_tokens},
      {"max_logit_rows", options.max_logit_rows, first.max_logit_rows},
      {"max_sequences", options.max_sequences, first.max_sequences},
      {"num_pages", options.num_pages, first.num_pages},
  };
  for (const auto &field : fields)
    if (field.mine != field.theirs)
      return fail(LAMRT_USAGE, "options: rank %d has %s %d, rank %d has %d",
                  options.rank, field.name, field.mine, first.rank,
                  field.theirs);
  return LAMRT_OK;
}

lamrt_status Group::openWeights(const lamrt_rank_options &options) {
  std::lock_guard<std::mutex> lock(mutex);
  if (isOpen)
    return LAMRT_OK;
  lamrt_status status = open(options);
  isOpen = status == LAMRT_OK;
  return status;
}

/// Maps and checks the model's files, or the packed file instead of them.
lamrt_status Group::open(const lamrt_rank_options &options) {
  bool verifyAll = options.verify_weights != 0;
  if (!isPacked(program)) {
    if (lamrt_status status =
            files.open(program, options.model_path, verifyAll))
      return status;
    return weights.resolve(program, &files);
  }
  if (lamrt_status status = weights.resolve(program, nullptr))
    return status;
  if (lamrt_status status = packedFile.open(program, options.model_path,
                                            weights.payloadBytes(), verifyAll))
    return status;
  weights.map(packedFile.payload());
  return LAMRT_OK;
}

lamrt_status Group::loadWeights(const cpu::Kernels &kernels, ThreadPool &pool,
                                const lamrt_rank_options &options) {
  std::lock_guard<std::mutex> lock(mutex);
  if (isLoaded)
    return LAMRT_OK;
  lamrt_status status = LAMRT_OK;
  if (!isPacked(program))
    status = weights.load(kernels, pool, options);
  isLoaded = status == LAMRT_OK;
  return status;
}

} // namespace lamina::runtime
