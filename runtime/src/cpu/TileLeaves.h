//===- TileLeaves.h - Leaves that read interleaved tiles -------*- C++ -*-===//
//
// Part of the levels with LAMINA_LEVEL_HAS_TILES.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CPU_TILELEAVES_H
#define LAMINA_RUNTIME_CPU_TILELEAVES_H

#include "InputTiles.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

/// Rows of the largest tiles.
constexpr int64_t kInt8Rows = 4;

/// q4_0, q4_1, q8_0 with int8 activations.
Leaf getInt8Leaf(int32_t type, SumOrder order, int64_t rows);

} // namespace lamina::cpu::LAMINA_CPU_LEVEL

#endif // LAMINA_RUNTIME_CPU_TILELEAVES_H
