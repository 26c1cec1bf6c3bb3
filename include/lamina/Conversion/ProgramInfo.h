//===- ProgramInfo.h - What a program knows beside its graph --------------===//
//
// The driver puts it on the module right after import; every stage keeps it.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_CONVERSION_PROGRAMINFO_H
#define LAMINA_CONVERSION_PROGRAMINFO_H

#include "mlir/IR/BuiltinOps.h"

#include <optional>
#include <string>
#include <vector>

namespace lamina {

/// Folder of the model's files, a string.
inline constexpr llvm::StringLiteral kModelPathAttr = "lamina.model_path";
/// The same, from the folder of the program.
inline constexpr llvm::StringLiteral kRelativeModelPathAttr =
    "lamina.relative_model_path";
/// Name of the file beside the program with its packed weights, a string;
/// absent if the program reads the model's files.
inline constexpr llvm::StringLiteral kPackedWeightsAttr =
    "lamina.packed_weights";
/// The files of the checkpoint: an array of `{name, size, header_size,
/// header_hash, sample_hash, full_hash}`; `full_hash` may be absent.
inline constexpr llvm::StringLiteral kFilesAttr = "lamina.files";
/// Largest position + 1, an i64.
inline constexpr llvm::StringLiteral kMaxContextAttr = "lamina.max_context";
/// How the program is made: one JSON object, a string.
inline constexpr llvm::StringLiteral kJsonAttr = "lamina.json";
/// The serialised tokenizer: a dense resource of i8.
inline constexpr llvm::StringLiteral kTokenizerAttr = "lamina.tokenizer";

/// A file of the checkpoint; the hashes are XXH3-64 (see `lamrt_file`).
struct ProgramFile {
  std::string name; // relative to the model's folder
  uint64_t size = 0;
  uint64_t headerSize = 0; // bytes before the tensor data
  uint64_t headerHash = 0;
  uint64_t sampleHash = 0;
  std::optional<uint64_t> fullHash;
};

struct ProgramInfo {
  std::string modelPath;
  std::string relativeModelPath;
  std::string packedWeights; // empty: none
  std::vector<ProgramFile> files;
  int64_t maxContext = 0;
  std::string json = "{}";
  std::string tokenizer; // bytes
};

/// Puts `info` on the module.
void setProgramInfo(mlir::ModuleOp module, const ProgramInfo &info);

/// Reads it back. Absent attributes leave their default; a wrong one is an
/// error.
mlir::FailureOr<ProgramInfo> getProgramInfo(mlir::ModuleOp module);

} // namespace lamina

#endif // LAMINA_CONVERSION_PROGRAMINFO_H
