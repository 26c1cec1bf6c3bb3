//===- LinearMethods.cpp - How a level computes its products --------------===//

#include "InputTiles.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

namespace {

int64_t getPortableRows(int64_t row, int64_t rows) {
  return getTileRows(rows - row);
}

int64_t getPortableRowBytes(int64_t features) {
  return (features + kLanes - 1) / kLanes * kLanes *
         static_cast<int64_t>(sizeof(float));
}

/// Rows of f32, one behind another.
void prepareRows(const InputTask &task, int64_t row, int64_t height,
                 uint8_t *tile) {
  int64_t rowBytes = getPortableRowBytes(task.features);
  for (int64_t r = 0; r < height; ++r)
    for (int64_t i = 0; i < task.features; i += kLanes)
      roundTo(LAMRT_F32, tile + r * rowBytes, i,
              widenAt(task.input.type, getRow(task.input, row + r), i,
                      task.features));
}

} // namespace

Method getPortableMethod(int32_t type) {
  bool isFloat = getBlockElements(type) == 1;
  return {isFloat ? getFloatLeaf : getBlockLeaf,
          getPortableRows,
          prepareRows,
          getPortableRowBytes,
          1,
          sizeof(float),
          false};
}

Method getMethod(int32_t type, SumOrder order) {
  Method method = getPortableMethod(type);
#ifdef LAMINA_LEVEL_HAS_TILES
  getTileMethod(type, order, method);
#else
  (void)order;
#endif
  return method;
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL
