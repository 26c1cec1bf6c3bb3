//===- Gguf.cpp - Metadata and tensors of a GGUF file ---------------------===//

#include "lamina/Import/Gguf.h"

#include "GgufParser.h"

using namespace lamina;

GgufFile::GgufFile(std::unique_ptr<Storage> storage)
    : storage(std::move(storage)) {}
GgufFile::GgufFile(GgufFile &&) = default;
GgufFile &GgufFile::operator=(GgufFile &&) = default;
GgufFile::~GgufFile() = default;

const std::string &GgufFile::path() const { return storage->file.path(); }

const std::map<std::string, GgufValue, std::less<>> &
GgufFile::metadata() const {
  return storage->metadata;
}

const GgufValue *GgufFile::find(std::string_view key) const {
  auto found = storage->metadata.find(key);
  return found == storage->metadata.end() ? nullptr : &found->second;
}

const Checkpoint &GgufFile::checkpoint() const { return storage->checkpoint; }

std::optional<GgufFile> lamina::readGguf(const std::string &path,
                                         InputErrors &errors,
                                         std::vector<std::string> *warnings) {
  std::optional<MappedFile> file = MappedFile::open(path, errors);
  if (!file)
    return std::nullopt;
  return GgufParser(std::move(*file), errors, warnings).run();
}
