//===- Formats.h - Storage types and their packed panels -------*- C++ -*-===//
//
// A panel holds 32 output columns; a column is a lane. Units, in bytes:
//
//   f32    [K]     { [32 col] f32 }
//   f16    [K]     { [32 col] f16 }
//   bf16   [K/2]   { [32 col][2 k] bf16 }                     K odd: one zero k
//   q8_0   [K/32]  { [8][32 col][4 k] u8 = q ^ 0x80; f16 d[32] }
//   q4_0   [K/32]  { nibbles; f16 d[32] }
//   q4_1   [K/32]  { nibbles; f16 d[32]; f16 m[32] }
//   q5_0   [K/32]  { nibbles; bits; f16 d[32] }
//   q5_1   [K/32]  { nibbles; bits; f16 d[32]; f16 m[32] }
//   q4_k   [K/256] { [8] nibbles; u8 sc[12][32]; f16 d[32]; f16 dmin[32] }
//   q5_k   [K/256] { [8] { nibbles; bits }; u8 sc[12][32]; f16 d[32], dmin[32]
//   } q6_k   [K/256] { [8] { nibbles; pairs }; i8 sc[16][32]; f16 d[32] }
//
//   nibbles  [4 w][32 col][4 bytes]: low nibbles the features 4w + {0, 2, 1,
//   3},
//            high nibbles those 16 further
//   bits     [32 col] u32: bit i is the fifth bit of feature i
//   pairs    [2][32 col] u32: bits 2i, 2i + 1 are the upper two of feature i or
//            16 + i
//
// So 32 features of a column, a *group*, look alike in every block type but
// q8_0, and a panel has the size of its 32 rows in GGUF. Everything is a
// multiple of 64 bytes. Part of one x86 level.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CPU_FORMATS_H
#define LAMINA_RUNTIME_CPU_FORMATS_H

#include "Conversions.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

/// Features of a group.
constexpr int64_t kGroup = 32;
constexpr int64_t kNibbleBytes = 512;

/// Facts of a block type. `blockBytes` is of one column; a packed block is 32
/// times as large and begins with its groups.
template <int32_t Type>
struct Facts;

template <int64_t Elements, int64_t Bytes, int64_t GroupBytes, int SubBlocks,
          bool Minimum>
struct FactsBase {
  static constexpr int64_t blockElements = Elements;
  static constexpr int64_t blockBytes = Bytes;
  static constexpr int64_t packedBytes = Bytes * kPanelColumns;
  static constexpr int64_t groupBytes = GroupBytes;
  static constexpr int64_t groups = Elements / kGroup;
  /// Where the scales of a packed block begin.
  static constexpr int64_t scaleOffset = groups * GroupBytes;
  /// Sub-blocks of a group.
  static constexpr int subBlocks = SubBlocks;
  static constexpr bool hasMinimum = Minimum;
  /// Some bits of q lie behind the nibbles.
  static constexpr bool hasUpperBits = GroupBytes % kNibbleBytes != 0;
};

template <>
struct Facts<LAMRT_Q8_0> : FactsBase<32, 34, 1024, 1, false> {};
template <>
struct Facts<LAMRT_Q4_0> : FactsBase<32, 18, 512, 1, false> {};
template <>
struct Facts<LAMRT_Q4_1> : FactsBase<32, 20, 512, 1, true> {};
template <>
struct Facts<LAMRT_Q5_0> : FactsBase<32, 22, 640, 1, false> {};
template <>
struct Facts<LAMRT_Q5_1> : FactsBase<32, 24, 640, 1, true> {};
template <>
struct Facts<LAMRT_Q4_K> : FactsBase<256, 144, 512, 1, true> {};
template <>
struct Facts<LAMRT_Q5_K> : FactsBase<256, 176, 640, 1, true> {};
template <>
struct Facts<LAMRT_Q6_K> : FactsBase<256, 210, 768, 2, false> {};

template <int32_t Type>
struct Format : Facts<Type> {
  using F = Facts<Type>;
  static constexpr int32_t type = Type;

  /// The packed group that begins at feature k of a panel.
  LAMINA_INLINE const uint8_t *getGroup(const uint8_t *panel, int64_t k) {
    return getBlock(panel, k) + k / kGroup % F::groups * F::groupBytes;
  }

  /// The q of feature 4w + j of a group, w < 8, j < 4, in the columns from
  /// `column` on.
  LAMINA_INLINE Floats unpackFeature(const uint8_t *group, int64_t column,
                                     int64_t w, int j) {
    if constexpr (Type == LAMRT_Q8_0) {
      Words bytes = loadWords(group, w, column) ^ 0x80808080u;
      return toFloats((Ints)(bytes << (24 - 8 * j)) >> 24);
    }
    Words nibbles = loadNibbles(group, column, w);
    if constexpr (Type == LAMRT_Q4_0) {
      // With its upper bit inverted, nibble - 8 is a signed nibble.
      nibbles = nibbles ^ 0x88888888u;
      return toFloats((Ints)(nibbles << (28 - getShift(w, j))) >> 28);
    } else {
      Words upper = loadUpper(group, column, w);
      Words value = (nibbles >> getShift(w, j)) & 15;
      return toFloats((Ints)(value | getUpper(upper, j)) - kOffset);
    }
  }

  /// Where that feature lies in a word of nibbles.
  LAMINA_INLINE uint32_t getShift(int64_t w, int j) {
    uint32_t byte = j == 1 ? 2 : j == 2 ? 1 : static_cast<uint32_t>(j);
    return 8 * byte + static_cast<uint32_t>(w >> 2) * 4;
  }
  LAMINA_INLINE Words loadNibbles(const uint8_t *group, int64_t column,
                                  int64_t w) {
    return loadWords(group, w & 3, column);
  }

  /// The same of the features 4w .. 4w + 3.
  LAMINA_INLINE void unpack(const uint8_t *group, int64_t column, int64_t w,
                            Floats (&q)[4]) {
    for (int j = 0; j < 4; ++j)
      q[j] = unpackFeature(group, column, w, j);
  }

  /// scale of sub-block `sub` of the group at feature k, 16 columns.
  LAMINA_INLINE Floats getScale(const uint8_t *panel, int64_t k, int sub,
                                int64_t column) {
    const uint8_t *scales = getBlock(panel, k) + F::scaleOffset;
    int64_t j = k / kGroup % F::groups;
    if constexpr (Type == LAMRT_Q6_K) {
      Ints factor = (Ints)(loadBytes(scales, 2 * j + sub, column) << 24) >> 24;
      return loadF16(scales + 16 * kPanelColumns, column) * toFloats(factor);
    } else if constexpr (F::blockElements == 256) {
      Words factor = j < 4 ? loadBytes(scales, j, column) & 63
                           : (loadBytes(scales, j + 4, column) & 15) |
                                 loadBytes(scales, j - 4, column) >> 6 << 4;
      return loadF16(scales + 12 * kPanelColumns, column) *
             toFloats((Ints)factor);
    } else {
      return loadF16(scales, column);
    }
  }

  /// -minimum of the group at feature k, 16 columns.
  LAMINA_INLINE Floats getNegatedMinimum(const uint8_t *panel, int64_t k,
                                         int64_t column) {
    const uint8_t *scales = getBlock(panel, k) + F::scaleOffset;
    int64_t j = k / kGroup % F::groups;
    if constexpr (F::blockElements == 256) {
      Words factor = j < 4 ? loadBytes(scales, j + 4, column) & 63
                           : loadBytes(scales, j + 4, column) >> 4 |
                                 loadBytes(scales, j, column) >> 6 << 4;
      return -(loadF16(scales + 14 * kPanelColumns, column) *
               toFloats((Ints)factor));
    } else {
      return loadF16(scales + 2 * kPanelColumns, column);
    }
  }

private:
  static constexpr bool kHasBits =
      Type == LAMRT_Q5_0 || Type == LAMRT_Q5_1 || Type == LAMRT_Q5_K;
  static constexpr int32_t kOffset = Type == LAMRT_Q5_0   ? 16
                                     : Type == LAMRT_Q6_K ? 32
                                                          : 0;

  LAMINA_INLINE const uint8_t *getBlock(const uint8_t *panel, int64_t k) {
    return panel + k / F::blockElements * F::packedBytes;
  }
  LAMINA_INLINE Floats toFloats(Ints values) {
    return __builtin_convertvector(values, Floats);
  }
  /// Row w of an array of [..][32 col] u32.
  LAMINA_INLINE Words loadWords(const uint8_t *words, int64_t w,
                                int64_t column) {
    return loadAs<Words>(words + (w * kPanelColumns + column) * 4);
  }
  /// Row w of an array of [..][32 col] u8.
  LAMINA_INLINE Words loadBytes(const uint8_t *bytes, int64_t w,
                                int64_t column) {
    return __builtin_convertvector(
        loadAs<Bytes>(bytes + w * kPanelColumns + column), Words);
  }
  LAMINA_INLINE Floats loadF16(const uint8_t *halves, int64_t column) {
    return widenF16(loadAs<Halves>(halves + 2 * column));
  }
  /// The upper bits of the features from 4w on, lowest first.
  LAMINA_INLINE Words loadUpper(const uint8_t *group, int64_t column,
                                int64_t w) {
    if constexpr (kHasBits)
      return loadWords(group + kNibbleBytes, 0, column) >>
             static_cast<uint32_t>(4 * w);
    else if constexpr (Type == LAMRT_Q6_K)
      return loadWords(group + kNibbleBytes, w >> 2, column) >>
             static_cast<uint32_t>(8 * (w & 3));
    else
      return Words{};
  }
  LAMINA_INLINE Words getUpper(Words upper, int j) {
    uint32_t shift = static_cast<uint32_t>(j);
    if constexpr (kHasBits)
      return (upper >> shift & 1) << 4;
    else if constexpr (Type == LAMRT_Q6_K)
      return (upper >> 2 * shift & 3) << 4;
    else
      return Words{};
  }
};

/// Calls visit(Format<type>{}) for a block type, else returns false.
template <typename Visitor>
LAMINA_INLINE bool visitFormat(int32_t type, const Visitor &visit) {
  switch (type) {
  case LAMRT_Q8_0:
    visit(Format<LAMRT_Q8_0>{});
    return true;
  case LAMRT_Q4_0:
    visit(Format<LAMRT_Q4_0>{});
    return true;
  case LAMRT_Q4_1:
    visit(Format<LAMRT_Q4_1>{});
    return true;
  case LAMRT_Q5_0:
    visit(Format<LAMRT_Q5_0>{});
    return true;
  case LAMRT_Q5_1:
    visit(Format<LAMRT_Q5_1>{});
    return true;
  case LAMRT_Q4_K:
    visit(Format<LAMRT_Q4_K>{});
    return true;
  case LAMRT_Q5_K:
    visit(Format<LAMRT_Q5_K>{});
    return true;
  case LAMRT_Q6_K:
    visit(Format<LAMRT_Q6_K>{});
    return true;
  default:
    return false;
  }
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL

#endif // LAMINA_RUNTIME_CPU_FORMATS_H
