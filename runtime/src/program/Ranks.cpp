//===- Ranks.cpp - The ranks of a process, a thread each ------------------===//

#include "program/Ranks.h"

#include "core/Failure.h"
#include "core/HostResources.h"
#include "program/Output.h"
#include "program/Processes.h"

#include <algorithm>
#include <string>

namespace lamina::program {

namespace {

/// How long the others may take to end a step that has failed.
constexpr int64_t kPatience = 1000000000; // nanoseconds

} // namespace

lamrt_status Ranks::createAll(const lamina_program &program,
                              const lamrt_rank_options &options,
                              lamrt_group_options groupOptions) {
  groupOptions.struct_size = sizeof(groupOptions);
  groupOptions.ranks = options.ranks;
  if (lamrt_status status =
          lamrt_group_create(&program, &groupOptions, &shared->group))
    return status;
  lamrt_rank_options rank = options;
  rank.group = shared->group;
  int32_t threads =
      options.threads ? options.threads : runtime::getUsableProcessors();
  rank.threads = std::max(1, threads / options.ranks);
  for (rank.rank = 0; rank.rank < options.ranks; ++rank.rank) {
    shared->ranks.push_back(nullptr);
    if (lamrt_status status =
            lamrt_rank_create(&program, &rank, &shared->ranks.back()))
      return status;
    // One of them shows what goes on.
    rank.progress = nullptr;
    rank.tap = nullptr;
  }
  return options.ranks > 1 ? shared->threads.start(options.ranks + 1)
                           : LAMRT_OK;
}

lamrt_status Ranks::createRoot(const lamina_program &program,
                               const lamrt_rank_options &options) {
  shared->group = options.group;
  if (lamrt_status status = tell(options.group, encodeCreate(options)))
    return status;
  shared->ranks.push_back(nullptr);
  return lamrt_rank_create(&program, &options, &shared->ranks.back());
}

std::unique_ptr<Ranks> Ranks::create(const lamina_program &program,
                                     const lamrt_rank_options &options,
                                     lamrt_group_options groupOptions,
                                     lamrt_status &status) {
  std::unique_ptr<Ranks> made(new Ranks);
  status = options.group ? made->createRoot(program, options)
                         : made->createAll(program, options, groupOptions);
  made->shared->results.resize(made->shared->ranks.size());
  made->shared->messages.resize(made->shared->ranks.size());
  return status ? nullptr : std::move(made);
}

Ranks::~Ranks() {
  if (isLost) {
    (void)shared.release();
    return;
  }
  for (lamrt_rank *rank : shared->ranks)
    lamrt_rank_destroy(rank);
  // Processes go on: there may be other ranks for them to make.
  if (!areProcesses())
    lamrt_group_destroy(shared->group);
}

void Ranks::Shared::runStep(int32_t rank) {
  auto index = static_cast<size_t>(rank);
  const float *result = nullptr;
  results[index] = lamrt_rank_step(ranks[index], &step, &result);
  if (results[index])
    messages[index] = lamrt_last_error();
  if (rank == 0)
    logits = result;
}

/// Returns whether all ranks have come back.
bool Ranks::runStep() {
  auto count = static_cast<int32_t>(shared->ranks.size());
  if (count == 1) {
    shared->runStep(0);
    return true;
  }
  return shared->threads.tryRun(
      count, kPatience,
      [](void *all, int32_t thread) {
        if (thread > 0)
          static_cast<Shared *>(all)->runStep(thread - 1);
      },
      [](void *all) {
        return lamrt_group_failure(static_cast<Shared *>(all)->group,
                                   nullptr) != LAMRT_OK;
      },
      shared.get());
}

lamrt_status Ranks::step(const lamrt_step &step, const float **logits) {
  if (areProcesses())
    if (lamrt_status status = tell(shared->group, encodeStep(step)))
      return describeFailure(shared->group, status, lamrt_last_error());
  if (!isLost) {
    shared->step = step;
    isLost = !runStep();
  }
  if (isLost)
    return describeFailure(shared->group, LAMRT_DEVICE, "");
  *logits = shared->logits;
  for (size_t i = 0; i < shared->results.size(); ++i)
    if (lamrt_status status = shared->results[i])
      return describeFailure(shared->group, status,
                             shared->messages[i].c_str());
  return LAMRT_OK;
}

/// Prefers what the group knows: other ranks fail because the first did.
lamrt_status describeFailure(const lamrt_group *group, lamrt_status status,
                             const char *message) {
  std::string last = message;
  const char *first = nullptr;
  if (lamrt_status failure = lamrt_group_failure(group, &first)) {
    status = failure;
    last = first;
  }
  size_t line = std::min(last.find('\n'), last.size());
  setErrorDetails(last.substr(std::min(line + 1, last.size())));
  return runtime::fail(status, "%s", last.substr(0, line).c_str());
}

lamrt_statistics Ranks::statistics() const {
  lamrt_statistics all = {};
  all.struct_size = sizeof(all);
  if (isLost)
    return all;
  for (size_t i = shared->ranks.size(); i-- > 0;) {
    lamrt_statistics one = {};
    one.struct_size = sizeof(one);
    lamrt_rank_statistics(shared->ranks[i], &one);
    one.threads += all.threads;
    one.arena_bytes += all.arena_bytes;
    one.cache_bytes += all.cache_bytes;
    one.weight_bytes_read += all.weight_bytes_read;
    one.multiply_adds += all.multiply_adds;
    all = one;
  }
  return all;
}

} // namespace lamina::program
