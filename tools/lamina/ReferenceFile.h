//===- ReferenceFile.h - Numbers to compare with ----------------*- C++ -*-===//

#ifndef LAMINA_TOOLS_LAMINA_REFERENCEFILE_H
#define LAMINA_TOOLS_LAMINA_REFERENCEFILE_H

#include "lamina/Import/LlamaConfig.h"
#include "lamina/Import/Safetensors.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <optional>

namespace lamina {

/// A safetensors file with `input_ids` [T], `logits` [T, V] and, if it has
/// them, `hidden.L<i>` and `hidden.norm` [T, hidden size]; what a program's
/// `--dump` writes too. Tensors are read when asked for.
class ReferenceFile {
public:
  static std::optional<ReferenceFile> open(const std::string &path,
                                           InputErrors &errors);

  const SafetensorsTensor *find(llvm::StringRef name) const {
    return file.find({name.data(), name.size()});
  }

  /// The tensors to compare: hidden states in the order of the layers, then
  /// `hidden.norm`, then `logits`.
  std::vector<std::string> listTensors(int64_t numLayers) const;

  /// Whether shapes, types and the ids are such as a model of `config` can
  /// have; reports what is not.
  bool check(const LlamaConfig &config, int64_t maxContext,
             llvm::ArrayRef<int64_t> ids, InputErrors &errors) const;

  /// A matrix of f32, by rows.
  std::optional<std::vector<float>> readMatrix(llvm::StringRef name,
                                               InputErrors &errors) const;
  /// `input_ids`, a vector of I64 or I32.
  std::optional<std::vector<int64_t>> readIds(InputErrors &errors) const;

private:
  explicit ReferenceFile(SafetensorsFile file) : file(std::move(file)) {}
  void report(InputErrors &errors, llvm::StringRef name, std::string found,
              std::string expected, ExitCode code = ExitCode::Malformed) const;
  bool checkIds(const LlamaConfig &config, int64_t maxContext,
                llvm::ArrayRef<int64_t> ids, InputErrors &errors) const;
  bool checkMatrix(llvm::StringRef name, int64_t rows, int64_t columns,
                   InputErrors &errors) const;

  SafetensorsFile file;
};

} // namespace lamina

#endif // LAMINA_TOOLS_LAMINA_REFERENCEFILE_H
