//===- Table.cpp - The table of one x86 level -----------------------------===//

#include "LevelKernels.h"

#define LAMINA_NAME_OF(level) #level
#define LAMINA_EXPANDED_NAME_OF(level) LAMINA_NAME_OF(level)

namespace lamina::cpu::LAMINA_CPU_LEVEL {

const Kernels *getKernels() {
  static constexpr Kernels table = {
      LAMINA_EXPANDED_NAME_OF(LAMINA_CPU_LEVEL),
      multiplyAdd,
      pack,
      getInputBytes,
      prepareInput,
      linear,
      attention,
      widenRows,
      roundRow,
      embed,
      add,
      rmsNorm,
      sumRanks,
      siluMul,
      exponentials,
      angles,
      rope,
  };
  return &table;
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL
