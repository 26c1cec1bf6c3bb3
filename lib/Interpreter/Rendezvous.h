//===- Rendezvous.h - Where the ranks' collectives meet ---------*- C++ -*-===//

#ifndef LAMINA_LIB_INTERPRETER_RENDEZVOUS_H
#define LAMINA_LIB_INTERPRETER_RENDEZVOUS_H

#include "lamina/Interpreter/Tensor.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <condition_variable>
#include <mutex>

namespace lamina {

/// The collectives of a group of rank threads. All live ranks must meet in the
/// same collective; once every rank waits or has ended and they do not, none
/// will ever go on: a dead-lock.
class Rendezvous {
public:
  /// Makes one tensor of the ranks' payloads, which are in rank order.
  using Combine = llvm::function_ref<Tensor(llvm::ArrayRef<TensorRef>)>;

  /// What a rank brings: all rows of its part, or its rows.
  struct Payload {
    TensorRef tensor;
    bool isInRows = false;
  };

  explicit Rendezvous(int64_t ranks) : places(ranks) {}

  /// Waits for all other ranks in `op`; `attributes` are those of `op` (made by
  /// the caller, since making them is not free). Returns what `combine`, which
  /// runs once, made of the payloads; null if the ranks never meet.
  TensorRef meet(int64_t rank, mlir::Operation *op,
                 mlir::DictionaryAttr attributes, Payload payload,
                 Combine combine);

  /// Rank `rank` takes part in nothing further. `how` says why: `has returned`.
  void end(int64_t rank, const char *how);

  /// Says in one line why the ranks stopped for ever: they will never meet, or
  /// met with tensors that do not fit each other. Empty if they did not.
  std::string describeFailure() const;

private:
  struct Place {
    mlir::Operation *op = nullptr; // null while running
    mlir::DictionaryAttr attributes;
    Payload payload;
    const char *ended = nullptr; // null while the rank is live
  };

  bool allMeet() const;
  /// True if every rank has brought the same number of rows, or its share of
  /// them. Columns are those of the type, which is one.
  bool haveFittingRows() const;
  /// Called when a rank stops running: ends the wait of all if none runs.
  void resolve(Combine *combine);

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Place> places;
  int64_t stopped = 0;     // ranks that wait or have ended
  uint64_t generation = 0; // collectives that have been met
  TensorRef combined;      // of the last one
  bool isStuck = false;    // for ever
};

} // namespace lamina

#endif // LAMINA_LIB_INTERPRETER_RENDEZVOUS_H
