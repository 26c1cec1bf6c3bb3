//===- Ranks.cpp - The ranks of a process, a thread each ------------------===//

#include "program/Ranks.h"

#include "core/Failure.h"
#include "core/HostResources.h"
#include "program/Output.h"

#include <algorithm>
#include <string>

namespace lamina::program {

namespace {

/// How long the others may take to end a step that has failed.
constexpr int64_t kPatience = 1000000000; // nanoseconds

} // namespace

std::unique_ptr<Ranks> Ranks::create(const lamina_program &program,
                                     const lamrt_rank_options &options,
                                     int32_t timeout, int32_t algorithm,
                                     lamrt_status &status) {
  std::unique_ptr<Ranks> made(new Ranks);
  Shared &shared = *made->shared;
  lamrt_group_options group = {sizeof(group), options.ranks, timeout,
                               algorithm};
  status = lamrt_group_create(&program, &group, &shared.group);
  if (status)
    return nullptr;
  lamrt_rank_options rank = options;
  rank.group = shared.group;
  int32_t threads =
      options.threads ? options.threads : runtime::getUsableProcessors();
  rank.threads = std::max(1, threads / options.ranks);
  for (rank.rank = 0; rank.rank < options.ranks && !status; ++rank.rank) {
    shared.ranks.push_back(nullptr);
    status = lamrt_rank_create(&program, &rank, &shared.ranks.back());
    // One of them shows what goes on.
    rank.progress = nullptr;
    rank.tap = nullptr;
  }
  shared.results.resize(shared.ranks.size());
  shared.messages.resize(shared.ranks.size());
  if (!status && options.ranks > 1)
    status = shared.threads.start(options.ranks + 1);
  return status ? nullptr : std::move(made);
}

Ranks::~Ranks() {
  if (isLost) {
    (void)shared.release();
    return;
  }
  for (lamrt_rank *rank : shared->ranks)
    lamrt_rank_destroy(rank);
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
  if (!isLost) {
    shared->step = step;
    isLost = !runStep();
  }
  if (isLost)
    return describeFailure(LAMRT_DEVICE, "");
  *logits = shared->logits;
  for (size_t i = 0; i < shared->results.size(); ++i)
    if (lamrt_status status = shared->results[i])
      return describeFailure(status, shared->messages[i].c_str());
  return LAMRT_OK;
}

/// Prefers what the group knows: other ranks fail because the first did.
lamrt_status Ranks::describeFailure(lamrt_status status,
                                    const char *message) const {
  lamrt_status first = lamrt_group_failure(shared->group, &message);
  if (!first)
    return runtime::fail(status, "%s", message);
  std::string text = message;
  size_t line = std::min(text.find('\n'), text.size());
  setErrorDetails(text.substr(std::min(line + 1, text.size())));
  return runtime::fail(first, "%s", text.substr(0, line).c_str());
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
