//===- Portability.h - Fused multiply-add at speed on any x86 -*- C++ -*---===//

#ifndef LAMINA_LIB_INTERPRETER_PORTABILITY_H
#define LAMINA_LIB_INTERPRETER_PORTABILITY_H

#include <cmath>

/// Marks a function that is compiled twice, with and without the CPU's FMA
/// instructions; the loader picks one. std::fma is exact either way (without
/// the instructions it is a library call), so the result does not depend on it.
#if defined(__x86_64__) && defined(__linux__) && !defined(__SANITIZE_ADDRESS__)
#if defined(__has_feature)
#if !__has_feature(address_sanitizer)
#define LAMINA_FMA_CLONES __attribute__((target_clones("fma", "default")))
#endif
#endif
#endif
#ifndef LAMINA_FMA_CLONES
#define LAMINA_FMA_CLONES
#endif

namespace lamina::detail {

/// See fmaFlushed in Numerics.h.
__attribute__((always_inline)) inline float fmaFlushedInline(float a, float b,
                                                             float c) {
  constexpr float kSmallestNormal = 0x1p-126f;
  if (std::fabs(a) < kSmallestNormal)
    a = std::copysign(0.0f, a);
  if (std::fabs(b) < kSmallestNormal)
    b = std::copysign(0.0f, b);
  if (std::fabs(c) < kSmallestNormal)
    c = std::copysign(0.0f, c);
  float r = std::fma(a, b, c);
  if (std::fabs(r) > kSmallestNormal || r != r)
    return r;
  if (std::fabs(r) < kSmallestNormal)
    return std::copysign(0.0f, r);
  // Exactly the smallest normal number: the CPU decides whether a result is
  // subnormal after rounding to 24 bits without a limit on the exponent.
  double exact =
      static_cast<double>(a) * static_cast<double>(b) + static_cast<double>(c);
  return std::fabs(exact) < 0x1p-126 - 0x1p-151 ? std::copysign(0.0f, r) : r;
}

} // namespace lamina::detail

#endif // LAMINA_LIB_INTERPRETER_PORTABILITY_H
