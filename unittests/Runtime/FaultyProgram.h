//===- FaultyProgram.h - Ranks that can be made to do wrong ----*- C++ -*-===//
//
// A small step over the weights of stories260K, written by hand: an embedding
// that is split over the vocabulary, its sum, the fused sum with residual and
// norm, and logits that are gathered. One rank can be made to do it wrong, as a
// thread (GroupTest) or as a process (faulty-program).
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_UNITTESTS_RUNTIME_FAULTYPROGRAM_H
#define LAMINA_UNITTESTS_RUNTIME_FAULTYPROGRAM_H

#include "StoriesProgram.h"

#include <atomic>
#include <vector>

namespace lamina::test {

enum class Fault {
  None,
  StallsAtTheStart, // of the step
  StallsBefore,     // a collective
  StallsAtTheEnd,   // of the step
  FailsInside,
  ReturnsError,
  Skips,
  SwapsTwo,
  OtherShape,
  OtherType,
  OtherArgument,
  DoesNotEnd,
  AddsTwice,
  SharesAddends, // as rows that it keeps
  SumsToWhole,   // where it keeps its rows only
  JoinsToLogits,
  // Of a process.
  DiesBefore,      // a collective
  IsStoppedBefore, // a collective
  ExitsBefore,     // a collective, with code 0
  DiesAfter,       // the step
};

struct Faults {
  /// What the guilty rank does.
  std::atomic<Fault> fault{Fault::None};
  std::atomic<int32_t> guilty{1};
  /// The first step in which it does, from 1.
  std::atomic<int32_t> firstStep{1};
  std::atomic<bool> hasFired{false};
  /// All ranks keep their own rows of the residual.
  std::atomic<bool> keepsOwnRows{false};
  /// Called when it does it.
  void (*onFire)() = nullptr;
  /// Lets a rank that stalls go on, at the end of a test.
  std::atomic<bool> isReleased{false};
  /// Steps of the guilty rank.
  std::atomic<int32_t> numBegun{0}, numEnded{0};
};

/// Of this process.
Faults &getFaults();

/// Slots of the program that tests name.
enum FaultySlot { kPartial, kRest, kNorm, kRows, kOwn = 8 };

/// The tables. Ranks that were given up go on with them.
struct FaultyProgram {
  /// Makes it a program of this number of ranks.
  void make(int32_t ranks);

  StoriesProgram stories;
  lamrt_variant variant = {};
  std::vector<lamrt_slot> slots;
  int64_t tableUnit = 1; ///< of the split of the embeddings

private:
  void addSlot(int32_t rows, int32_t type, int64_t features,
               int32_t distribution, int64_t unit);

  std::vector<lamrt_list> lists;
  std::vector<int32_t> tree, leaves, outs, toAddends;
};

} // namespace lamina::test

#endif // LAMINA_UNITTESTS_RUNTIME_FAULTYPROGRAM_H
