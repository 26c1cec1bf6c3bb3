//===- Pairs.h - Sums of pairs of bf16 -------------------------*- C++ -*-===//
//
// Part of the level with the instruction for them: kHasPairs.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CPU_PAIRS_H
#define LAMINA_RUNTIME_CPU_PAIRS_H

#include "Level.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

LAMINA_INLINE Words splatPair(const uint8_t *address) {
  return loadAs<uint32_t>(address) - Words{};
}

/// Two steps of the paired sum of docs/numerics.md: a word holds the even
/// feature in its lower half. MXCSR plays no part.
LAMINA_INLINE Floats addPairs(Floats sum, Words w, Words a) {
  return (Floats)_mm512_dpbf16_ps((__m512)sum, (__m512bh)w, (__m512bh)a);
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL

#endif // LAMINA_RUNTIME_CPU_PAIRS_H
