//===- Processes.cpp - Ranks that mpirun started --------------------------===//

#include "program/Processes.h"

#include "comm/MpiCommunicator.h"
#include "core/Failure.h"
#include "core/Group.h"
#include "core/HostResources.h"
#include "program/Modes.h"
#include "program/Output.h"
#include "program/Ranks.h"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

namespace lamina::program {

namespace {

/// By how much a rank reports a failure later than the one before it: the first
/// report ends the processes of all.
constexpr useconds_t kReportGap = 50000; // microseconds
constexpr int32_t kMaxGaps = 10;
/// Time limits for what rank 0 does alone: reads the tokenizer and the prompt;
/// writes a file.
constexpr int32_t kPreparingPatience = 5, kWritingPatience = 20;
/// That a launcher may take to read a report.
constexpr useconds_t kForwardingTime = 20000; // microseconds

/// Reports the failure of `group`, null for that of one that was not made.
lamrt_status reportInTurn(int32_t rank, const lamrt_group *group,
                          lamrt_status status) {
  usleep(static_cast<useconds_t>(std::min(rank, kMaxGaps)) * kReportGap);
  return reportLastError(describeFailure(group, status, lamrt_last_error()));
}

/// Processors that a rank may use beside the others of its host. A launcher
/// that binds its processes has shared them out already.
int32_t getThreads(const Options &options, const Launch &launch) {
  if (options.threads)
    return options.threads;
  int32_t usable = runtime::getUsableProcessors();
  bool isBound = usable < sysconf(_SC_NPROCESSORS_ONLN);
  return isBound ? usable : std::max(1, usable / launch.localSize);
}

/// The rank of a process that is not rank 0.
class Follower {
public:
  Follower(const lamina_program &program, const Options &options,
           lamrt_group *group)
      : program(program), group(group),
        engine(getEngineOptions(program, options, 1)) {}
  ~Follower() { lamrt_rank_destroy(rank); }
  Follower(const Follower &) = delete;
  Follower &operator=(const Follower &) = delete;

  /// Does what rank 0 tells until it says the end, whose code it stores.
  lamrt_status run(int32_t &code);

private:
  lamrt_status create(const int32_t *words, uint64_t size);
  lamrt_status step(const int32_t *words, uint64_t size);

  const lamina_program &program;
  lamrt_group *group;
  EngineOptions engine;
  lamrt_rank *rank = nullptr;
};

lamrt_status failMessage() {
  return runtime::fail(LAMRT_INTERNAL, "group: a message of rank 0 is damaged");
}

lamrt_status Follower::create(const int32_t *words, uint64_t size) {
  lamrt_rank_options options = {};
  options.struct_size = sizeof(options);
  options.ranks = engine.ranks;
  options.rank = lamrt_group_rank(group);
  options.group = group;
  options.threads = engine.threads;
  options.model_path = engine.modelPath;
  options.cpu_level = engine.cpuLevel;
  options.device = engine.device;
  options.verify_weights = engine.verifyWeights;
  if (!decodeCreate(words, size, options))
    return failMessage();
  lamrt_rank_destroy(rank);
  rank = nullptr;
  // If it fails, it does so on all ranks, and rank 0 says what comes next.
  (void)lamrt_rank_create(&program, &options, &rank);
  return LAMRT_OK;
}

lamrt_status Follower::step(const int32_t *words, uint64_t size) {
  lamrt_step next = {};
  const float *none = nullptr;
  if (!rank || !decodeStep(words, size, next))
    return failMessage();
  return lamrt_rank_step(rank, &next, &none);
}

/// Time limits that the next message of rank 0 may take behind one of `kind`; 0
/// if it may take any time.
int32_t getPatience(Message kind) {
  switch (kind) {
  case Message::Wait:
    return 0;
  case Message::Meet:
    return kWritingPatience;
  case Message::Step:
    return 1;
  default:
    return kPreparingPatience;
  }
}

lamrt_status Follower::run(int32_t &code) {
  int32_t patience = kPreparingPatience;
  for (;;) {
    const void *data = nullptr;
    uint64_t bytes = 0;
    if (lamrt_status status =
            lamrt_group_receive(group, patience, &data, &bytes))
      return status;
    auto *words = static_cast<const int32_t *>(data);
    uint64_t size = bytes / sizeof(int32_t);
    lamrt_status status = LAMRT_OK;
    Message kind = getKind(words, size);
    switch (kind) {
    case Message::Create:
      status = create(words, size);
      break;
    case Message::Step:
      status = step(words, size);
      break;
    case Message::Wait:
      break;
    case Message::Meet:
      status = lamrt_group_meet(group);
      break;
    case Message::End:
      return decodeEnd(words, size, code) ? LAMRT_OK : failMessage();
    default:
      status = failMessage();
    }
    if (status)
      return status;
    patience = getPatience(kind);
  }
}

int follow(const lamina_program &program, const Options &options,
           lamrt_group *group) {
  Follower follower(program, options, group);
  int32_t code = LAMRT_OK;
  lamrt_status status = follower.run(code);
  if (!status)
    return code;
  return reportInTurn(lamrt_group_rank(group), group, status);
}

/// All ranks have done what there was, which returned `code`; rank 0 says so. A
/// rank that is lost before that is missed by the others.
lamrt_status meetAtEnd(lamrt_group *group, int32_t code) {
  if (lamrt_group_failure(group, nullptr))
    return LAMRT_OK; // which has been said
  lamrt_status status = LAMRT_OK;
  if (lamrt_group_rank(group) == 0)
    status = tell(group, encodeEnd(code));
  if (!status)
    status = lamrt_group_meet(group);
  return status;
}

} // namespace

lamrt_status tell(lamrt_group *processes, const Words &message) {
  return lamrt_group_broadcast(processes, message.data(),
                               message.size() * sizeof(int32_t));
}

lamrt_status meetBeforeOutput(lamrt_group *processes) {
  if (!processes)
    return LAMRT_OK;
  if (lamrt_status status = tell(processes, encodeMeet()))
    return status;
  return lamrt_group_meet(processes);
}

void failTogether(const Launch &launch, int32_t timeout, lamrt_status status,
                  const std::string &message) {
  std::unique_ptr<runtime::Communicator> communicator;
  int64_t milliseconds =
      timeout ? timeout * int64_t(1000) : runtime::kDefaultTimeout;
  if (runtime::MpiCommunicator::create(launch, milliseconds, communicator)) {
    // Nobody can be told. If all have the same to say, rank 0 says it.
    if (!launch.isSpokenFor())
      reportError(status, message);
    fflush(stderr);
    _exit(status);
  }
  runtime::Statement statement;
  statement.status = status;
  snprintf(statement.message, sizeof(statement.message), "%s", message.c_str());
  lamrt_status judged = communicator->agree(launch.rank, statement, 1);
  // The others end MPI too, before they say anything.
  communicator.reset();
  reportInTurn(launch.rank, nullptr, judged);
  fflush(stderr);
  _exit(judged);
}

int runProcesses(const lamina_program &program, Options &options,
                 const Launch &launch, const std::function<int()> &mode) {
  setMuted(false);
  options.ranks = launch.size;
  options.threads = getThreads(options, launch);
  lamrt_group_options group = {
      sizeof(group), launch.size, options.commTimeout * 1000,
      LAMRT_BY_SIZE, LAMRT_MPI,   0,
      nullptr};
  if (lamrt_status status =
          lamrt_group_create(&program, &group, &options.processes)) {
    reportInTurn(launch.rank, nullptr, status);
    // A thread may be waiting in MPI: nothing can be taken down in order.
    fflush(stderr);
    _exit(status);
  }
  // A failure to tell is one of the group: the next step says so.
  if (launch.rank == 0)
    setWaitHook([&] { (void)tell(options.processes, encodeWait()); });
  int code =
      launch.rank == 0 ? mode() : follow(program, options, options.processes);
  setWaitHook(nullptr);
  if (lamrt_status status = meetAtEnd(options.processes, code))
    code = reportInTurn(launch.rank, options.processes, status);
  if (lamrt_group_failure(options.processes, nullptr)) {
    fflush(stderr);
    // Launchers lose what is in their pipes when a process aborts.
    usleep(kForwardingTime);
    lamrt_group_end(options.processes, code);
    _exit(code);
  }
  lamrt_group_destroy(options.processes);
  return code;
}

} // namespace lamina::program
