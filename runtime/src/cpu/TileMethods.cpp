//===- TileMethods.cpp - The methods of interleaved tiles -----------------===//
//
// Part of the levels with LAMINA_LEVEL_HAS_TILES.
//
//===----------------------------------------------------------------------===//

#include "TileLeaves.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

namespace {

/// Bytes of a group of 32 features of a row.
constexpr int64_t kNibbleGroup = kGroup + 8;
constexpr int64_t kWordGroup = 2 * kGroup + 8;
constexpr int64_t kFloatGroup = 4 * (kGroup + 1);

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
  return features / Unit * UnitBytes + kTileTailBytes;
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

/// Sixteen features of row r of R from word `w` on, as s8 or s16.
template <bool IsWords>
LAMINA_INLINE void putIntegers(uint8_t *group, int64_t w, int64_t r, int64_t R,
                               Floats values) {
  typedef int8_t Integers __attribute__((vector_size(16)));
  typedef int16_t WideIntegers __attribute__((vector_size(32)));
  Ints wide = __builtin_convertvector(values, Ints);
  Bytes bytes =
      swapMiddleBytes((Bytes) __builtin_convertvector(wide, Integers));
  constexpr int64_t kWordBytes = IsWords ? 8 : 4;
  uint8_t words[4 * kWordBytes];
  if constexpr (IsWords)
    put(words, __builtin_convertvector((Integers)bytes, WideIntegers));
  else
    put(words, bytes);
  for (int64_t i = 0; i < 4; ++i)
    __builtin_memcpy(group + ((w + i) * R + r) * kWordBytes,
                     words + i * kWordBytes, kWordBytes);
}

template <bool IsWords, int32_t Offset, bool HasMinimum>
void prepareInt8(const InputTask &task, int64_t row, int64_t height,
                 uint8_t *tile) {
  constexpr int64_t kIntegers = IsWords ? 2 * kGroup : kGroup;
  for (int64_t r = 0; r < height; ++r) {
    const uint8_t *from = getRow(task.input, row + r);
    uint8_t *group = tile;
    for (int64_t i = 0; i < task.features; i += kGroup) {
      Floats low = widen(task.input.type, from, i);
      Floats high = widen(task.input.type, from, i + kLanes);
      float scale = quantise(low, high);
      putIntegers<IsWords>(group, 0, r, height, low);
      putIntegers<IsWords>(group, 4, r, height, high);
      Ints both = __builtin_convertvector(low + high, Ints);
      int32_t sum = __builtin_reduce_add(both);
      uint8_t *tail = group + (kIntegers * height + 4 * r);
      put(tail, scale);
      if (HasMinimum)
        put(tail + 4 * height, scale * static_cast<float>(sum));
      else
        put(tail + 4 * height, Offset * sum);
      group += (kIntegers + 8) * height;
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
      }
      for (int64_t k = 0; k < kGroup; ++k)
        put(group + 4 * (k * height + r), values[k]);
      put(group + 4 * (kGroup * height + r), sum16(values, kGroup));
      group += 4 * (kGroup + 1) * height;
    }
    put(group + 4 * r, uint32_t(isOrdinaryRow));
  }
}

/// Rows of float weights: the order of the sums needs nothing else.
void prepareFeatures(const InputTask &task, int64_t row, int64_t height,
                     uint8_t *tile) {
  for (int64_t r = 0; r < height; ++r) {
    const uint8_t *from = getRow(task.input, row + r);
    for (int64_t i = 0; i < task.features; i += kLanes) {
      float values[kLanes];
      store(values, widenAt(task.input.type, from, i, task.features));
      int64_t n = smaller(kLanes, task.features - i);
      for (int64_t k = 0; k < n; ++k)
        put(tile + 4 * ((i + k) * height + r), values[k]);
    }
    put(tile + 4 * (task.features * height + r), uint32_t(1));
  }
}

template <auto GetLeaf, auto Prepare, int64_t Rows, int64_t Unit,
          int64_t UnitBytes>
constexpr Method tileMethod = {
    GetLeaf, getEvenRows<Rows>, Prepare, getUnitRowBytes<Unit, UnitBytes>,
    Unit,    UnitBytes,         true};

} // namespace

bool getTileMethod(int32_t type, SumOrder order, Method &method) {
  if (order != SumOrder::Int8) {
    if (getBlockElements(type) == 1)
      method = tileMethod<getFloatTileLeaf, prepareFeatures, kFloatRows, 1, 4>;
    else
      method = tileMethod<getBlockTileLeaf, prepareGroups, kFloatRows, kGroup,
                          kFloatGroup>;
    return true;
  }
  switch (type) {
  case LAMRT_Q4_0:
    method = tileMethod<getInt8Leaf, prepareInt8<false, -8, false>, kInt8Rows,
                        kGroup, kNibbleGroup>;
    return true;
  case LAMRT_Q4_1:
    method = tileMethod<getInt8Leaf, prepareInt8<false, 0, true>, kInt8Rows,
                        kGroup, kNibbleGroup>;
    return true;
  case LAMRT_Q8_0:
    method = tileMethod<getInt8Leaf, prepareInt8<true, -128, false>, kInt8Rows,
                        kGroup, kWordGroup>;
    return true;
  }
  return false;
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL
