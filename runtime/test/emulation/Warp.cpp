//===- Warp.cpp - Operations of the lanes of a warp -----------------------===//
//
// https://docs.nvidia.com/cuda/cuda-c-programming-guide/#warp-shuffle-functions
// https://docs.nvidia.com/cuda/cuda-c-programming-guide/#warp-vote-functions
//
//===----------------------------------------------------------------------===//

#include "Block.h"

namespace emulation {

uint64_t Block::meetWarp(WarpOperation operation, uint32_t mask, uint64_t value,
                         int source, Site site) {
  Thread &thread = self();
  thread.operation = operation;
  thread.mask = mask;
  thread.value = value;
  thread.source = source;
  thread.site = site;
  thread.spinning = false;
  spinsInARow = 0;
  if ((mask >> lane() & 1) == 0)
    fail(cudaErrorLaunchFailure, "lane " + std::to_string(lane()) +
                                     " is not in its own mask " +
                                     std::to_string(mask));
  thread.state = Thread::State::AtWarp;
  if (!checkWarp(running)) {
    pause(Thread::State::AtWarp);
  } else {
    resolveWarp(mask, running / 32 * 32);
  }
  // Of these only __syncwarp orders memory.
  if (operation == WarpOperation::Sync)
    tsan::acquire(thread.meeting);
  return thread.value;
}

/// Whether all lanes of the mask of a thread wait at its operation. Fails if
/// that cannot come to be.
bool Block::checkWarp(int number) {
  const Thread &thread = threads[number];
  int first = number / 32 * 32;
  bool complete = true;
  bool isFirst = true;
  char *meeting = nullptr;
  for (int l = 0; l < 32; ++l) {
    if ((thread.mask >> l & 1) == 0 || first + l == number)
      continue;
    if (first + l >= static_cast<int>(threads.size()))
      fail(cudaErrorLaunchFailure,
           "a mask names lane " + std::to_string(l) + ", which is not there");
    const Thread &other = threads[first + l];
    if (other.state == Thread::State::Exited)
      fail(cudaErrorLaunchFailure,
           "a mask names lane " + std::to_string(l) + ", which has exited");
    if (other.state != Thread::State::AtWarp) {
      complete = false;
      continue;
    }
    isFirst = false;
    meeting = other.meeting;
    if (other.mask != thread.mask || other.operation != thread.operation)
      fail(
          cudaErrorLaunchFailure,
          "lanes " + std::to_string(number - first) + " and " +
              std::to_string(l) + " of a warp differ in " +
              (other.mask != thread.mask ? "their masks" : "their operations"));
  }
  if (thread.operation == WarpOperation::Sync) {
    // All that meet release, and then acquire, one address.
    if (isFirst)
      meeting = &meetings[first + ++meetingTurns[first / 32] % 32];
    threads[number].meeting = meeting;
    tsan::release(meeting);
  }
  return complete;
}

/// Gives every lane of a mask its result; all but the caller become ready.
void Block::resolveWarp(uint32_t mask, int first) {
  uint64_t given[32] = {};
  uint64_t ballot = 0, sum = 0;
  for (int l = 0; l < 32; ++l)
    if ((mask >> l & 1) != 0) {
      given[l] = threads[first + l].value;
      ballot |= uint64_t(given[l] != 0) << l;
      sum += given[l];
    }
  for (int l = 0; l < 32; ++l) {
    if ((mask >> l & 1) == 0)
      continue;
    Thread &thread = threads[first + l];
    switch (thread.operation) {
    case WarpOperation::Sync:
      break;
    case WarpOperation::Shuffle:
      if (thread.source < 0 || thread.source > 31 ||
          (mask >> thread.source & 1) == 0)
        fail(cudaErrorLaunchFailure,
             "lane " + std::to_string(l) + " reads lane " +
                 std::to_string(thread.source) + ", which is not in the mask");
      thread.value = given[thread.source];
      break;
    case WarpOperation::Ballot:
      thread.value = ballot;
      break;
    case WarpOperation::ReduceAdd:
      thread.value = static_cast<uint32_t>(sum);
      break;
    }
    thread.state = Thread::State::Ready;
    if (first + l != running)
      ready.push_back(first + l);
  }
}

} // namespace emulation
