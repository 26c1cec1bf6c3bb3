//===- FaultyProgram.cpp - Ranks that can be made to do wrong -------------===//

#include "FaultyProgram.h"

#include "core/Rank.h"

#include <chrono>
#include <csignal>
#include <thread>
#include <unistd.h>

namespace lamina::test {

Faults &getFaults() {
  static Faults faults;
  return faults;
}

namespace {

void stall() {
  while (!getFaults().isReleased.load())
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

bool isGuilty(lamrt_rank *rank) {
  return rank->rank.number() == getFaults().guilty.load();
}

/// True if `rank` is the guilty one and is to do `which` now; then it has.
bool does(lamrt_rank *rank, Fault which) {
  Faults &faults = getFaults();
  if (!isGuilty(rank) || faults.fault.load() != which ||
      faults.numBegun.load() < faults.firstStep.load())
    return false;
  faults.hasFired = true;
  if (faults.onFire)
    faults.onFire();
  return true;
}

/// The other slots.
enum Slot {
  kColumns = kRows + 1,
  kRoot,
  kOneUnit,
  kAddends,
  kHalfColumns = kOwn + 1,
  kHalfRoot
};
enum List { kTree, kLeaves, kOuts, kToAddends };

void endProcess(lamrt_rank *rank) {
  if (does(rank, Fault::DiesBefore))
    raise(SIGKILL);
  if (does(rank, Fault::IsStoppedBefore))
    raise(SIGSTOP);
  if (does(rank, Fault::ExitsBefore))
    _exit(0);
}

lamrt_status runFaultyStep(lamrt_rank *rank, const lamrt_step *step) {
  if (isGuilty(rank))
    ++getFaults().numBegun;
  if (does(rank, Fault::StallsAtTheStart))
    stall();
  lamrt_step_begin(rank, step);
  lamrt_embed(rank, kEmbedding, kPartial);
  if (does(rank, Fault::StallsBefore)) {
    stall();
    lamrt_tap(rank, 0, 0, kRest);
  }
  if (does(rank, Fault::FailsInside))
    lamrt_embed(rank, -5, kPartial);
  endProcess(rank);
  if (does(rank, Fault::AddsTwice))
    lamrt_linear(rank, kOneUnit, kEmbedding, 0, -1, kLeaves, kToAddends, 0);
  if (does(rank, Fault::ReturnsError))
    return LAMRT_LIMIT;
  if (does(rank, Fault::SwapsTwo))
    lamrt_all_reduce_residual_rms_norm(rank, kPartial, kRest, kAttentionNorm, 0,
                                       -1, 0, 1e-5, LAMRT_NORM_HF, kTree, kNorm,
                                       kRest);
  if (does(rank, Fault::OtherShape))
    lamrt_gather(rank, kColumns, kRoot);
  else if (!does(rank, Fault::Skips))
    lamrt_all_reduce(rank, kPartial, -1, 0, kTree, kRest);
  // So that the residual is no multiple of the sum that it is added to.
  lamrt_rms_norm(rank, kRest, kAttentionNorm, 0, 1e-5, LAMRT_NORM_HF, kRest);
  lamrt_shard_rows(rank, does(rank, Fault::SharesAddends) ? kPartial : kRest,
                   kOwn);
  if (does(rank, Fault::SumsToWhole))
    lamrt_reduce_scatter(rank, kPartial, -1, 0, kTree, kRest);
  if (does(rank, Fault::JoinsToLogits))
    lamrt_all_gather(rank, kOwn, kRows);
  int32_t residual = getFaults().keepsOwnRows ? kOwn : kRest;
  lamrt_all_reduce_residual_rms_norm(rank, kPartial, residual, kAttentionNorm,
                                     does(rank, Fault::OtherArgument) ? 1 : 0,
                                     -1, 0, 1e-5, LAMRT_NORM_HF, kTree, kNorm,
                                     residual);
  // Once more, with what the first has left.
  lamrt_all_reduce_residual_rms_norm(rank, kPartial, residual, kAttentionNorm,
                                     1, -1, 0, 1e-5, LAMRT_NORM_HF, kTree,
                                     kNorm, residual);
  lamrt_select_rows(rank, kNorm, kRows);
  lamrt_linear(rank, kRows, kEmbedding, 0, -1, kLeaves, kOuts, 0);
  if (does(rank, Fault::OtherType))
    lamrt_gather(rank, kHalfColumns, kHalfRoot);
  else
    lamrt_gather(rank, kColumns, kRoot);
  lamrt_result(rank, kRoot);
  if (does(rank, Fault::StallsAtTheEnd))
    stall();
  if (does(rank, Fault::DoesNotEnd))
    return LAMRT_OK;
  lamrt_status status = lamrt_step_end(rank);
  if (isGuilty(rank))
    ++getFaults().numEnded;
  if (does(rank, Fault::DiesAfter))
    raise(SIGKILL);
  return status;
}

} // namespace

void FaultyProgram::make(int32_t ranks) {
  tree = {ranks};
  if (ranks == 1)
    tree = {};
  if (ranks == 4)
    tree = {2, 2};
  leaves = {2};
  outs = {kColumns};
  toAddends = {kAddends};
  auto toList = [](const std::vector<int32_t> &values) {
    return lamrt_list{static_cast<int32_t>(values.size()), values.data()};
  };
  lists = {toList(tree), toList(leaves), toList(outs), toList(toAddends)};
  slots.clear();
  for (int64_t &bytes : variant.arena_bytes)
    bytes = 0;
  addSlot(LAMRT_ROWS_TOKENS, LAMRT_F32, 64, LAMRT_PARTIAL, 0);
  addSlot(LAMRT_ROWS_TOKENS, LAMRT_F32, 64, LAMRT_WHOLE, 0);
  addSlot(LAMRT_ROWS_TOKENS, LAMRT_F32, 64, LAMRT_WHOLE, 0);
  addSlot(LAMRT_ROWS_LOGITS, LAMRT_F32, 64, LAMRT_WHOLE, 0);
  addSlot(LAMRT_ROWS_LOGITS, LAMRT_F32, 512, LAMRT_COLUMNS, 1);
  addSlot(LAMRT_ROWS_LOGITS, LAMRT_F32, 512, LAMRT_ROOT, 0);
  addSlot(LAMRT_ROWS_LOGITS, LAMRT_F32, 64, LAMRT_COLUMNS, 64);
  addSlot(LAMRT_ROWS_LOGITS, LAMRT_F32, 512, LAMRT_PARTIAL, 0);
  addSlot(LAMRT_ROWS_OWN_TOKENS, LAMRT_F32, 64, LAMRT_OWN_ROWS, 0);
  addSlot(LAMRT_ROWS_LOGITS, LAMRT_BF16, 512, LAMRT_COLUMNS, 1);
  addSlot(LAMRT_ROWS_LOGITS, LAMRT_BF16, 512, LAMRT_ROOT, 0);
  variant.ranks = ranks;
  variant.num_slots = static_cast<int32_t>(slots.size());
  variant.slots = slots.data();
  variant.num_lists = static_cast<int32_t>(lists.size());
  variant.lists = lists.data();
  variant.step = runFaultyStep;
  stories.weights[kEmbedding].split = LAMRT_SPLIT_COLUMNS;
  stories.weights[kEmbedding].split_unit = tableUnit;
  stories.program.variants = &variant;
  stories.program.cache = {};
}

void FaultyProgram::addSlot(int32_t rows, int32_t type, int64_t features,
                            int32_t distribution, int64_t unit) {
  int64_t &end = variant.arena_bytes[rows];
  slots.push_back({rows, type, features, distribution, unit, end});
  end += features * (type == LAMRT_F32 ? 4 : 2);
}

} // namespace lamina::test
