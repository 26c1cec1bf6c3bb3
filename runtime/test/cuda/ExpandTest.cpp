//===- ExpandTest.cpp - Block types to what products read -----------------===//
//
// Blocks of random bytes with finite scales, decoded here element by element
// from the table of formats in docs/numerics.md.
//
//===----------------------------------------------------------------------===//

#include "CudaTest.h"

#include <cmath>

using namespace lamina;
using namespace lamina::cuda;

namespace {

struct ExpandTest : CudaTest {};

struct Format {
  int32_t type;
  int elements, bytes;
  std::vector<int> halves; ///< where f16 numbers are
};

const Format kFormats[] = {
    {LAMRT_Q8_0, 32, 34, {0}},      {LAMRT_Q4_0, 32, 18, {0}},
    {LAMRT_Q4_1, 32, 20, {0, 2}},   {LAMRT_Q5_0, 32, 22, {0}},
    {LAMRT_Q5_1, 32, 24, {0, 2}},   {LAMRT_Q4_K, 256, 144, {0, 2}},
    {LAMRT_Q5_K, 256, 176, {0, 2}}, {LAMRT_Q6_K, 256, 210, {208}}};

double readHalf(const uint8_t *at) { return decode(at, LAMRT_F16, 1)[0]; }

/// Bit `i` of a little-endian bit string.
int getBit(const uint8_t *bytes, int i) { return bytes[i / 8] >> i % 8 & 1; }

/// The 6-bit scale (0) or minimum (1) j of q4_k and q5_k: of 12 bytes, the
/// first four hold scales 0 to 3, the next four minima 0 to 3, in the low 6
/// bits; 4 to 7 have 4 bits in the last four bytes and 2 above those.
int getSixBits(const uint8_t *sc, int which, int j) {
  if (j < 4)
    return sc[4 * which + j] % 64;
  return (sc[4 + j] >> 4 * which) % 16 + 16 * (sc[4 * which + j - 4] / 64);
}

double expandSmall(const Format &format, const uint8_t *block, int i) {
  double d = readHalf(block);
  bool hasMinimum = format.halves.size() == 2;
  bool hasFifth = format.type == LAMRT_Q5_0 || format.type == LAMRT_Q5_1;
  if (format.type == LAMRT_Q8_0)
    return d * static_cast<int8_t>(block[2 + i]);
  const uint8_t *qs = block + format.bytes - 16;
  int q = qs[i % 16] / (i < 16 ? 1 : 16) % 16;
  if (hasFifth)
    q += 16 * getBit(block + (hasMinimum ? 4 : 2), i);
  return hasMinimum ? d * q + readHalf(block + 2)
                    : d * (q - (hasFifth ? 16 : 8));
}

double expandLarge(const Format &format, const uint8_t *block, int i) {
  if (format.type == LAMRT_Q6_K) {
    int half = i / 128, quarter = i / 32 % 4, l = i % 32;
    int low = block[64 * half + 32 * (quarter % 2) + l];
    int q = low / (quarter < 2 ? 1 : 16) % 16;
    q += 16 * ((block[128 + 32 * half + l] >> 2 * quarter) % 4);
    return readHalf(block + 208) * static_cast<int8_t>(block[192 + i / 16]) *
           (q - 32);
  }
  int j = i / 32, l = i % 32;
  const uint8_t *qs = block + format.bytes - 128;
  int q = qs[32 * (j / 2) + l] / (j % 2 ? 16 : 1) % 16;
  if (format.type == LAMRT_Q5_K)
    q += 16 * getBit(block + 16 + l, j);
  return readHalf(block) * getSixBits(block + 4, 0, j) * q -
         readHalf(block + 2) * getSixBits(block + 4, 1, j);
}

TEST_F(ExpandTest, block_types) {
  create(64);
  std::mt19937 engine(5);
  for (const Format &format : kFormats)
    for (int32_t type : {LAMRT_BF16, LAMRT_F32}) {
      const int64_t rows = 5, blocks = 3, inBegin = 32;
      const int64_t in = blocks * format.elements,
                    rowBytes = blocks * format.bytes;
      std::vector<uint8_t> source(static_cast<size_t>(rows * rowBytes));
      for (uint8_t &byte : source)
        byte = static_cast<uint8_t>(engine());
      for (size_t block = 0; block < source.size();
           block += static_cast<size_t>(format.bytes))
        for (int half : format.halves) {
          std::vector<uint8_t> bytes =
              encode(makeValues(1, LAMRT_F16, engine(), 0.1), LAMRT_F16);
          std::copy(bytes.begin(), bytes.end(),
                    source.begin() + static_cast<int64_t>(block) + half);
        }
      int64_t width = in - inBegin;
      const void *got =
          load(source, format.type, rows, rowBytes, inBegin, in, type);
      Values expected, bounds;
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t i = inBegin; i < in; ++i) {
          const uint8_t *block = source.data() + row * rowBytes +
                                 i / format.elements * format.bytes;
          auto element = static_cast<int>(i % format.elements);
          double value = format.elements == 32
                             ? expandSmall(format, block, element)
                             : expandLarge(format, block, element);
          expected.push_back(value);
          // Scale and minimum may cancel: f32 rounds their products.
          bounds.push_back(getUlp(type, value) / 2 + 600 * 0x1p-24);
        }
      cpu::Rows place = {static_cast<uint8_t *>(const_cast<void *>(got)),
                         width * (type == LAMRT_F32 ? 4 : 2), type};
      expectNear(read(place, width, rows), expected, bounds,
                 "type " + std::to_string(format.type));
    }
}

} // namespace
