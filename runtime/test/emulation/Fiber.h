//===- Fiber.h - Stacks and switches ---------------------------*- C++ -*-===//

#ifndef LAMINA_TEST_EMULATION_FIBER_H
#define LAMINA_TEST_EMULATION_FIBER_H

#include "Tsan.h"

#include <boost/context/detail/fcontext.hpp>

#include <cstddef>
#include <vector>

namespace emulation {

/// The stacks of one OS thread, used again and again. The page below each stack
/// is not mapped.
class Stacks {
public:
  static constexpr size_t kBytes = 64 * 1024;

  ~Stacks();
  char *take(); ///< its lowest byte
  void giveBack(char *stack) { unused.push_back(stack); }

private:
  std::vector<char *> unused;
  std::vector<char *> all;
};

/// A thread of execution that its OS thread switches to and from.
struct Fiber {
  boost::context::detail::fcontext_t context = nullptr;
  char *stack = nullptr;
  void *tsan = nullptr;
};

} // namespace emulation

#endif // LAMINA_TEST_EMULATION_FIBER_H
