//===- Numerics.cpp - Scalar arithmetic of docs/numerics.md ---------------===//
//
// Every rounding here is stated in docs/numerics.md. The file is compiled
// without contraction, so an fma is where the source says fma and nowhere else.
//
//===----------------------------------------------------------------------===//

#include "lamina/Interpreter/Numerics.h"
#include "Portability.h"
#include "llvm/ADT/bit.h"
#include <cmath>
#include <limits>

using namespace lamina;

const char *lamina::getElementName(Element element) {
  switch (element) {
  case Element::f32:
    return "f32";
  case Element::f16:
    return "f16";
  case Element::bf16:
    return "bf16";
  case Element::f64:
    return "f64";
  case Element::i32:
    return "i32";
  case Element::i64:
    return "i64";
  }
  return "";
}

int64_t lamina::getElementBytes(Element element) {
  switch (element) {
  case Element::f16:
  case Element::bf16:
    return 2;
  case Element::f32:
  case Element::i32:
    return 4;
  case Element::f64:
  case Element::i64:
    return 8;
  }
  return 0;
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

uint16_t lamina::bf16FromF32(float value) {
  uint32_t bits = llvm::bit_cast<uint32_t>(value);
  uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) // NaN: made quiet, the payload is cut
    return static_cast<uint16_t>((bits >> 16) | 0x0040u);
  if (magnitude < 0x00800000u) // subnormal or zero
    return static_cast<uint16_t>((bits >> 16) & 0x8000u);
  return static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

float lamina::f32FromBf16(uint16_t bits) {
  return llvm::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

uint16_t lamina::f16FromF32(float value) {
  uint32_t bits = llvm::bit_cast<uint32_t>(value);
  uint32_t sign = (bits >> 16) & 0x8000u;
  uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) // NaN: made quiet, the payload is cut
    return static_cast<uint16_t>(sign | 0x7E00u | ((magnitude >> 13) & 0x3FFu));
  if (magnitude >= 0x47800000u) // at least 2^16
    return static_cast<uint16_t>(sign | 0x7C00u);
  if (magnitude < 0x38800000u) {
    // Below 2^-14: the sum with 0.5 has the unit 2^-24, that of f16's
    // subnormals, so this addition rounds where f16 does.
    float sum = llvm::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign |
                                 (llvm::bit_cast<uint32_t>(sum) - 0x3F000000u));
  }
  uint32_t rebased = magnitude - 0x38000000u; // exponent bias 127 -> 15
  return static_cast<uint16_t>(
      sign | ((rebased + 0xFFFu + ((rebased >> 13) & 1u)) >> 13));
}

float lamina::f32FromF16(uint16_t bits) {
  uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  uint32_t magnitude = bits & 0x7FFFu;
  if (magnitude >= 0x7C00u) { // infinity; NaN, made quiet
    uint32_t quiet = magnitude > 0x7C00u ? 0x00400000u : 0u;
    return llvm::bit_cast<float>(sign | 0x7F800000u | quiet |
                                 ((magnitude & 0x3FFu) << 13));
  }
  if (magnitude < 0x0400u) // subnormal: an integer times 2^-24
    return std::copysign(static_cast<float>(magnitude) * 0x1p-24f,
                         llvm::bit_cast<float>(sign));
  return llvm::bit_cast<float>(sign | ((magnitude << 13) + 0x38000000u));
}

float lamina::roundTo(Element element, float value) {
  switch (element) {
  case Element::f16:
    return f32FromF16(f16FromF32(value));
  case Element::bf16:
    return f32FromBf16(bf16FromF32(value));
  case Element::f32:
  case Element::f64:
  case Element::i32:
  case Element::i64:
    return value;
  }
  return value;
}

//===----------------------------------------------------------------------===//
// Elementary functions
//===----------------------------------------------------------------------===//

/// 2^n for -126 <= n <= 127.
static float powerOfTwo(int32_t n) {
  return llvm::bit_cast<float>(static_cast<uint32_t>(n + 127) << 23);
}

float lamina::expF32(float x) {
  if (std::isnan(x))
    return std::numeric_limits<float>::quiet_NaN();
  x = x < -104.0f ? -104.0f : x;
  x = x > 89.0f ? 89.0f : x;
  float n = std::nearbyint(x * 0x1.715476p+0f);
  float r = std::fma(n, -0x1.62e4p-1f, x);
  r = std::fma(n, -0x1.7f7d1cp-20f, r);
  float p = 0x1.6a2434p-10f;
  p = std::fma(p, r, 0x1.1239e2p-7f);
  p = std::fma(p, r, 0x1.5558f2p-5f);
  p = std::fma(p, r, 0x1.555492p-3f);
  p = std::fma(p, r, 0x1.fffffcp-2f);
  p = std::fma(p * r, r, r) + 1.0f;
  int32_t exponent = static_cast<int32_t>(n);
  int32_t half = exponent >> 1;
  return p * powerOfTwo(half) * powerOfTwo(exponent - half);
}

float lamina::logF32(float x) {
  if (std::isnan(x) || x < 0.0f)
    return std::numeric_limits<float>::quiet_NaN();
  if (x == 0.0f)
    return -std::numeric_limits<float>::infinity();
  if (x == std::numeric_limits<float>::infinity())
    return x;
  float n = 0.0f;
  if (x < 0x1p-126f) {
    x *= 0x1p24f;
    n = -24.0f;
  }
  // x = m * 2^n with m in [sqrt(1/2), sqrt(2)).
  uint32_t bits = llvm::bit_cast<uint32_t>(x);
  int32_t exponent = static_cast<int32_t>(bits - 0x3F3504F3u) >> 23;
  float m =
      llvm::bit_cast<float>(bits - (static_cast<uint32_t>(exponent) << 23));
  n += static_cast<float>(exponent);
  float f = m - 1.0f;
  float p = 0x1.1bc37p-4f;
  p = std::fma(p, f, -0x1.e3aca6p-4f);
  p = std::fma(p, f, 0x1.e67e84p-4f);
  p = std::fma(p, f, -0x1.fb2716p-4f);
  p = std::fma(p, f, 0x1.232e2ap-3f);
  p = std::fma(p, f, -0x1.556380p-3f);
  p = std::fma(p, f, 0x1.99a580p-3f);
  p = std::fma(p, f, -0x1.ffffecp-3f);
  p = std::fma(p, f, 0x1.555546p-2f);
  float square = f * f;
  float low = std::fma(p * f, square, n * 0x1.7f7d1cp-20f);
  low = std::fma(square, -0.5f, low);
  return std::fma(n, 0x1.62e4p-1f, f + low);
}

/// Returns x - n * pi/2 in [-pi/4, pi/4] (up to rounding) and n modulo 4.
static double reduceAngle(double x, int &quadrant) {
  double n = std::nearbyint(x * 0x1.45f306dc9c883p-1);
  double r = std::fma(n, -0x1.921fb544p+0, x);
  r = std::fma(n, -0x1.0b4611a6p-34, r);
  r = std::fma(n, -0x1.3198a2e037073p-69, r);
  quadrant = static_cast<int>(std::fma(std::floor(n * 0.25), -4.0, n));
  return r;
}

static double sinOfReduced(double r) {
  double z = r * r;
  double p = 0x1.5d931843fad4bp-33;
  p = std::fma(p, z, -0x1.ae5e66882ff13p-26);
  p = std::fma(p, z, 0x1.71de35781616dp-19);
  p = std::fma(p, z, -0x1.a01a019c1202ep-13);
  p = std::fma(p, z, 0x1.111111110f87dp-7);
  p = std::fma(p, z, -0x1.5555555555549p-3);
  return std::fma(p * z, r, r);
}

static double cosOfReduced(double r) {
  double z = r * r;
  double p = -0x1.8faeb5fa1872bp-37;
  p = std::fma(p, z, 0x1.1ee9ec18b5e69p-29);
  p = std::fma(p, z, -0x1.27e4f80a33d96p-22);
  p = std::fma(p, z, 0x1.a01a019cb216cp-16);
  p = std::fma(p, z, -0x1.6c16c16c15181p-10);
  p = std::fma(p, z, 0x1.555555555554cp-5);
  return std::fma(z * z, p, std::fma(z, -0.5, 1.0));
}

double lamina::sinF64(double x) {
  if (!std::isfinite(x))
    return std::numeric_limits<double>::quiet_NaN();
  int quadrant;
  double r = reduceAngle(x, quadrant);
  double value = quadrant & 1 ? cosOfReduced(r) : sinOfReduced(r);
  return quadrant & 2 ? -value : value;
}

double lamina::cosF64(double x) {
  if (!std::isfinite(x))
    return std::numeric_limits<double>::quiet_NaN();
  int quadrant;
  double r = reduceAngle(x, quadrant);
  double value = quadrant & 1 ? sinOfReduced(r) : cosOfReduced(r);
  return quadrant == 1 || quadrant == 2 ? -value : value;
}

//===----------------------------------------------------------------------===//
// Ordered sums
//===----------------------------------------------------------------------===//

/// The fixed tree over the 16 accumulators.
static float combine16(float (&acc)[16]) {
  for (int width = 8; width > 0; width /= 2)
    for (int j = 0; j < width; ++j)
      acc[j] = acc[j] + acc[j + width];
  return acc[0];
}

LAMINA_FMA_CLONES
float lamina::dot16(llvm::ArrayRef<float> a, llvm::ArrayRef<float> b) {
  float acc[16] = {};
  size_t n = a.size();
  for (size_t i = 0; i < n; i += 16)
    for (size_t j = 0; j < 16; ++j)
      acc[j] = i + j < n ? std::fma(a[i + j], b[i + j], acc[j]) : acc[j] + 0.0f;
  return combine16(acc);
}

float lamina::sum16(llvm::ArrayRef<float> a) {
  float acc[16] = {};
  size_t n = a.size();
  for (size_t i = 0; i < n; i += 16)
    for (size_t j = 0; j < 16; ++j)
      acc[j] = acc[j] + (i + j < n ? a[i + j] : 0.0f);
  return combine16(acc);
}

LAMINA_FMA_CLONES
float lamina::fmaFlushed(float a, float b, float c) {
  return detail::fmaFlushedInline(a, b, c);
}

/// Sums `count` leaves from `first` on by the tree `radices`.
static float combineNode(const float *first, size_t count,
                         llvm::ArrayRef<int64_t> radices) {
  if (radices.empty())
    return *first;
  size_t children = static_cast<size_t>(radices.front());
  size_t step = count / children;
  float sum = combineNode(first, step, radices.drop_front());
  for (size_t c = 1; c < children; ++c)
    sum = sum + combineNode(first + c * step, step, radices.drop_front());
  return sum;
}

float lamina::combineTree(llvm::ArrayRef<float> leaves,
                          llvm::ArrayRef<int64_t> radices) {
  return combineNode(leaves.data(), leaves.size(), radices);
}
