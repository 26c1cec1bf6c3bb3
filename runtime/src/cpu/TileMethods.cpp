//===- TileMethods.cpp - The methods of interleaved tiles -----------------===//
//
// Part of the levels with LAMINA_LEVEL_HAS_TILES.
//
//===----------------------------------------------------------------------===//

#include "Int8Registers.h"
#include "TileLeaves.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

namespace {

/// Bytes of a word of activations.
constexpr int64_t kWordBytes = 4;

/// Tiles of nearly equal height, of at most Most rows.
template <int64_t Most>
int64_t getEvenRows(int64_t row, int64_t rows) {
  int64_t tiles = (rows + Most - 1) / Most;
  // The first tile that does not end before `row` is the one that begins there.
  int64_t tile = row * tiles / rows;
  while (rows * (tile + 1) / tiles <= row)
    ++tile;
  return rows * (tile + 1) / tiles - row;
}

template <int64_t Unit, int64_t UnitBytes>
int64_t getUnitRowBytes(int64_t features) {
  return (features + Unit - 1) / Unit * UnitBytes + kTileTailBytes;
}

/// Three bytes of four keep their place, as in a word of nibbles.
LAMINA_INLINE Bytes swapMiddleBytes(Bytes bytes) {
  return __builtin_shufflevector(bytes, bytes, 0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9,
                                 11, 12, 14, 13, 15);
}

template <typename T>
LAMINA_INLINE void put(uint8_t *to, T value) {
  __builtin_memcpy(to, &value, sizeof(value));
}

/// Bytes of the integers of a group of a row: one or two a feature.
template <int32_t Type>
constexpr int64_t kIntegerBytes =
    Type == LAMRT_Q8_0 ? kByteParts * kGroup : kGroup;

/// Sixteen features of row r of R from word `w` of a group on.
template <int32_t Type>
LAMINA_INLINE void putIntegers(uint8_t *group, int64_t w, int64_t r, int64_t R,
                               Floats values) {
  typedef int8_t Integers __attribute__((vector_size(16)));
  typedef int16_t WideIntegers __attribute__((vector_size(32)));
  Ints wide = __builtin_convertvector(values, Ints);
  Bytes bytes = (Bytes) __builtin_convertvector(wide, Integers);
  constexpr int64_t kBytes = kIntegerBytes<Type> / 8;
  if constexpr (Type != LAMRT_Q8_0 || kByteParts == 2)
    bytes = swapMiddleBytes(bytes);
  uint8_t words[4 * kBytes];
  if constexpr (kBytes == 8)
    put(words, __builtin_convertvector((Integers)bytes, WideIntegers));
  else
    put(words, bytes);
  for (int64_t i = 0; i < 4; ++i)
    __builtin_memcpy(group + ((w + i) * R + r) * kBytes, words + i * kBytes,
                     kBytes);
}

template <int32_t Type>
void prepareInt8(const InputTask &task, int64_t row, int64_t height,
                 uint8_t *tile) {
  constexpr int64_t kBytes = kIntegerBytes<Type>;
  constexpr int32_t kOffset = Type == LAMRT_Q8_0 ? -128 : -8;
  for (int64_t r = 0; r < height; ++r) {
    const uint8_t *from = getRow(task.input, row + r);
    uint8_t *group = tile;
    for (int64_t i = 0; i < task.features; i += kGroup) {
      Floats low = widen(task.input.type, from, i);
      Floats high = widen(task.input.type, from, i + kLanes);
      float scale = quantise(low, high);
      putIntegers<Type>(group, 0, r, height, low);
      putIntegers<Type>(group, 4, r, height, high);
      Ints both = __builtin_convertvector(low + high, Ints);
      int32_t sum = __builtin_reduce_add(both);
      uint8_t *tail = group + (kBytes * height + 4 * r);
      put(tail, scale);
      if (Facts<Type>::hasMinimum)
        put(tail + 4 * height, scale * static_cast<float>(sum));
      else
        put(tail + 4 * height, kOffset * sum);
      group += (kBytes + 8) * height;
    }
    put(group + 4 * r, uint32_t(1));
  }
}

/// True if no lane is nonzero and below kLeastOrdinary.
LAMINA_INLINE bool areOrdinary(Floats values) {
  Words bits = (Words)values & 0x7fffffff;
  Words bad = (Words)(bits < asBits(kLeastOrdinary)) & (Words)(bits != 0);
  return __builtin_reduce_or(bad) == 0;
}

/// The first `words` words of sixteen features of row r of R: an f32 each, or
/// two of the bf16 that the values are.
template <int64_t Features>
LAMINA_INLINE void putWords(uint8_t *unit, int64_t r, int64_t R, Floats values,
                            int64_t words = kLanes / Features) {
  uint8_t bytes[kLanes * kWordBytes / Features];
  if constexpr (Features == 1)
    put(bytes, values);
  else
    put(bytes, narrow((Words)values >> 16));
  for (int64_t w = 0; w < words; ++w)
    __builtin_memcpy(unit + (w * R + r) * kWordBytes, bytes + w * kWordBytes,
                     kWordBytes);
}

template <int64_t Features>
void prepareGroups(const InputTask &task, int64_t row, int64_t height,
                   uint8_t *tile) {
  for (int64_t r = 0; r < height; ++r) {
    const uint8_t *from = getRow(task.input, row + r);
    uint8_t *group = tile;
    bool isOrdinaryRow = true;
    for (int64_t i = 0; i < task.features; i += kGroup) {
      float values[kGroup];
      for (int64_t half = 0; half < kGroup; half += kLanes) {
        Floats wide = widen(task.input.type, from, i + half);
        isOrdinaryRow = isOrdinaryRow && areOrdinary(wide);
        store(values + half, wide);
        putWords<Features>(group, r, height, wide);
        group += kLanes / Features * height * kWordBytes;
      }
      put(group + r * kWordBytes, sum16(values, kGroup));
      group += height * kWordBytes;
    }
    put(group + r * kWordBytes, uint32_t(isOrdinaryRow));
  }
}

/// Rows of float weights: the order of the sums needs nothing else.
template <int64_t Features>
void prepareFeatures(const InputTask &task, int64_t row, int64_t height,
                     uint8_t *tile) {
  for (int64_t r = 0; r < height; ++r) {
    const uint8_t *from = getRow(task.input, row + r);
    uint8_t *unit = tile;
    for (int64_t i = 0; i < task.features; i += kLanes) {
      int64_t n = smaller(kLanes, task.features - i);
      int64_t words = (n + Features - 1) / Features;
      putWords<Features>(unit, r, height,
                         widenAt(task.input.type, from, i, task.features),
                         words);
      unit += words * height * kWordBytes;
    }
    put(unit + r * kWordBytes, uint32_t(1));
  }
}

template <auto GetLeaf, auto Prepare, int64_t Rows, int64_t Unit,
          int64_t UnitBytes>
constexpr Method tileMethod = {
    GetLeaf, getEvenRows<Rows>, Prepare, getUnitRowBytes<Unit, UnitBytes>,
    Unit,    UnitBytes,         true};

template <int32_t Type>
constexpr Method int8Method =
    tileMethod<getInt8Leaf, prepareInt8<Type>, kInt8Rows, kGroup,
               kIntegerBytes<Type> + 2 * kWordBytes>;

/// Sums of words of so many features.
template <auto GetLeaf, int64_t Features, int64_t Rows>
constexpr Method blockMethod =
    tileMethod<GetLeaf, prepareGroups<Features>, Rows, kGroup,
               (kGroup / Features + 1) * kWordBytes>;
template <auto GetLeaf, int64_t Features>
constexpr Method floatMethod = tileMethod<GetLeaf, prepareFeatures<Features>,
                                          kFloatRows, Features, kWordBytes>;

} // namespace

bool getTileMethod(int32_t type, SumOrder order, Method &method) {
  if (order == SumOrder::Int8) {
    if (type == LAMRT_Q4_0)
      method = int8Method<LAMRT_Q4_0>;
    else if (type == LAMRT_Q4_1)
      method = int8Method<LAMRT_Q4_1>;
    else if (type == LAMRT_Q8_0)
      method = int8Method<LAMRT_Q8_0>;
    else
      return false;
    return true;
  }
  bool isBlock = visitFormat(type, [&](auto format) {
    constexpr int64_t kRows = kBlockRows<decltype(format)>;
    method = blockMethod<getBlockTileLeaf, 1, kRows>;
    if constexpr (kHasPairs)
      if (order == SumOrder::Paired)
        method = blockMethod<getBlockPairLeaf, 2, kRows>;
  });
  if (isBlock)
    return true;
  method = floatMethod<getFloatTileLeaf, 1>;
  if constexpr (kHasPairs)
    if (order == SumOrder::Paired && type == LAMRT_BF16)
      method = floatMethod<getFloatPairLeaf, 2>;
  return true;
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL
