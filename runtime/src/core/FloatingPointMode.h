//===- FloatingPointMode.h - Rounding and subnormals -----------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_CORE_FLOATINGPOINTMODE_H
#define LAMINA_RUNTIME_CORE_FLOATINGPOINTMODE_H

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace lamina::runtime {

/// Sets the mode of docs/numerics.md for its lifetime: round to nearest, no
/// FTZ, no DAZ, no traps. The caller's mode, exception flags included, comes
/// back.
class FloatingPointMode {
public:
#if defined(__x86_64__)
  FloatingPointMode() : saved(_mm_getcsr()) { _mm_setcsr(0x1f80); }
  ~FloatingPointMode() { _mm_setcsr(saved); }

private:
  unsigned saved;

public:
#else
  FloatingPointMode() = default;
#endif
  FloatingPointMode(const FloatingPointMode &) = delete;
  FloatingPointMode &operator=(const FloatingPointMode &) = delete;
};

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_CORE_FLOATINGPOINTMODE_H
