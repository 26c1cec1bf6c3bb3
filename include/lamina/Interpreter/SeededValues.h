//===- SeededValues.h - Weights drawn from a seed -------------------------===//
//
// docs/numerics.md, "Seeded values": each element is a hash of (seed, name,
// layer, global index), so that no rewrite of a program changes a value.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_INTERPRETER_SEEDEDVALUES_H
#define LAMINA_INTERPRETER_SEEDEDVALUES_H

#include "lamina/Interpreter/BlockFormats.h"
#include "lamina/Interpreter/Numerics.h"
#include "llvm/ADT/StringMap.h"
#include <memory>
#include <mutex>
#include <variant>

namespace lamina {

/// How the elements of a weight are stored.
using Storage = std::variant<Element, QuantFormat>;

/// The hash that all elements of one layer of a weight, or of one argument,
/// start from.
uint64_t getSeedKey(uint64_t seed, llvm::StringRef name, uint64_t layer);

/// Returns element `index` of `key`, in [-1, 1).
inline double drawUnit(uint64_t key, uint64_t index) {
  return static_cast<double>(mixBits(key ^ index) >> 11) * 0x1p-52 - 1.0;
}

/// Bytes of `count` elements, a whole number of blocks.
uint64_t getStoredBytes(const Storage &storage, uint64_t count);

/// One layer of a weight, `rows` x `columns` (a vector has one row).
struct WeightValues {
  Storage storage = Element::f32;
  int64_t rows = 0;
  int64_t columns = 0;
  /// Elements as f32: `scale * q - minimum` rounded once for block formats.
  std::vector<float> values;
  /// Block formats: the integers as f32, and one scale (and minimum) for each
  /// `subBlock` elements.
  std::vector<float> q, scales, minimums;
  int64_t subBlock = 1;
};

/// What identifies one layer of a weight, seeded or of a file.
struct WeightKey {
  uint64_t seed = 0;
  llvm::StringRef name; // the checkpoint's name pattern
  int64_t layer = 0;    // 0 for a weight without layers
  Storage storage = Element::f32;
  int64_t rows = 1;
  int64_t columns = 0;
  bool isVector = false; // not scaled
  /// The file that holds the bytes, from `offset` on; empty: seeded.
  std::string file = {};
  uint64_t offset = 0;
};

/// Weights by key, drawn or read once. Safe to use from several threads. When
/// it holds more than `limit` elements it forgets all of them; who holds a
/// reference keeps it.
class WeightCache {
public:
  explicit WeightCache(int64_t limit = int64_t(1) << 27) : limit(limit) {}
  /// Null if the file of the key cannot be read.
  std::shared_ptr<const WeightValues> get(const WeightKey &key);

private:
  std::mutex mutex;
  llvm::StringMap<std::shared_ptr<const WeightValues>> weights;
  int64_t held = 0;
  int64_t limit;
};

} // namespace lamina

#endif // LAMINA_INTERPRETER_SEEDEDVALUES_H
