//===- KernelsReference.cpp - Scalar arithmetic for tests -----------------===//

#include "KernelsReference.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <limits>

namespace lamina::reference {

namespace {

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

uint16_t read16(const uint8_t *bytes) {
  return static_cast<uint16_t>(bytes[0] | bytes[1] << 8);
}

bool isSubnormal(float value) { return std::fpclassify(value) == FP_SUBNORMAL; }

float flush(float value) {
  return isSubnormal(value) ? std::copysign(0.0f, value) : value;
}

/// |x| as a multiple of 2^(e - digits), e its exponent but at least `lowest`,
/// and the bits of that with exponent bias 1 - lowest.
uint32_t roundMagnitude(float value, int digits, int lowest) {
  double x = std::fabs(static_cast<double>(value));
  int e = std::max(x > 0.0 ? std::ilogb(x) : lowest, lowest);
  auto units = static_cast<uint32_t>(std::nearbyint(std::ldexp(x, digits - e)));
  return (static_cast<uint32_t>(e - lowest) << digits) + units;
}

} // namespace

float fmaFlushed(float a, float b, float c) {
  a = flush(a);
  b = flush(b);
  c = flush(c);
  float result = std::fma(a, b, c);
  float magnitude = std::fabs(result);
  if (magnitude < 0x1p-126f)
    return std::copysign(0.0f, result);
  if (magnitude != 0x1p-126f)
    return result;
  // Was it rounded up from below? Far from the subnormals the same sum shows.
  if (std::fabs(a) > std::fabs(b))
    std::swap(a, b);
  float scaled = std::fma(a * 0x1p40f, b, c * 0x1p40f);
  return std::fabs(scaled) < 0x1p-86f ? std::copysign(0.0f, result) : result;
}

float widenBf16(uint16_t bits) {
  return makeFloat(static_cast<uint32_t>(bits) << 16);
}

float widenF16(uint16_t bits) {
  int e = bits >> 10 & 31, fraction = bits & 1023;
  float magnitude =
      e == 31  ? (fraction ? std::nanf("") : INFINITY)
      : e == 0 ? std::ldexp(static_cast<float>(fraction), -24)
               : std::ldexp(static_cast<float>(fraction + 1024), e - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

uint16_t roundToBf16(float value) {
  uint32_t sign = getBits(value) >> 16 & 0x8000;
  if (std::isnan(value))
    return static_cast<uint16_t>(getBits(value) >> 16 | 0x40);
  if (isSubnormal(value) || value == 0.0f)
    return static_cast<uint16_t>(sign);
  if (std::isinf(value))
    return static_cast<uint16_t>(sign | 0x7f80);
  return static_cast<uint16_t>(sign | roundMagnitude(value, 7, -126));
}

uint16_t roundToF16(float value) {
  uint32_t bits = getBits(value), sign = bits >> 16 & 0x8000;
  if (std::isnan(value))
    return static_cast<uint16_t>(sign | 0x7e00 | (bits >> 13 & 0x3ff));
  if (std::fabs(value) >= 65520.0f)
    return static_cast<uint16_t>(sign | 0x7c00);
  return static_cast<uint16_t>(sign | roundMagnitude(value, 10, -14));
}

float dot16(std::vector<float> a, std::vector<float> b) {
  size_t n = (a.size() + 15) / 16 * 16;
  a.resize(n, 0.0f);
  b.resize(n, 0.0f);
  float acc[16] = {};
  for (size_t i = 0; i < n; i += 16)
    for (size_t j = 0; j < 16; ++j)
      acc[j] = std::fma(a[i + j], b[i + j], acc[j]);
  for (int w = 8; w >= 1; w /= 2)
    for (int j = 0; j < w; ++j)
      acc[j] = acc[j] + acc[j + w];
  return acc[0];
}

float sum16(const std::vector<float> &a) {
  // fma(a, 1, c) is a + c rounded once.
  return dot16(a, std::vector<float>(a.size(), 1.0f));
}

float exp(float x) {
  if (std::isnan(x))
    return x;
  if (x < -104.0f)
    x = -104.0f;
  if (x > 89.0f)
    x = 89.0f;
  float n = std::nearbyint(x * 0x1.715476p+0f);
  float r = std::fma(n, -0x1.62e4p-1f, x);
  r = std::fma(n, -0x1.7f7d1cp-20f, r);
  float p = 0x1.6a2434p-10f;
  for (float c :
       {0x1.1239e2p-7f, 0x1.5558f2p-5f, 0x1.555492p-3f, 0x1.fffffcp-2f})
    p = std::fma(p, r, c);
  p = std::fma(p * r, r, r) + 1.0f;
  int i = static_cast<int>(n), h = static_cast<int>(std::floor(n / 2.0f));
  return (p * std::ldexp(1.0f, h)) * std::ldexp(1.0f, i - h);
}

namespace {

/// sin for `shift` 0, cos for 1.
double turn(double x, int shift) {
  if (!std::isfinite(x))
    return std::nan("");
  double n = std::nearbyint(x * 0x1.45f306dc9c883p-1);
  double r = std::fma(n, -0x1.921fb544p+0, x);
  r = std::fma(n, -0x1.0b4611a6p-34, r);
  r = std::fma(n, -0x1.3198a2e037073p-69, r);
  double z = r * r;
  double s = 0x1.5d931843fad4bp-33;
  for (double c :
       {-0x1.ae5e66882ff13p-26, 0x1.71de35781616dp-19, -0x1.a01a019c1202ep-13,
        0x1.111111110f87dp-7, -0x1.5555555555549p-3})
    s = std::fma(s, z, c);
  s = std::fma(s * z, r, r);
  double k = -0x1.8faeb5fa1872bp-37;
  for (double c :
       {0x1.1ee9ec18b5e69p-29, -0x1.27e4f80a33d96p-22, 0x1.a01a019cb216cp-16,
        -0x1.6c16c16c15181p-10, 0x1.555555555554cp-5})
    k = std::fma(k, z, c);
  k = std::fma(z * z, k, std::fma(z, -0.5, 1.0));
  double quadrant = std::fmod(n, 4.0);
  if (quadrant < 0.0)
    quadrant += 4.0;
  switch ((static_cast<int>(quadrant) + shift) % 4) {
  case 0:
    return s;
  case 1:
    return k;
  case 2:
    return -s;
  default:
    return -k;
  }
}

} // namespace

double sin(double x) { return turn(x, 0); }
double cos(double x) { return turn(x, 1); }

float widen(int32_t type, const uint8_t *row, int64_t i) {
  if (type == LAMRT_BF16)
    return widenBf16(read16(row + 2 * i));
  if (type == LAMRT_F16)
    return widenF16(read16(row + 2 * i));
  float value;
  std::memcpy(&value, row + 4 * i, sizeof(value));
  return value;
}

std::vector<uint8_t> round(int32_t type, const std::vector<float> &values) {
  size_t elementBytes = type == LAMRT_F32 ? 4 : 2;
  std::vector<uint8_t> bytes(values.size() * elementBytes);
  for (size_t i = 0; i < values.size(); ++i) {
    uint32_t bits = type == LAMRT_F32   ? getBits(values[i])
                    : type == LAMRT_F16 ? roundToF16(values[i])
                                        : roundToBf16(values[i]);
    std::memcpy(&bytes[i * elementBytes], &bits, elementBytes);
  }
  return bytes;
}

//===----------------------------------------------------------------------===//
// Helpers of the tests
//===----------------------------------------------------------------------===//

std::vector<const cpu::Kernels *> getLevels() {
  std::vector<const cpu::Kernels *> levels;
  for (const char *level : cpu::kLevels) {
    if (const cpu::Kernels *kernels = cpu::selectKernels(level))
      levels.push_back(kernels);
    else
      std::cerr << "skipped: this CPU lacks level " << level << '\n';
  }
  return levels;
}

void forEachLevel(const std::function<void(const cpu::Kernels &)> &test) {
  if (const char *only = std::getenv("LAMINA_CPU")) {
    const cpu::Kernels *kernels = cpu::selectKernels(only);
    if (!kernels) {
      std::cerr << "error: LAMINA_CPU: " << only
                << ", expected a level of this CPU\n";
      std::exit(4);
    }
    return test(*kernels);
  }
  for (const cpu::Kernels *kernels : getLevels())
    test(*kernels);
}

std::string compareBits(const std::vector<float> &actual,
                        const std::vector<float> &expected) {
  if (actual.size() != expected.size())
    return "sizes differ";
  for (size_t i = 0; i < actual.size(); ++i) {
    if (std::isnan(actual[i]) && std::isnan(expected[i]))
      continue;
    if (getBits(actual[i]) == getBits(expected[i]))
      continue;
    char text[128];
    std::snprintf(text, sizeof(text), "element %zu: %a, expected %a", i,
                  static_cast<double>(actual[i]),
                  static_cast<double>(expected[i]));
    return text;
  }
  return "";
}

std::vector<float> makeValues(size_t n, Values values, Generator &generator) {
  std::vector<float> result;
  result.reserve(n);
  for (size_t i = 0; i < n; ++i) {
    float x = static_cast<float>(static_cast<int32_t>(generator())) * 0x1p-31f;
    uint32_t kind = generator() % 16;
    if (kind == 0)
      x = generator() % 2 ? 0.0f : -0.0f;
    if (values == Values::Tiny && kind >= 4)
      x = std::ldexp(x, -static_cast<int>(generator() % 30) - 115);
    if (values == Values::Lowest)
      x = std::ldexp(x, -static_cast<int>(generator() % 24) - 112);
    // Few, so that most sums stay finite.
    if (values == Values::Special && generator() % 256 == 0)
      x = generator() % 2 ? INFINITY : generator() % 2 ? -INFINITY : NAN;
    result.push_back(x);
  }
  return result;
}

namespace {

void setF16(uint8_t *at, float value) {
  uint16_t bits = roundToF16(value);
  at[0] = static_cast<uint8_t>(bits);
  at[1] = static_cast<uint8_t>(bits >> 8);
}

} // namespace

std::vector<uint8_t> makeWeight(int32_t type, int64_t out, int64_t in,
                                Values values, Generator &generator) {
  int64_t elements = cpu::getBlockElements(type);
  if (values == Values::Lowest)
    values = Values::Ordinary;
  if (elements == 1)
    return round(type,
                 makeValues(static_cast<size_t>(out * in), values, generator));
  int64_t blockBytes = cpu::getBlockBytes(type);
  std::vector<uint8_t> bytes(static_cast<size_t>(out * getRowBytes(type, in)));
  for (size_t i = 0; i < bytes.size(); i += 4) {
    uint32_t drawn = generator();
    std::memcpy(&bytes[i], &drawn, std::min<size_t>(4, bytes.size() - i));
  }
  for (size_t i = 0; i < bytes.size(); i += static_cast<size_t>(blockBytes)) {
    // Some scales are f16 subnormals.
    std::vector<float> scales = makeValues(2, Values::Ordinary, generator);
    float unit = generator() % 8 ? 1.0f : 0x1p-20f;
    if (type == LAMRT_Q6_K) {
      setF16(&bytes[i + 208], scales[0] * unit);
      continue;
    }
    setF16(&bytes[i], scales[0] * unit);
    if (hasMinimum(type))
      setF16(&bytes[i + 2], scales[1] * unit);
  }
  return bytes;
}

Buffer::Buffer(int32_t type, int64_t rows, int64_t features)
    : type(type), rows(rows), features(features) {
  rowBytes = (features * (type == LAMRT_F32 ? 4 : 2) + 63) / 64 * 64 + 64;
  bytes.assign(static_cast<size_t>(rows * rowBytes), 0xa5);
}

Buffer::Buffer(int32_t type, int64_t rows, int64_t features,
               const std::vector<float> &values)
    : Buffer(type, rows, features) {
  for (int64_t t = 0; t < rows; ++t) {
    std::vector<uint8_t> row =
        round(type, {values.begin() + t * features,
                     values.begin() + (t + 1) * features});
    std::copy(row.begin(), row.end(), bytes.begin() + t * rowBytes);
  }
}

std::vector<float> Buffer::read() const {
  std::vector<float> values;
  values.reserve(static_cast<size_t>(rows * features));
  for (int64_t t = 0; t < rows; ++t)
    for (int64_t i = 0; i < features; ++i)
      values.push_back(widen(type, bytes.data() + t * rowBytes, i));
  return values;
}

bool Buffer::isIntact() const {
  for (int64_t t = 0; t < rows; ++t)
    for (int64_t i = features * (type == LAMRT_F32 ? 4 : 2); i < rowBytes; ++i)
      if (bytes[static_cast<size_t>(t * rowBytes + i)] != 0xa5)
        return false;
  return true;
}

} // namespace lamina::reference
