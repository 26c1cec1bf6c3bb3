//===- WeightTable.h - The weights of a rank -------------------*- C++ -*-===//
//
// Every weight of a program in the form that operations read: panels for
// products, rows of the mapped file for embeddings, f32 for vectors. Derived
// weights are resolved here, so that operations see no difference.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CORE_WEIGHTTABLE_H
#define LAMINA_RUNTIME_CORE_WEIGHTTABLE_H

#include "../cpu/Kernels.h"
#include "HostResources.h"
#include "ThreadPool.h"
#include "WeightFiles.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lamina::runtime {

/// One layer of a weight.
struct WeightLayer {
  const uint8_t *source = nullptr; ///< row-major, as in the file
  uint8_t *packed = nullptr;       ///< panel 0; LAMRT_USE_LINEAR
  float *vector = nullptr;         ///< [out]; LAMRT_USE_VECTOR
};

struct Weight {
  const lamrt_weight *description = nullptr;
  int32_t uses = 0;         ///< also those of derived weights it is part of
  uint64_t sourceBytes = 0; ///< of a layer
  uint64_t packedBytes = 0; ///< of a layer
  std::vector<WeightLayer> layers;
  /// The matrices whose output features are joined: itself, unless COLUMNS.
  std::vector<int32_t> parts;
};

class WeightTable {
public:
  /// Checks the tables of `program` and computes what the weights need. Fails
  /// with LAMRT_MALFORMED naming the weight.
  lamrt_status resolve(const lamina_program &program, const WeightFiles &files);

  /// Bytes that `load` allocates.
  uint64_t requiredBytes() const { return packedTotal + vectorTotal; }
  uint64_t packedBytes() const { return packedTotal; }

  /// Packs matrices and widens vectors with all threads. Source pages of
  /// packed matrices are dropped as it goes.
  lamrt_status load(const cpu::Kernels &kernels, ThreadPool &pool,
                    const lamrt_rank_options &options);

  int32_t size() const { return static_cast<int32_t>(weights.size()); }
  const Weight &operator[](int32_t index) const {
    return weights[static_cast<size_t>(index)];
  }

private:
  lamrt_status resolveSource(const lamina_program &program,
                             const WeightFiles &files, int32_t index);
  lamrt_status resolveDerived(const lamina_program &program, int32_t index);
  lamrt_status computeSizes();
  void placeWeights();
  void joinLayers();
  void packMatrix(const cpu::Kernels &kernels, ThreadPool &pool,
                  const Weight &weight, const WeightLayer &layer);

  std::vector<Weight> weights;
  uint64_t packedTotal = 0;
  uint64_t vectorTotal = 0;
  Memory packedMemory;
  Memory vectorMemory;
};

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_CORE_WEIGHTTABLE_H
