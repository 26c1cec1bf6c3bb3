//===- Group.cpp - What the ranks of a process share ----------------------===//

#include "Group.h"

#include "../comm/Meeting.h"
#include "../comm/MpiCommunicator.h"
#include "Failure.h"
#include "ProgramHash.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <string>

namespace lamina::runtime {

namespace {

/// Time limits that ranks may take longer than others to load their weights:
/// one may have them in its memory, another behind a network.
constexpr int32_t kLoadingPatience = 20;

/// The choices of the caller are for what the ranks run on.
AlgorithmChooser makeChooser(const lamrt_group_options &options,
                             RankDevice device) {
  if (options.choices)
    return {options.choices, static_cast<size_t>(options.num_choices),
            options.ranks};
  const std::vector<lamrt_choice> &shipped =
      CollectiveTable::shipped(device).choices;
  return {shipped.data(), shipped.size(), options.ranks};
}

} // namespace

lamrt_status checkVersion(const lamina_program &program) {
  if (program.abi_version == LAMRT_ABI_VERSION &&
      program.struct_size >= sizeof(lamina_program))
    return LAMRT_OK;
  return fail(LAMRT_UNSUPPORTED,
              "program: made for version %u of the runtime, this is %d",
              program.abi_version, LAMRT_ABI_VERSION);
}

lamrt_status Group::checkProgram(const lamina_program &program,
                                 const lamrt_group_options &options) {
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

/// Meets the other processes, and shows them what this one runs.
lamrt_status Group::startProcesses(const lamina_program &program,
                                   const lamrt_group_options &options,
                                   std::unique_ptr<Communicator> &out) {
  Launch launch;
  if (std::string error = readLaunch(launch); !error.empty())
    return fail(LAMRT_USAGE, "%s", error.c_str());
  if (launch.size < 2)
    return fail(LAMRT_USAGE, "environment: no launcher of MPI, expected mpirun "
                             "or srun with 2 processes or more");
  if (lamrt_status status = MpiCommunicator::create(
          launch, options.timeout_ms ? options.timeout_ms : kDefaultTimeout,
          out))
    return status;
  Statement statement;
  statement.add("version of the runtime", LAMRT_ABI_VERSION);
  statement.status = checkProgram(program, options);
  if (!statement.status && options.ranks != launch.size)
    statement.status =
        fail(LAMRT_USAGE, "options: %d ranks, %s has %d processes",
             options.ranks, launch.variable, launch.size);
  snprintf(statement.message, sizeof(statement.message), "%s", getLastError());
  statement.add("a program of hash", hashProgram(program));
  for (int32_t i = 0; i < program.num_variants; ++i)
    if (program.variants[i].ranks == options.ranks)
      statement.add("collectives of hash",
                    hashCollectives(program.variants[i]));
  statement.add("ranks", static_cast<uint64_t>(options.ranks));
  statement.add("a time limit of ms",
                static_cast<uint64_t>(options.timeout_ms ? options.timeout_ms
                                                         : kDefaultTimeout));
  statement.add("algorithm", static_cast<uint64_t>(options.algorithm));
  return out->agree(launch.rank, statement, 1);
}

lamrt_status Group::create(const lamina_program &program,
                           const lamrt_group_options &options,
                           std::unique_ptr<lamrt_group> &out) {
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
  if (options.num_choices < 0)
    return fail(LAMRT_USAGE, "group: %d choices, expected none below 0",
                options.num_choices);
  std::unique_ptr<Communicator> made;
  if (options.communicator == LAMRT_MPI) {
    if (lamrt_status status = startProcesses(program, options, made))
      return status;
  } else if (options.communicator != LAMRT_LOCAL) {
    return fail(LAMRT_USAGE, "group: communicator %d, expected 0 or 1",
                options.communicator);
  } else {
    if (lamrt_status status = checkProgram(program, options))
      return status;
    made.reset(new (std::nothrow) Meeting(
        options.ranks,
        options.timeout_ms ? options.timeout_ms : kDefaultTimeout));
  }
  if (made)
    out.reset(new (std::nothrow)
                  lamrt_group{{program, options, std::move(made)}});
  return out ? LAMRT_OK : fail(LAMRT_LIMIT, "memory: cannot make the group");
}

Group::Group(const lamina_program &program, const lamrt_group_options &options,
             std::unique_ptr<Communicator> made)
    : program(program), communicator(std::move(made)),
      algorithm(options.algorithm),
      chooser(makeChooser(options, RankDevice::Cpu)),
      deviceChooser(makeChooser(options, RankDevice::Cuda)),
      hasJoined(static_cast<size_t>(communicator->ranks())) {}

int32_t Group::chooseAlgorithm(int32_t operation, int64_t features,
                               int64_t rows, RankDevice device) const {
  if (device == RankDevice::Cuda)
    return algorithm != LAMRT_BY_SIZE
               ? algorithm
               : deviceChooser.choose(operation, features, rows);
  if (!communicator->sharesMemory())
    return LAMRT_ONE_SHOT;
  bool isFused = operation == LAMRT_ALL_REDUCE_RESIDUAL_RMS_NORM;
  if (algorithm != LAMRT_BY_SIZE && (isFused || algorithm != LAMRT_SEPARATE))
    return algorithm;
  return chooser.choose(operation, features, rows);
}

uint64_t Group::hashDeviceChoices() const {
  return deviceChooser.hash() ^ static_cast<uint64_t>(algorithm);
}

lamrt_status Group::join(const lamrt_rank_options &options) {
  std::lock_guard<std::mutex> lock(mutex);
  auto rank = static_cast<size_t>(options.rank);
  if (hasJoined[rank])
    return fail(LAMRT_USAGE, "options: rank %d is in the group already",
                options.rank);
  int32_t own = communicator->ownRank();
  if (own >= 0 && own != options.rank)
    return fail(LAMRT_USAGE, "options: rank %d, this process is rank %d",
                options.rank, own);
  bool isFirst =
      std::find(hasJoined.begin(), hasJoined.end(), true) == hasJoined.end();
  if (isFirst)
    first = options;
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
  hasJoined[rank] = true;
  return LAMRT_OK;
}

void Group::leave(int32_t rank) {
  std::lock_guard<std::mutex> lock(mutex);
  hasJoined[static_cast<size_t>(rank)] = false;
}

lamrt_status Group::agree(const lamrt_rank_options &options,
                          lamrt_status status) {
  Statement statement;
  statement.status = status;
  snprintf(statement.message, sizeof(statement.message), "%s", getLastError());
  if (!status)
    statement.add("a checkpoint of hash", hashTables(program));
  statement.add("max_tokens", static_cast<uint64_t>(options.max_tokens));
  statement.add("max_logit_rows",
                static_cast<uint64_t>(options.max_logit_rows));
  statement.add("max_sequences", static_cast<uint64_t>(options.max_sequences));
  statement.add("num_pages", static_cast<uint64_t>(options.num_pages));
  // Those who verify have read every byte of the weights.
  return agree(options, statement,
               options.verify_weights ? kLoadingPatience : 1);
}

lamrt_status Group::agreeOnStart(const lamrt_rank_options &options,
                                 lamrt_status status) {
  Statement statement;
  statement.status = status;
  snprintf(statement.message, sizeof(statement.message), "%s", getLastError());
  return agree(options, statement, kLoadingPatience);
}

lamrt_status Group::agree(const lamrt_rank_options &options,
                          const Statement &statement, int32_t patience) {
  int32_t own = communicator->ownRank();
  int32_t rank = own < 0 ? options.rank : own;
  if (rank < 0 || rank >= ranks())
    return fail(statement.status, "%s", statement.message);
  return communicator->agree(rank, statement, patience);
}

lamrt_status Group::meet() {
  int32_t own = communicator->ownRank();
  return own < 0 ? LAMRT_OK : communicator->agree(own, Statement(), 1);
}

lamrt_status Group::openWeights(const lamrt_rank_options &options) {
  std::lock_guard<std::mutex> lock(mutex);
  if (isOpen)
    return LAMRT_OK;
  lamrt_status status = open(options);
  isOpen = status == LAMRT_OK;
  // A device makes its own copies of the files' bytes.
  if (isOpen && options.device && strcmp(options.device, "cpu") != 0)
    weights.useSources();
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
