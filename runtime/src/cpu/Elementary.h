//===- Elementary.h - exp, sine and cosine ---------------------*- C++ -*-===//
//
// Section "Elementary functions" of docs/numerics.md. Part of one x86 level.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CPU_ELEMENTARY_H
#define LAMINA_RUNTIME_CPU_ELEMENTARY_H

#include "Level.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

/// 2^n for -126 <= n <= 127.
LAMINA_INLINE Floats powerOfTwo(Ints n) { return (Floats)((n + 127) << 23); }

LAMINA_INLINE Floats exp(Floats x) {
  x = x < -104.0f ? splat(-104.0f) : x;
  x = x > 89.0f ? splat(89.0f) : x;
  Floats n = __builtin_elementwise_roundeven(x * 0x1.715476p+0f);
  Floats r = fma(n, splat(-0x1.62e4p-1f), x);
  r = fma(n, splat(-0x1.7f7d1cp-20f), r);
  Floats p = splat(0x1.6a2434p-10f);
  p = fma(p, r, splat(0x1.1239e2p-7f));
  p = fma(p, r, splat(0x1.5558f2p-5f));
  p = fma(p, r, splat(0x1.555492p-3f));
  p = fma(p, r, splat(0x1.fffffcp-2f));
  p = fma(p * r, r, r) + 1.0f;
  // A NaN has no integer; p is NaN then and any power leaves it so.
  Ints i = __builtin_convertvector(n == n ? n : Floats{}, Ints);
  Ints half = i >> 1;
  return (p * powerOfTwo(half)) * powerOfTwo(i - half);
}
LAMINA_INLINE float exp(float x) { return exp(splat(x))[0]; }

LAMINA_INLINE double sinOfRemainder(double r) {
  double z = r * r;
  double p = 0x1.5d931843fad4bp-33;
  p = __builtin_fma(p, z, -0x1.ae5e66882ff13p-26);
  p = __builtin_fma(p, z, 0x1.71de35781616dp-19);
  p = __builtin_fma(p, z, -0x1.a01a019c1202ep-13);
  p = __builtin_fma(p, z, 0x1.111111110f87dp-7);
  p = __builtin_fma(p, z, -0x1.5555555555549p-3);
  return __builtin_fma(p * z, r, r);
}

LAMINA_INLINE double cosOfRemainder(double r) {
  double z = r * r;
  double p = -0x1.8faeb5fa1872bp-37;
  p = __builtin_fma(p, z, 0x1.1ee9ec18b5e69p-29);
  p = __builtin_fma(p, z, -0x1.27e4f80a33d96p-22);
  p = __builtin_fma(p, z, 0x1.a01a019cb216cp-16);
  p = __builtin_fma(p, z, -0x1.6c16c16c15181p-10);
  p = __builtin_fma(p, z, 0x1.555555555554cp-5);
  return __builtin_fma(z * z, p, __builtin_fma(z, -0.5, 1.0));
}

/// Both of an angle, rounded to f32.
LAMINA_INLINE void sincos(double x, float &sine, float &cosine) {
  double n = __builtin_roundeven(x * 0x1.45f306dc9c883p-1);
  double r = __builtin_fma(n, -0x1.921fb544p+0, x);
  r = __builtin_fma(n, -0x1.0b4611a6p-34, r);
  r = __builtin_fma(n, -0x1.3198a2e037073p-69, r);
  double s = sinOfRemainder(r), c = cosOfRemainder(r);
  if (!(__builtin_fabs(x) <= 0x1.fffffffffffffp+1023)) {
    sine = cosine = __builtin_nanf("");
    return;
  }
  int quadrant = static_cast<int>(n - 4.0 * __builtin_floor(n * 0.25));
  double sines = quadrant & 1 ? c : s;
  double cosines = quadrant & 1 ? s : c;
  sine = static_cast<float>(quadrant & 2 ? -sines : sines);
  cosine =
      static_cast<float>(quadrant == 1 || quadrant == 2 ? -cosines : cosines);
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL

#endif // LAMINA_RUNTIME_CPU_ELEMENTARY_H
