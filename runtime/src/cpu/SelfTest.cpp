//===- SelfTest.cpp - Is the instruction for pairs the stated sum? --------===//
//
// Manuals leave room for another order or another treatment of subnormals.
//
//===----------------------------------------------------------------------===//

#include "LevelKernels.h"
#include "Pairs.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

namespace {

/// Values whose exponents lie within a few bits of `exponent`, so that sums
/// round and cancel, or any bits at all.
class Draw {
public:
  uint32_t next(bool isAny, uint32_t exponent) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    if (isAny)
      return state;
    uint32_t near = exponent + (state >> 8) % 8;
    return (state & 0x807fffff) | near << 23;
  }

private:
  uint32_t state = 0x9e3779b9;
};

/// What docs/numerics.md says, within a FlushScope.
LAMINA_NOINLINE Floats addStated(Floats sum, Words w, Words a) {
  const Words upper = 0xffff0000u - Words{};
  Floats odd = fmaFlushed((Floats)(w & upper), (Floats)(a & upper), sum);
  return fmaFlushed((Floats)(w << 16), (Floats)(a << 16), odd);
}

LAMINA_NOINLINE Floats addStatedInMode(Floats sum, Words w, Words a) {
  FlushScope flush;
  return addStated(sum, w, a);
}

bool areEqual(Floats a, Floats b) {
  for (int i = 0; i < kLanes; ++i)
    if (asBits(a[i]) != asBits(b[i]) && (a[i] == a[i] || b[i] == b[i]))
      return false;
  return true;
}

} // namespace

bool addsPairsAsStated() {
  Draw draw;
  // Ordinary values, products that underflow, subnormals, and any bits.
  const uint32_t exponents[] = {124, 61, 0, 0};
  for (int round = 0; round < 256; ++round) {
    int kind = round % 4;
    Words words[3];
    for (Words &lanes : words)
      for (int i = 0; i < kLanes; ++i) {
        uint32_t upper = draw.next(kind == 3, exponents[kind]);
        uint32_t lower = draw.next(kind == 3, exponents[kind]);
        lanes[i] = (upper & 0xffff0000u) | lower >> 16;
      }
    // Of the size of the products.
    Floats sum = (Floats)words[0];
    if (kind == 1)
      sum = (Floats)(words[0] & 0x80ffffffu);
    if (!areEqual(addPairs(sum, words[1], words[2]),
                  addStatedInMode(sum, words[1], words[2])))
      return false;
  }
  return true;
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL
