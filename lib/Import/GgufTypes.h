//===- GgufTypes.h - Tensor types of GGUF files -----------------*- C++ -*-===//

#ifndef LAMINA_LIB_IMPORT_GGUFTYPES_H
#define LAMINA_LIB_IMPORT_GGUFTYPES_H

#include "lamina/Import/Checkpoint.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace lamina {

/// A tensor type of the format (`enum ggml_type` of ggml.h).
struct GgufTensorType {
  uint32_t number = 0;
  std::string_view name;
  /// Elements and bytes of a block; 0 for types that were removed from the
  /// format.
  uint64_t blockElements = 0;
  uint64_t blockBytes = 0;
  /// What it is here; nothing for types that we do not support.
  std::optional<StorageType> storage;
};

/// The type with that number, or null if the format has none.
const GgufTensorType *findGgufTensorType(uint32_t number);

} // namespace lamina

#endif // LAMINA_LIB_IMPORT_GGUFTYPES_H
