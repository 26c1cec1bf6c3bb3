//===- Gguf.h - Metadata and tensors of a GGUF file -----------*- C++ -*-===//
//
// Reads versions 2 and 3, little-endian, as described in
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The file is
// mapped; tensor data is never touched.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_IMPORT_GGUF_H
#define LAMINA_IMPORT_GGUF_H

#include "lamina/Import/Checkpoint.h"
#include "lamina/Support/Diagnostics.h"

#include <map>
#include <memory>

namespace lamina {

/// Types of metadata values, with the numbers of the format.
enum class GgufType : uint32_t {
  UInt8 = 0,
  Int8 = 1,
  UInt16 = 2,
  Int16 = 3,
  UInt32 = 4,
  Int32 = 5,
  Float32 = 6,
  Bool = 7,
  String = 8,
  Array = 9,
  UInt64 = 10,
  Int64 = 11,
  Float64 = 12,
};

/// A metadata value: a view into the mapped file.
class GgufValue {
public:
  GgufType type() const { return valueType; }
  /// Byte offset of the value in the file.
  uint64_t offset() const { return valueOffset; }

  /// An integer of any integer type, or nothing (never from floats or bools).
  std::optional<int64_t> integer() const;
  /// A Float32 or Float64, or nothing.
  std::optional<double> floating() const;
  std::optional<bool> boolean() const;
  std::optional<std::string_view> string() const;

  /// Elements of an Array; 0 for other types.
  uint64_t size() const { return count; }
  /// Element type of an Array.
  GgufType elementType() const { return arrayType; }
  /// The elements of an array of strings / integers / floats; nothing if the
  /// value is no array of such.
  std::optional<std::vector<std::string_view>> strings() const;
  std::optional<std::vector<int64_t>> integers() const;
  std::optional<std::vector<double>> floats() const;

  /// As an error message shows it: `4096 (UINT32)`, `an array of 3 STRING`.
  std::string describe() const;

private:
  friend class GgufParser;
  std::string_view bytes; // of the scalar, or of all elements
  uint64_t valueOffset = 0;
  uint64_t count = 0;
  GgufType valueType = GgufType::UInt8;
  GgufType arrayType = GgufType::UInt8;
};

/// A GGUF file, its mapping held open.
class GgufFile {
public:
  GgufFile(GgufFile &&);
  GgufFile &operator=(GgufFile &&);
  ~GgufFile();

  const std::string &path() const;
  /// Metadata by key.
  const std::map<std::string, GgufValue, std::less<>> &metadata() const;
  /// The value of `key`, or null.
  const GgufValue *find(std::string_view key) const;
  /// The tensors; `files` has this one file.
  const Checkpoint &checkpoint() const;

private:
  friend class GgufParser;
  struct Storage;
  explicit GgufFile(std::unique_ptr<Storage> storage);
  std::unique_ptr<Storage> storage;
};

/// Reads and checks everything but the tensor data. On failure reports every
/// error found and returns nothing: code 5 if the file cannot be read, 6 if it
/// exceeds a limit of ours, 4 for versions, tensor types and multi-part files
/// that we do not support, else 3. What is odd but does no harm goes to
/// `warnings`, one line each, if it is given.
std::optional<GgufFile> readGguf(const std::string &path, InputErrors &errors,
                                 std::vector<std::string> *warnings = nullptr);

} // namespace lamina

#endif // LAMINA_IMPORT_GGUF_H
