//===- Numerics.h - Scalar arithmetic of docs/numerics.md -----------------===//
//
// Conversions, elementary functions and ordered sums, each bit for bit as
// docs/numerics.md states it. Nothing here depends on the dialect.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_INTERPRETER_NUMERICS_H
#define LAMINA_INTERPRETER_NUMERICS_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace lamina {

/// Element type of a value: activations and weights that are not stored in
/// blocks (f32, f16, bf16), what `--arith=f64` computes with (f64), row indices
/// (i32) and scalars (i64).
enum class Element { f32, f16, bf16, f64, i32, i64 };

/// Returns the element's name in a type: `f32`, `bf16`, ...
const char *getElementName(Element element);

/// Returns the bytes of one element.
int64_t getElementBytes(Element element);

//===----------------------------------------------------------------------===//
// Conversions (numerics.md, "Types and rounding")
//===----------------------------------------------------------------------===//

/// Rounds to nearest even; f32 subnormals become a zero of the same sign.
uint16_t bf16FromF32(float value);
float f32FromBf16(uint16_t bits);

/// Rounds to nearest even; f16 subnormals are kept.
uint16_t f16FromF32(float value);
float f32FromF16(uint16_t bits);

/// Rounds an f32 value to `element` and widens it again: the document's `rnd`.
float roundTo(Element element, float value);

//===----------------------------------------------------------------------===//
// Elementary functions (numerics.md, "Elementary functions")
//===----------------------------------------------------------------------===//

/// exp(x), for every f32.
float expF32(float x);

/// Natural logarithm, for every f32.
float logF32(float x);

/// sin(x) and cos(x) of an angle in radians; accurate for |x| <= 2^21.
double sinF64(double x);
double cosF64(double x);

//===----------------------------------------------------------------------===//
// Ordered sums (numerics.md, "Sums")
//===----------------------------------------------------------------------===//

/// dot16: sum of a[i] * b[i] by 16 interleaved accumulators.
float dot16(llvm::ArrayRef<float> a, llvm::ArrayRef<float> b);

/// sum16: sum of a[i] by 16 interleaved accumulators.
float sum16(llvm::ArrayRef<float> a);

/// One step of the paired order: fma(a, b, c) that reads subnormal operands as
/// zero and returns zero for a subnormal result (x86's DAZ and FTZ). The
/// product of two bf16 values is exact.
float fmaFlushed(float a, float b, float c);

/// Combines the leaves of a summation tree with these radices, outermost first.
/// Their product is the number of leaves.
float combineTree(llvm::ArrayRef<float> leaves,
                  llvm::ArrayRef<int64_t> radices);

//===----------------------------------------------------------------------===//
// Counter hash (numerics.md, "Seeded values")
//===----------------------------------------------------------------------===//

/// The finaliser of SplitMix64 after one increment.
constexpr uint64_t mixBits(uint64_t x) {
  x += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

} // namespace lamina

#endif // LAMINA_INTERPRETER_NUMERICS_H
