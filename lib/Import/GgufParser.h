//===- GgufParser.h - Reads a mapped GGUF file ------------------*- C++ -*-===//

#ifndef LAMINA_LIB_IMPORT_GGUFPARSER_H
#define LAMINA_LIB_IMPORT_GGUFPARSER_H

#include "FileErrors.h"
#include "GgufCursor.h"
#include "GgufTypes.h"
#include "lamina/Import/Gguf.h"
#include "lamina/Support/MappedFile.h"

namespace lamina {

/// The name in the format's description: `UINT32`.
std::string_view getName(GgufType type);
/// Bytes of a number or a BOOL; 0 for STRING and ARRAY.
size_t getScalarBytes(GgufType type);

struct GgufFile::Storage {
  explicit Storage(MappedFile file) : file(std::move(file)) {}

  MappedFile file;
  std::map<std::string, GgufValue, std::less<>> metadata;
  Checkpoint checkpoint;
};

/// Reads one file: header, metadata, descriptions of tensors. The steps that
/// return a bool return false where nothing that follows can be read; what is
/// wrong but leaves the rest readable is reported and passed over.
class GgufParser {
public:
  GgufParser(MappedFile file, InputErrors &errors,
             std::vector<std::string> *warnings)
      : storage(std::make_unique<GgufFile::Storage>(std::move(file))),
        cursor(storage->file.bytes()), errors(storage->file.path(), errors),
        warnings(warnings) {}

  std::optional<GgufFile> run();

private:
  // GgufParser.cpp
  bool parseHeader();
  bool parseVersion();
  bool checkCount(uint64_t offset, std::string_view field, uint64_t count,
                  uint64_t recordBytes, uint64_t limit);
  bool parseMember();
  std::optional<std::string_view> parseKey();
  void checkKey(std::string_view key, uint64_t offset);
  std::optional<GgufType> parseType(std::string_view field);
  bool parseValue(GgufType type, std::string_view field, GgufValue &value);
  bool parseArray(std::string_view field, unsigned depth, GgufValue &value);
  bool parseElements(std::string_view field, unsigned depth, GgufValue &value);
  void checkBools(std::string_view field, uint64_t offset,
                  std::string_view bools);
  /// Reports that the file ends inside of `field` and returns false.
  bool failEnd(uint64_t offset, std::string_view field, std::string expected);
  bool failString(uint64_t offset, std::string_view field);
  const GgufValue *find(std::string_view key) const;
  void checkArchitecture();
  void checkAlignment();
  void checkSplit();

  // GgufTensors.cpp
  bool parseTensor();
  std::optional<std::string_view> parseTensorName();
  bool parseDimensions(CheckpointTensor &tensor, uint64_t &offset);
  const GgufTensorType *parseTensorType(const CheckpointTensor &tensor);
  std::optional<uint64_t> computeBytes(const CheckpointTensor &tensor,
                                       const GgufTensorType &type,
                                       uint64_t dimensionsOffset);
  void checkOffset(const CheckpointTensor &tensor, uint64_t offset,
                   std::optional<uint64_t> bytes);
  void checkNamesUnique();
  void checkEnd();

  std::unique_ptr<GgufFile::Storage> storage;
  GgufCursor cursor;
  FileErrors errors;
  std::vector<std::string> *warnings;

  uint64_t metadataCount = 0;
  uint64_t tensorCount = 0;
  uint64_t alignment = 32;
  /// Where in the file the description of each tensor begins.
  std::vector<uint64_t> tensorPlaces;
  /// Where the next tensor's data must begin, from the start of the data;
  /// nothing after a tensor whose size is not known.
  std::optional<uint64_t> nextOffset = 0;
};

} // namespace lamina

#endif // LAMINA_LIB_IMPORT_GGUFPARSER_H
