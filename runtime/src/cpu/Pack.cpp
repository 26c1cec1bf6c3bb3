//===- Pack.cpp - Panels of a row-major matrix ----------------------------===//
//
// The layouts of Formats.h. Columns behind the last row of the matrix are
// zeros.
//
//===----------------------------------------------------------------------===//

#include "Formats.h"
#include "LevelKernels.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

namespace {

/// Writes `value` as row `row`, column `column` of an array [..][32 col].
template <typename T>
LAMINA_INLINE void put(uint8_t *array, int64_t row, int64_t column, T value) {
  __builtin_memcpy(array + (row * kPanelColumns + column) * sizeof(T), &value,
                   sizeof(T));
}

/// Four bytes b0 b1 b2 b3 become b0 b2 b1 b3.
LAMINA_INLINE uint32_t swapMiddleBytes(uint32_t word) {
  return (word & 0xff0000ff) | (word & 0x0000ff00) << 8 |
         (word & 0x00ff0000) >> 8;
}

/// Elements of a float type. bf16 lies in pairs.
template <typename T, int Pair>
void packColumn(const uint8_t *row, int64_t in, uint8_t *panel,
                int64_t column) {
  for (int64_t k = 0; k < in; ++k) {
    T value = loadAs<T>(row + k * sizeof(T));
    int64_t at = (k / Pair * kPanelColumns + column) * Pair + k % Pair;
    __builtin_memcpy(panel + at * sizeof(T), &value, sizeof(T));
  }
  if (Pair == 2 && in % 2 == 1) {
    T zero = 0;
    int64_t at = (in / 2 * kPanelColumns + column) * 2 + 1;
    __builtin_memcpy(panel + at * sizeof(T), &zero, sizeof(T));
  }
}

/// Sixteen bytes whose nibbles have GGUF's order of a block of 32.
LAMINA_INLINE void packNibbles(const uint8_t *qs, uint8_t *group,
                               int64_t column) {
  for (int64_t w = 0; w < 4; ++w)
    put(group, w, column, swapMiddleBytes(loadAs<uint32_t>(qs + 4 * w)));
}

/// 32 features, each in the low or high nibbles of 32 bytes.
LAMINA_INLINE void packHalfBytes(const uint8_t *bytes, bool isHigh,
                                 uint8_t *group, int64_t column) {
  for (int64_t w = 0; w < 4; ++w) {
    uint32_t first = loadAs<uint32_t>(bytes + 4 * w);
    uint32_t second = loadAs<uint32_t>(bytes + 16 + 4 * w);
    uint32_t word = isHigh ? (first >> 4 & 0x0f0f0f0f) | (second & 0xf0f0f0f0)
                           : (first & 0x0f0f0f0f) | (second & 0x0f0f0f0f) << 4;
    put(group, w, column, swapMiddleBytes(word));
  }
}

LAMINA_INLINE void packBlock32(int32_t type, const uint8_t *source,
                               uint8_t *block, int64_t column) {
  uint16_t d = loadAs<uint16_t>(source);
  const uint8_t *next = source + 2;
  uint16_t m = 0;
  bool hasMinimum = type == LAMRT_Q4_1 || type == LAMRT_Q5_1;
  if (hasMinimum) {
    m = loadAs<uint16_t>(next);
    next += 2;
  }
  uint8_t *end = block;
  if (type == LAMRT_Q8_0) {
    for (int64_t w = 0; w < 8; ++w)
      put(end, w, column, loadAs<uint32_t>(next + 4 * w) ^ 0x80808080u);
    end += 2 * kNibbleBytes;
  } else {
    bool hasBits = type == LAMRT_Q5_0 || type == LAMRT_Q5_1;
    packNibbles(hasBits ? next + 4 : next, end, column);
    end += kNibbleBytes;
    if (hasBits) {
      put(end, 0, column, loadAs<uint32_t>(next));
      end += 4 * kPanelColumns;
    }
  }
  put(end, 0, column, d);
  if (hasMinimum)
    put(end, 1, column, m);
}

/// q4_k and q5_k.
LAMINA_INLINE void packBlockWithMinima(int32_t type, const uint8_t *source,
                                       uint8_t *block, int64_t column) {
  bool hasBits = type == LAMRT_Q5_K;
  int64_t groupBytes =
      hasBits ? Facts<LAMRT_Q5_K>::groupBytes : Facts<LAMRT_Q4_K>::groupBytes;
  const uint8_t *qh = source + 16;
  const uint8_t *qs = hasBits ? qh + 32 : qh;
  for (int64_t j = 0; j < 8; ++j) {
    uint8_t *group = block + j * groupBytes;
    packHalfBytes(qs + 32 * (j / 2), j % 2 == 1, group, column);
    if (!hasBits)
      continue;
    uint32_t bits = 0;
    for (int64_t l = 0; l < 32; ++l)
      bits |= static_cast<uint32_t>(qh[l] >> j & 1) << l;
    put(group + kNibbleBytes, 0, column, bits);
  }
  uint8_t *scales = block + 8 * groupBytes;
  for (int64_t i = 0; i < 12; ++i)
    put(scales, i, column, source[4 + i]);
  put(scales + 12 * kPanelColumns, 0, column, loadAs<uint16_t>(source));
  put(scales + 14 * kPanelColumns, 0, column, loadAs<uint16_t>(source + 2));
}

LAMINA_INLINE void packSixBitBlock(const uint8_t *source, uint8_t *block,
                                   int64_t column) {
  const uint8_t *ql = source, *qh = source + 128, *sc = source + 192;
  for (int64_t j = 0; j < 8; ++j) {
    int64_t g = j / 4, h = j % 4;
    uint8_t *group = block + j * Facts<LAMRT_Q6_K>::groupBytes;
    packHalfBytes(ql + 64 * g + 32 * (h & 1), h >= 2, group, column);
    for (int64_t half = 0; half < 2; ++half) {
      uint32_t pairs = 0;
      for (int64_t l = 0; l < 16; ++l)
        pairs |=
            static_cast<uint32_t>(qh[32 * g + 16 * half + l] >> (2 * h) & 3)
            << (2 * l);
      put(group + kNibbleBytes, half, column, pairs);
    }
  }
  uint8_t *scales = block + Facts<LAMRT_Q6_K>::scaleOffset;
  for (int64_t i = 0; i < 16; ++i)
    put(scales, i, column, sc[i]);
  put(scales + 16 * kPanelColumns, 0, column, loadAs<uint16_t>(source + 208));
}

LAMINA_INLINE void packPanel(const PackTask &task, int64_t rowBytes,
                             int64_t firstRow, uint8_t *panel) {
  visitFormat(task.type, [&](auto format) __attribute__((always_inline)) {
    using F = decltype(format);
    // A block of all columns at a time: the panel is written in order.
    static const uint8_t zeros[F::blockBytes] = {};
    for (int64_t b = 0; b < task.in / F::blockElements; ++b) {
      uint8_t *block = panel + b * F::packedBytes;
      for (int64_t column = 0; column < kPanelColumns; ++column) {
        int64_t row = firstRow + column;
        const uint8_t *source =
            row < task.out ? task.source + row * rowBytes + b * F::blockBytes
                           : zeros;
        if constexpr (F::blockElements == 32)
          packBlock32(task.type, source, block, column);
        else if constexpr (F::hasMinimum)
          packBlockWithMinima(task.type, source, block, column);
        else
          packSixBitBlock(source, block, column);
      }
    }
  });
}

void packFloats(const PackTask &task, int64_t firstRow, uint8_t *panel,
                int64_t panelBytes) {
  int64_t rows = smaller(kPanelColumns, task.out - firstRow);
  if (rows < kPanelColumns)
    __builtin_memset(panel, 0, static_cast<size_t>(panelBytes));
  int64_t rowBytes = task.in * getElementBytes(task.type);
  for (int64_t column = 0; column < rows; ++column) {
    const uint8_t *row = task.source + (firstRow + column) * rowBytes;
    if (task.type == LAMRT_F32)
      packColumn<uint32_t, 1>(row, task.in, panel, column);
    else if (task.type == LAMRT_F16)
      packColumn<uint16_t, 1>(row, task.in, panel, column);
    else
      packColumn<uint16_t, 2>(row, task.in, panel, column);
  }
}

} // namespace

void pack(const PackTask &task) {
  int64_t panelBytes = getPanelBytes(task.type, task.in);
  int64_t blocks = task.in / getBlockElements(task.type);
  int64_t rowBytes = blocks * getBlockBytes(task.type);
  for (int64_t p = task.panelBegin; p < task.panelEnd; ++p) {
    uint8_t *panel = task.packed + p * panelBytes;
    if (getBlockElements(task.type) == 1)
      packFloats(task, p * kPanelColumns, panel, panelBytes);
    else
      packPanel(task, rowBytes, p * kPanelColumns, panel);
  }
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL
