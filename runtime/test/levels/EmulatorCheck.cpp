//===- EmulatorCheck.cpp - Is the emulated processor right? ---------------===//
//
// Instructions that the kernels of the levels are made of, on many operands,
// against scalar code. Each instruction has a line: its name, and how many of
// the results differ.
//
//===----------------------------------------------------------------------===//

#include <immintrin.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>

#define AVX512                                                                 \
  __attribute__((                                                              \
      target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16")))

namespace {

constexpr int kCases = 1 << 14;

std::mt19937 generator(1);

uint32_t getBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}
float makeFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

/// `exponents` around the middle; some subnormals, zeros, infinities.
uint32_t drawFloat(uint32_t exponents) {
  uint32_t bits = generator(), kind = generator() % 32;
  if (kind < 3)
    return bits & 0x807fffff;
  if (kind == 3)
    return bits & 0x80000000;
  if (kind == 4)
    return (bits & 0x80000000) | 0x7f800000;
  if (kind == 5) // around the smallest normal number
    return (bits & 0x807fffff) | (1 + (bits >> 8) % 3) << 23;
  return (bits & 0x807fffff) | (127 - exponents / 2 + generator() % exponents)
                                   << 23;
}

/// Pairs of bf16, of which the products of some underflow.
uint32_t drawPair() {
  uint32_t exponents = generator() % 4 ? 16 : 160;
  return (drawFloat(exponents) >> 16) | (drawFloat(exponents) & 0xffff0000);
}

//===----------------------------------------------------------------------===//
// The instructions as scalar code: docs/numerics.md
//===----------------------------------------------------------------------===//

float flush(float value) {
  return std::fabs(value) < 0x1p-126f ? std::copysign(0.0f, value) : value;
}

float fmaFlushed(float a, float b, float c) {
  a = flush(a), b = flush(b), c = flush(c);
  // Below 2^-126 after rounding to 24 bits with any exponent. The product is
  // exact in f64; so is the sum wherever it decides.
  double exact = std::fma(static_cast<double>(a), b, static_cast<double>(c));
  if (std::fabs(exact) < 0x1p-126 - 0x1p-151)
    return std::copysign(0.0f, static_cast<float>(exact));
  return std::fma(a, b, c);
}

uint32_t addPair(uint32_t sum, uint32_t a, uint32_t b) {
  float s = fmaFlushed(makeFloat(a & 0xffff0000), makeFloat(b & 0xffff0000),
                       makeFloat(sum));
  return getBits(fmaFlushed(makeFloat(a << 16), makeFloat(b << 16), s));
}

uint32_t addBytes(uint32_t sum, uint32_t a, uint32_t b) {
  for (int i = 0; i < 32; i += 8)
    sum += static_cast<uint32_t>(static_cast<uint8_t>(a >> i) *
                                 static_cast<int8_t>(b >> i));
  return sum;
}

uint32_t multiplyAdd(uint32_t c, uint32_t a, uint32_t b) {
  return getBits(std::fma(makeFloat(a), makeFloat(b), makeFloat(c)));
}

uint32_t roundToBf16(uint32_t, uint32_t a, uint32_t) {
  if ((a & 0x7fffffff) > 0x7f800000)
    return a >> 16 | 0x40;
  if ((a & 0x7f800000) == 0)
    return a >> 16 & 0x8000;
  return (a + 0x7fff + (a >> 16 & 1)) >> 16;
}

//===----------------------------------------------------------------------===//
// The instructions
//===----------------------------------------------------------------------===//

AVX512 __m512i runDpbf16(__m512i c, __m512i a, __m512i b) {
  return (__m512i)_mm512_dpbf16_ps((__m512)c, (__m512bh)a, (__m512bh)b);
}
AVX512 __m512i runDpbusd(__m512i c, __m512i a, __m512i b) {
  return _mm512_dpbusd_epi32(c, a, b);
}
AVX512 __m512i runFma(__m512i c, __m512i a, __m512i b) {
  return (__m512i)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
AVX512 __m512i runToBf16(__m512i, __m512i a, __m512i) {
  return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)a));
}

enum class Kind { Integers, Floats, Pairs };

struct Instruction {
  const char *name;
  Kind kind;
  uint32_t (*scalar)(uint32_t c, uint32_t a, uint32_t b);
  __m512i (*vector)(__m512i c, __m512i a, __m512i b);
};

uint32_t draw(Kind kind) {
  switch (kind) {
  case Kind::Floats:
    return drawFloat(16);
  case Kind::Pairs:
    return drawPair();
  default:
    return static_cast<uint32_t>(generator());
  }
}

bool isSame(Kind kind, uint32_t a, uint32_t b) {
  if (kind != Kind::Integers && std::isnan(makeFloat(a)))
    return std::isnan(makeFloat(b));
  return a == b;
}

AVX512 void check(const Instruction &instruction) {
  Kind kind = instruction.kind;
  int differ = 0;
  for (int i = 0; i < kCases; i += 16) {
    uint32_t a[16], b[16], c[16], expected[16];
    for (int j = 0; j < 16; ++j) {
      a[j] = draw(kind);
      b[j] = draw(kind);
      c[j] = kind == Kind::Integers ? draw(kind)
                                    : drawFloat(generator() % 4 ? 16 : 250);
      expected[j] = instruction.scalar(c[j], a[j], b[j]);
    }
    _mm512_storeu_si512(c, instruction.vector(_mm512_loadu_si512(c),
                                              _mm512_loadu_si512(a),
                                              _mm512_loadu_si512(b)));
    for (int j = 0; j < 16; ++j)
      differ += !isSame(kind, c[j], expected[j]);
  }
  std::printf("%s: %d of %d differ\n", instruction.name, differ, kCases);
}

const Instruction instructions[] = {
    {"vfmadd231ps", Kind::Floats, multiplyAdd, runFma},
    {"vpdpbusd", Kind::Integers, addBytes, runDpbusd},
    {"vdpbf16ps", Kind::Pairs, addPair, runDpbf16},
    {"vcvtneps2bf16", Kind::Floats, roundToBf16, runToBf16},
};

} // namespace

int main() {
  for (const Instruction &instruction : instructions)
    check(instruction);
}
