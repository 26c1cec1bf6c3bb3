//===- Safetensors.h - Tensors of safetensors files -------------*- C++ -*-===//
//
// Reads headers as the reference reader does
// (https://github.com/huggingface/safetensors), with one error a fault: names
// are unique, ranges fit dtype and shape, and together they cover the data
// exactly. Tensor data is read by readTensorBytes() only.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_IMPORT_SAFETENSORS_H
#define LAMINA_IMPORT_SAFETENSORS_H

#include "lamina/Import/Checkpoint.h"
#include "lamina/Support/Diagnostics.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lamina {

/// Bytes that a header may have; the reference reader's limit.
constexpr uint64_t kMaxSafetensorsHeaderBytes = 100'000'000;
/// Dimensions that a tensor may have.
constexpr size_t kMaxSafetensorsRank = 8;

/// A tensor of a safetensors file, of any dtype that the format knows.
struct SafetensorsTensor {
  std::string name;
  /// As in the file: `F32`, `I64`, `F8_E4M3`.
  std::string_view dtype;
  /// Bits of one element.
  unsigned itemBits = 0;
  /// Row-major.
  std::vector<int64_t> shape;
  /// First byte in the file, and number of bytes.
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

/// The header of a safetensors file.
struct SafetensorsFile {
  CheckpointFile file;
  /// Sorted by name, each name once.
  std::vector<SafetensorsTensor> tensors;
  /// The pairs of `__metadata__`, in file order.
  std::vector<std::pair<std::string, std::string>> metadata;

  /// The tensor `name`, or null. Logarithmic.
  const SafetensorsTensor *find(std::string_view name) const;
};

/// Reads and checks the header of the file at `path`. On failure reports every
/// error found and returns nothing: code 5 if the file cannot be read, 6 if it
/// exceeds a limit of ours, else 3.
std::optional<SafetensorsFile> readSafetensorsHeader(const std::string &path,
                                                     InputErrors &errors);

/// The same as a checkpoint of one file. A tensor whose dtype is no StorageType
/// is an error (code 4).
std::optional<Checkpoint> readSafetensors(const std::string &path,
                                          InputErrors &errors);

/// Reads the data of `tensor`, which must come from `file`. Reports a failure
/// (code 5) and returns nothing.
std::optional<std::vector<std::byte>>
readTensorBytes(const SafetensorsFile &file, const SafetensorsTensor &tensor,
                InputErrors &errors);

/// Reads the checkpoint of a Hugging Face directory: `model.safetensors` if
/// there is one, as transformers does, else the shards that
/// `model.safetensors.index.json` lists. At most one shard is open at a time;
/// files are in the order of their names. What is odd but does no harm goes to
/// `warnings`, one line each.
std::optional<Checkpoint>
readSafetensorsDirectory(const std::string &directory, InputErrors &errors,
                         std::vector<std::string> &warnings);

} // namespace lamina

#endif // LAMINA_IMPORT_SAFETENSORS_H
