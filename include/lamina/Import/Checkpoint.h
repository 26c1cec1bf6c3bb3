//===- Checkpoint.h - The tensors of a checkpoint --------------*- C++ -*-===//
//
// What safetensors and GGUF files have in common: named tensors, each a range
// of bytes of a file. Only metadata: the bytes are never read here.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_IMPORT_CHECKPOINT_H
#define LAMINA_IMPORT_CHECKPOINT_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lamina {

/// How the elements of a tensor are stored. The block types are GGUF's; their
/// shape is the logical shape.
enum class StorageType : uint8_t {
  F32,
  F16,
  BF16,
  Q8_0,
  Q4_0,
  Q4_1,
  Q5_0,
  Q5_1,
  Q4_K,
  Q5_K,
  Q6_K,
};

/// The name in the IR: `f32`, `q4_k`.
std::string_view getName(StorageType type);
/// Elements of one block: 1 for floats, 32 or 256.
int64_t getBlockElements(StorageType type);
/// Bytes of one block, of one element for floats.
int64_t getBlockBytes(StorageType type);

/// A tensor of a checkpoint.
struct CheckpointTensor {
  std::string name;
  StorageType type = StorageType::F32;
  /// Row-major: `[out, in]` for matrices, in both formats.
  std::vector<int64_t> shape;
  /// Index into Checkpoint::files.
  unsigned file = 0;
  /// First byte in the file, and number of bytes.
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

/// A file of a checkpoint.
struct CheckpointFile {
  std::string path;
  uint64_t size = 0;
  /// Bytes before the tensor data: what an identity hash covers in full.
  uint64_t headerBytes = 0;
};

/// The tensors of one or many files. All ranges lie in their files and do not
/// overlap; all sizes are checked.
struct Checkpoint {
  std::vector<CheckpointFile> files;
  /// Sorted by name, each name once.
  std::vector<CheckpointTensor> tensors;

  /// The tensor `name`, or null. Logarithmic.
  const CheckpointTensor *find(std::string_view name) const;
};

} // namespace lamina

#endif // LAMINA_IMPORT_CHECKPOINT_H
