//===- BlockFormats.h - Block-quantised storage, as in GGUF ---------------===//
//
// Decodes the formats of docs/numerics.md, "Block formats", and takes f32
// values to them by absolute maxima.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_INTERPRETER_BLOCKFORMATS_H
#define LAMINA_INTERPRETER_BLOCKFORMATS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>
#include <vector>

namespace lamina {

/// The storage formats whose elements share scales.
enum class QuantFormat { q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q5_k, q6_k };

/// Sizes of a format.
struct QuantLayout {
  int64_t blockElements; // 32, or 256 for the k formats
  int64_t blockBytes;
  int64_t subBlock; // elements that share a scale: 32, 16 for q6_k
  bool hasMinimum;
};

QuantLayout getQuantLayout(QuantFormat format);

/// Returns the format named `q8_0`, `q4_k`, ..., or nothing.
std::optional<QuantFormat> parseQuantFormat(llvm::StringRef name);

/// Decoded elements: element i is `scale * q[i] - minimum` of its sub-block.
struct QuantValues {
  std::vector<int8_t> q;
  std::vector<float> scales;   // one a sub-block
  std::vector<float> minimums; // one a sub-block; empty without minima
};

/// Decodes whole blocks. `bytes` is a multiple of the block's bytes.
QuantValues decodeBlocks(QuantFormat format, llvm::ArrayRef<uint8_t> bytes);

/// Quantises whole blocks by absolute maxima (numerics.md, "Seeded values").
std::vector<uint8_t> quantizeBlocks(QuantFormat format,
                                    llvm::ArrayRef<float> values);

} // namespace lamina

#endif // LAMINA_INTERPRETER_BLOCKFORMATS_H
