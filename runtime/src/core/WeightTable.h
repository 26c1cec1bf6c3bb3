//===- WeightTable.h - The weights of a rank -------------------*- C++ -*-===//
//
// Every weight of a program in the form that operations read: panels for
// products, rows as in the checkpoint for embeddings, f32 for vectors. They are
// made of the model's files, or lie so in a packed file (PackedWeights.h).
// Derived weights are resolved here, so that operations see no difference.
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
#include <functional>
#include <vector>

namespace lamina::runtime {

/// One layer of a weight.
struct WeightLayer {
  /// Row-major, as in the checkpoint; in a packed file for LAMRT_USE_EMBED
  /// only.
  const uint8_t *source = nullptr;
  const uint8_t *packed = nullptr; ///< panel 0; LAMRT_USE_LINEAR
  const float *vector = nullptr;   ///< [out]; LAMRT_USE_VECTOR
};

struct Weight {
  const lamrt_weight *description = nullptr;
  int32_t uses = 0;         ///< also those of derived weights it is part of
  uint64_t sourceBytes = 0; ///< of a layer
  uint64_t packedBytes = 0; ///< of a layer
  uint64_t vectorBytes = 0; ///< of a layer, widened
  std::vector<WeightLayer> layers;
  /// The matrices whose output features are joined: itself, unless COLUMNS.
  std::vector<int32_t> parts;
};

class WeightTable {
public:
  /// Checks the tables of `program` and computes what the weights need. With
  /// `files`, which may be null, layers are found there. Fails with
  /// LAMRT_MALFORMED naming the weight.
  lamrt_status resolve(const lamina_program &program, const WeightFiles *files);

  /// Bytes that `load` allocates; none once the weights are mapped.
  uint64_t requiredBytes() const {
    return isMapped ? 0 : packedTotal + vectorTotal;
  }
  uint64_t packedBytes() const { return packedTotal; }

  /// Bytes of all weights in a packed file.
  uint64_t payloadBytes() const {
    return packedTotal + vectorTotal + rowsTotal;
  }
  /// Instead of load: operations find the bytes of the files.
  void useSources() { joinLayers(); }
  /// Uses the weights at `payload`, where they lie as writePayload wrote them.
  void map(const uint8_t *payload);
  /// After load: calls write(bytes, size) for what makes the payload, in order.
  /// Ends with the first status that is not LAMRT_OK.
  lamrt_status writePayload(
      const std::function<lamrt_status(const uint8_t *, uint64_t)> &write)
      const;

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
                             const WeightFiles *files, int32_t index);
  lamrt_status resolveDerived(const lamina_program &program, int32_t index);
  lamrt_status computeSizes();
  bool countBytes(Weight &weight);
  void placeWeights(const uint8_t *panels, const uint8_t *vectors);
  void placeRows(const uint8_t *rows);
  void joinLayers();
  void packMatrix(const cpu::Kernels &kernels, ThreadPool &pool,
                  const Weight &weight, const WeightLayer &layer);

  std::vector<Weight> weights;
  uint64_t packedTotal = 0;
  uint64_t vectorTotal = 0;
  uint64_t rowsTotal = 0; ///< of embeddings, in a packed file
  bool isMapped = false;
  Memory packedMemory;
  Memory vectorMemory;
};

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_CORE_WEIGHTTABLE_H
