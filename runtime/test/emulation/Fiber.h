//===- Fiber.h - Stacks and switches ---------------------------*- C++ -*-===//

#ifndef LAMINA_TEST_EMULATION_FIBER_H
#define LAMINA_TEST_EMULATION_FIBER_H

#include "Tsan.h"

#include <boost/context/detail/fcontext.hpp>

#include <cstddef>
#include <vector>

namespace emulation {

/// The stacks of one OS thread, used again and again, and the dynamic shared
/// memory of its block. The addresses after the shared memory are not mapped,
/// nor are those below a slab of stacks; within a slab a word at the end of
/// each stack shows that it overflowed.
class Stacks {
public:
  static constexpr size_t kBytes = 64 * 1024;

  ~Stacks();
  char *take(); ///< its lowest byte
  /// Whether no more of a stack was used than there is.
  static bool intact(const char *stack);
  void giveBack(char *stack) { unused.push_back(stack); }
  /// `bytes` of shared memory, filled with NaN; until the next call.
  char *takeShared(size_t bytes);

private:
  static constexpr size_t kMaxShared = 256 * 1024;
  static constexpr size_t kGuard = 128 * 1024;
  static constexpr size_t kSlab = 16; ///< stacks

  char *shared = nullptr;
  std::vector<char *> unused;
  std::vector<char *> slabs;
};

/// A thread of execution that its OS thread switches to and from.
struct Fiber {
  boost::context::detail::fcontext_t context = nullptr;
  char *stack = nullptr;
  void *tsan = nullptr;
};

} // namespace emulation

#endif // LAMINA_TEST_EMULATION_FIBER_H
