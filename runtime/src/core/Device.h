//===- Device.h - The device of a rank, seen from the host -----*- C++ -*-===//
//
// What a rank knows of the device that works for it: where its weights are, and
// the backend table. Weights are loaded by rectangle: the step runs once with
// its operations only noted, and so says which features of which weight this
// rank reads.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CORE_DEVICE_H
#define LAMINA_RUNTIME_CORE_DEVICE_H

#include "Backend.h"
#include "WeightTable.h"

#include <vector>

namespace lamina::runtime {

/// The part of a weight that a rank reads: output features [outBegin, outEnd),
/// input features [inBegin, inEnd).
struct WeightPart {
  int64_t outBegin = 0, outEnd = 0, inBegin = 0, inEnd = 0;
  int32_t type = LAMRT_F32; ///< on the device

  bool isEmpty() const { return outBegin == outEnd; }
  /// Grows to hold the other part too.
  void include(const WeightPart &other);
};

class Device {
public:
  Device() = default;
  ~Device();
  Device(const Device &) = delete;
  Device &operator=(const Device &) = delete;

  /// Loads the plugin. Fails with LAMRT_DEVICE.
  lamrt_status open();

  /// From here to create, operations are noted and not run.
  void beginPlanning(const WeightTable &weights);
  bool isPlanning() const { return !handle; }
  /// A product with inputs of type `inputType`, or an embedding (-1), reads
  /// `part` of a source weight.
  void noteUse(int32_t weight, const WeightPart &part, int32_t inputType);

  /// An attention of so many heads of this rank.
  void noteAttention(int32_t heads, int32_t keyHeads);

  /// Columns of all ranks that are joined, so many bytes together.
  void noteGather(int64_t bytes);

  /// Makes the rank on the device; `options` but for the bytes of the weights.
  lamrt_status create(BackendOptions options);
  lamrt_status load(const lamrt_rank_options &options);
  const BackendPlaces &getPlaces() const { return places; }
  uint64_t weightBytes() const { return allBytes; }

  /// Null if the weight has no such use. While planning: some address.
  const float *getVector(int32_t weight, int32_t layer) const;
  const uint8_t *getMatrix(int32_t weight, int32_t layer) const;
  const WeightPart &getPart(int32_t weight) const {
    return parts[static_cast<size_t>(weight)];
  }
  /// The address of output feature `out` and input feature `in`, or null.
  const void *getElement(int32_t weight, int32_t layer, int64_t out,
                         int64_t in) const;

  template <typename Operation, typename... Arguments>
  lamrt_status run(Operation operation, Arguments... arguments) {
    return isPlanning() ? LAMRT_OK : (table->*operation)(handle, arguments...);
  }

private:
  struct Layer {
    const void *matrix = nullptr;
    const void *vector = nullptr;
  };
  lamrt_status loadLayer(int32_t weight, int32_t layer);
  uint64_t countBytes(int32_t weight) const;

  const BackendTable *table = nullptr;
  BackendRank *handle = nullptr;
  BackendPlaces places = {};
  const WeightTable *weights = nullptr;
  std::vector<WeightPart> parts;          ///< of source weights
  std::vector<std::vector<Layer>> layers; ///< of all
  uint64_t allBytes = 0;
  int32_t mostHeads = 0, mostKeyHeads = 0;
  int64_t mostGathered = 0;
};

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_CORE_DEVICE_H
