//===- KernelsReference.h - Scalar arithmetic for tests --------*- C++ -*-===//
//
// docs/numerics.md once more, a value at a time and as slow as it likes: what
// the tests of the kernels compare with.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_UNITTESTS_RUNTIME_KERNELSREFERENCE_H
#define LAMINA_UNITTESTS_RUNTIME_KERNELSREFERENCE_H

#include "Kernels.h"

#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace lamina::reference {

float fmaFlushed(float a, float b, float c);
float widenBf16(uint16_t bits);
float widenF16(uint16_t bits);
uint16_t roundToBf16(float value);
uint16_t roundToF16(float value);

float sum16(const std::vector<float> &a);
float dot16(std::vector<float> a, std::vector<float> b);
float exp(float x);
double sin(double x);
double cos(double x);

/// Element i of a row of a float type.
float widen(int32_t type, const uint8_t *row, int64_t i);
/// Bytes of `values` rounded to a float type.
std::vector<uint8_t> round(int32_t type, const std::vector<float> &values);

/// One element of a row of a block type.
struct Element {
  int q;
  float scale;
  float minimum;
};
Element getElement(int32_t type, const uint8_t *row, int64_t i);
/// Features of a sub-block, and whether it has a minimum.
int64_t getSubBlock(int32_t type);
bool hasMinimum(int32_t type);
int64_t getRowBytes(int32_t type, int64_t in);

/// The sum of a row of activations with row `weight`, before the bias: a[0] is
/// feature `begin` of the weight.
float multiply(int32_t type, const uint8_t *weight, int64_t begin,
               const std::vector<float> &a, const std::vector<int32_t> &radices,
               bool activationsAreBf16, bool isInt8);

//===----------------------------------------------------------------------===//
// Helpers of the tests
//===----------------------------------------------------------------------===//

/// The kernels of each level that this CPU has.
std::vector<const cpu::Kernels *> getLevels();

/// Calls `test` with the kernels of each level that this CPU has, or of the one
/// that LAMINA_CPU names.
void forEachLevel(const std::function<void(const cpu::Kernels &)> &test);

/// Any two NaN are equal, -0.0 and 0.0 are not. Returns what differs first.
std::string compareBits(const std::vector<float> &actual,
                        const std::vector<float> &expected);

/// PCG-XSH-RR of 32 bits (O'Neill, 2014): most of what a test does under
/// emulation is to draw its operands, and std::mt19937 takes ten times as long.
class Generator {
public:
  using result_type = uint32_t;
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return UINT32_MAX; }

  explicit Generator(uint32_t seed) {
    operator()();
    state += seed;
    operator()();
  }
  result_type operator()() {
    uint64_t old = state;
    state = old * 6364136223846793005 + 1442695040888963407;
    uint32_t mixed = static_cast<uint32_t>((old >> 18 ^ old) >> 27);
    uint32_t turn = static_cast<uint32_t>(old >> 59);
    return mixed >> turn | mixed << (-turn & 31);
  }

private:
  uint64_t state = 0;
};

enum class Values {
  Ordinary,
  Tiny,    ///< with subnormals and products that underflow
  Lowest,  ///< around the smallest normal f32; as a weight, ordinary
  Special, ///< with infinities and NaN
};
std::vector<float> makeValues(size_t n, Values values, Generator &generator);

/// Row-major `[out, in]` of any type; d, dmin and m are finite.
std::vector<uint8_t> makeWeight(int32_t type, int64_t out, int64_t in,
                                Values values, Generator &generator);

/// Rows in a buffer with space behind each, filled with canaries.
struct Buffer {
  Buffer(int32_t type, int64_t rows, int64_t features);
  Buffer(int32_t type, int64_t rows, int64_t features,
         const std::vector<float> &values);

  cpu::Rows get() { return {bytes.data(), rowBytes, type}; }
  std::vector<float> read() const;
  /// False if something was written outside the rows.
  bool isIntact() const;

  int32_t type;
  int64_t rows, features, rowBytes;
  std::vector<uint8_t> bytes;
};

} // namespace lamina::reference

#endif // LAMINA_UNITTESTS_RUNTIME_KERNELSREFERENCE_H
