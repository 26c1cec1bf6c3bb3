//===- Rope.cpp - Rotary position embedding -------------------------------===//

#include "Conversions.h"
#include "Elementary.h"
#include "LevelKernels.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

namespace {

struct Rotated {
  Floats a;
  Floats b;
};

LAMINA_INLINE Rotated rotate(Floats a, Floats b, Floats c, Floats s) {
  return {fma(a, c, -(b * s)), fma(b, c, a * s)};
}

/// n <= 16 pairs (i, i + pairs) of a head.
LAMINA_INLINE void rotateHalves(int32_t inType, const uint8_t *in,
                                int32_t outType, uint8_t *out, int64_t first,
                                int64_t second, int64_t n, Floats c, Floats s) {
  Floats a = widenAt(inType, in, first, first + n);
  Floats b = widenAt(inType, in, second, second + n);
  Rotated y = rotate(a, b, c, s);
  roundAt(outType, out, first, first + n, y.a);
  roundAt(outType, out, second, second + n, y.b);
}

/// n <= 16 pairs (2i, 2i + 1), from element `first` on.
LAMINA_INLINE void rotateAdjacent(int32_t inType, const uint8_t *in,
                                  int32_t outType, uint8_t *out, int64_t first,
                                  int64_t n, Floats c, Floats s) {
  int64_t end = first + 2 * n, middle = first + kLanes;
  Floats low = widenAt(inType, in, first, end);
  Floats high = middle < end ? widenAt(inType, in, middle, end) : Floats{};
  Floats a = __builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14, 16,
                                     18, 20, 22, 24, 26, 28, 30);
  Floats b = __builtin_shufflevector(low, high, 1, 3, 5, 7, 9, 11, 13, 15, 17,
                                     19, 21, 23, 25, 27, 29, 31);
  Rotated y = rotate(a, b, c, s);
  roundAt(outType, out, first, end,
          __builtin_shufflevector(y.a, y.b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20,
                                  5, 21, 6, 22, 7, 23));
  if (middle < end)
    roundAt(outType, out, middle, end,
            __builtin_shufflevector(y.a, y.b, 8, 24, 9, 25, 10, 26, 11, 27, 12,
                                    28, 13, 29, 14, 30, 15, 31));
}

} // namespace

void angles(const int32_t *positions, const double *frequencies, int64_t pairs,
            float *cosines, float *sines, int64_t rowBegin, int64_t rowEnd) {
  for (int64_t t = rowBegin; t < rowEnd; ++t)
    for (int64_t i = 0; i < pairs; ++i)
      sincos(static_cast<double>(positions[t]) * frequencies[i],
             sines[t * pairs + i], cosines[t * pairs + i]);
}

void rope(Rows in, const float *cosines, const float *sines, int64_t pairs,
          int64_t features, int32_t pairing, Rows out, int64_t rowBegin,
          int64_t rowEnd) {
  for (int64_t t = rowBegin; t < rowEnd; ++t) {
    const uint8_t *from = getRow(in, t);
    uint8_t *to = getRow(out, t);
    for (int64_t i = 0; i < pairs; i += kLanes) {
      int64_t n = smaller(kLanes, pairs - i);
      int64_t at = t * pairs + i;
      Floats c = n == kLanes ? load(cosines + at) : loadPart(cosines + at, n);
      Floats s = n == kLanes ? load(sines + at) : loadPart(sines + at, n);
      for (int64_t head = 0; head < features; head += 2 * pairs)
        if (pairing == LAMRT_PAIRING_HALVES)
          rotateHalves(in.type, from, out.type, to, head + i, head + pairs + i,
                       n, c, s);
        else
          rotateAdjacent(in.type, from, out.type, to, head + 2 * i, n, c, s);
    }
  }
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL
