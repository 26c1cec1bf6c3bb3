//===- SafetensorsIndex.cpp - A checkpoint in one or many files -----------===//
//
// `model.safetensors.index.json` holds `weight_map`, from the name of a tensor
// to the name of the file that it lies in, and `metadata.total_size`.
//
//===----------------------------------------------------------------------===//

#include "FileErrors.h"
#include "JsonText.h"
#include "lamina/Import/Json.h"
#include "lamina/Import/Safetensors.h"
#include "lamina/Support/CheckedMath.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <map>
#include <set>
#include <sys/stat.h>

using namespace lamina;
using json::Kind;
using json::Value;

/// Bytes of an index, and JSON values in it; that of a model of 90,000 tensors
/// has 9 million bytes.
static constexpr uint64_t kMaxIndexBytes = 64 << 20;
static constexpr size_t kMaxIndexValues = 600'000;

static constexpr std::string_view kSingleName = "model.safetensors";
static constexpr std::string_view kIndexName = "model.safetensors.index.json";

namespace {

/// Reads an index and the shards that it lists.
class IndexReader {
public:
  IndexReader(const std::string &directory, InputErrors &errors,
              std::vector<std::string> &warnings)
      : directory(directory), path(pathOf(kIndexName)), errors(errors),
        indexErrors(path, errors), warnings(warnings) {}

  std::optional<Checkpoint> read();

private:
  std::string pathOf(std::string_view name) const {
    return directory + "/" + std::string(name);
  }
  void warn(std::string place, std::string field, std::string found) {
    warnings.push_back(warningText(path, std::move(place), std::move(field),
                                   std::move(found)));
  }

  bool readWeightMap(const Value &root);
  void readTotalSize(const Value &root);
  /// Reads one shard and appends its tensors.
  void readShard(const std::string &name);
  /// Compares the tensors found with those of the index.
  void checkTensors();
  void checkTotalSize();
  void warnOfUnlistedFiles();
  std::string shardNameOf(const CheckpointTensor &tensor) const;

  const std::string &directory;
  std::string path;
  InputErrors &errors;
  FileErrors indexErrors;
  std::vector<std::string> &warnings;

  /// The shard of each tensor, as the index says.
  std::map<std::string, std::string, std::less<>> weightMap;
  std::set<std::string, std::less<>> shards;
  /// The shard of each of Checkpoint::files.
  std::vector<std::string> shardNames;
  std::optional<uint64_t> totalSize;
  Checkpoint checkpoint;
};

} // namespace

/// Whether `name` is a file name and no path, on any system. Symbolic links are
/// fine: the caches of Hugging Face are made of them.
static bool isPlainFileName(std::string_view name) {
  if (name.empty() || name == "." || name == "..")
    return false;
  for (char c : name)
    if (c == '/' || c == '\\' || c == ':' ||
        static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      return false;
  return true;
}

static bool exists(const std::string &path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0;
}

bool IndexReader::readWeightMap(const Value &root) {
  const Value *map = root.find("weight_map");
  if (!map || map->kind() != Kind::Object) {
    indexErrors.malformed("/weight_map", "weight_map",
                          map ? map->describe() : "absent",
                          "an object of tensor and file names");
    return false;
  }
  for (const Value &entry : *map) {
    std::string pointer = jsonPointer("/weight_map", entry.key());
    if (entry.kind() != Kind::String || !isPlainFileName(entry.text())) {
      indexErrors.malformed(std::move(pointer), "weight_map", entry.describe(),
                            "a plain file name");
      continue;
    }
    weightMap.emplace(entry.key(), entry.text());
    shards.emplace(entry.text());
  }
  return indexErrors.isEmpty();
}

void IndexReader::readTotalSize(const Value &root) {
  const Value *metadata = root.find("metadata");
  const Value *size = metadata ? metadata->find("total_size") : nullptr;
  if (!size)
    return;
  totalSize = size->uint64();
  if (!totalSize)
    warn("/metadata/total_size", "total_size",
         size->describe() + " is no number of bytes");
}

void IndexReader::readShard(const std::string &name) {
  std::optional<Checkpoint> shard = readSafetensors(pathOf(name), errors);
  if (!shard)
    return;
  auto file = static_cast<unsigned>(checkpoint.files.size());
  checkpoint.files.push_back(std::move(shard->files.front()));
  shardNames.push_back(name);
  for (CheckpointTensor &tensor : shard->tensors) {
    tensor.file = file;
    checkpoint.tensors.push_back(std::move(tensor));
  }
}

std::string IndexReader::shardNameOf(const CheckpointTensor &tensor) const {
  return quoted(shardNames[tensor.file]);
}

void IndexReader::checkTensors() {
  std::vector<CheckpointTensor> &tensors = checkpoint.tensors;
  std::sort(tensors.begin(), tensors.end(),
            [](const CheckpointTensor &a, const CheckpointTensor &b) {
              int order = a.name.compare(b.name);
              return order != 0 ? order < 0 : a.file < b.file;
            });
  const CheckpointTensor *previous = nullptr;
  for (const CheckpointTensor &tensor : tensors) {
    std::string pointer = jsonPointer("/weight_map", tensor.name);
    auto listed = weightMap.find(tensor.name);
    if (previous && previous->name == tensor.name)
      indexErrors.malformed(pointer, "weight_map",
                            "tensor " + quoted(tensor.name) + " in " +
                                shardNameOf(*previous) + " and in " +
                                shardNameOf(tensor),
                            "each tensor in one file");
    else if (listed == weightMap.end())
      warn(pointer, "weight_map",
           "tensor " + quoted(tensor.name) + " of " + shardNameOf(tensor) +
               " is not listed");
    else if (listed->second != shardNames[tensor.file])
      indexErrors.malformed(pointer, "weight_map", quoted(listed->second),
                            shardNameOf(tensor) + ", where tensor " +
                                quoted(tensor.name) + " lies");
    previous = &tensor;
  }
  for (const auto &[name, shard] : weightMap)
    if (!checkpoint.find(name))
      indexErrors.malformed(jsonPointer("/weight_map", name), "weight_map",
                            "tensor " + quoted(name) + ", absent from " +
                                quoted(shard),
                            "a tensor of that file");
}

void IndexReader::checkTotalSize() {
  std::optional<uint64_t> sum = 0;
  for (const CheckpointTensor &tensor : checkpoint.tensors)
    sum = sum ? checkedAdd(*sum, tensor.bytes) : std::nullopt;
  if (totalSize && sum && *totalSize != *sum)
    warn("/metadata/total_size", "total_size",
         std::to_string(*totalSize) + ", but the tensors have " +
             std::to_string(*sum) + " bytes");
}

void IndexReader::warnOfUnlistedFiles() {
  DIR *entries = ::opendir(directory.c_str());
  if (!entries)
    return;
  constexpr std::string_view suffix = ".safetensors";
  std::set<std::string> unlisted;
  while (const dirent *entry = ::readdir(entries)) {
    std::string_view name = entry->d_name;
    if (name.size() > suffix.size() &&
        name.substr(name.size() - suffix.size()) == suffix &&
        shards.find(name) == shards.end())
      unlisted.emplace(name);
  }
  ::closedir(entries);
  for (const std::string &name : unlisted)
    warnings.push_back(
        warningText(pathOf(name), "", "file",
                    "not listed in " + std::string(kIndexName) + ", not used"));
}

std::optional<Checkpoint> IndexReader::read() {
  size_t errorsBefore = errors.size();
  std::optional<std::string> text =
      json::readFile(path, kMaxIndexBytes, errors);
  if (!text)
    return std::nullopt;
  if (json::hasMoreValues(*text, kMaxIndexValues)) {
    indexErrors.report(ExitCode::Limit, "", "JSON",
                       "more than " + std::to_string(kMaxIndexValues) +
                           " values",
                       "a smaller index");
    return std::nullopt;
  }
  std::optional<json::Document> document = json::parse(*text, path, errors);
  text.reset();
  if (!document)
    return std::nullopt;
  bool isComplete = readWeightMap(document->root());
  readTotalSize(document->root());
  document.reset();
  for (const std::string &name : shards) {
    if (errors.size() - errorsBefore >= FileErrors::kMaxErrors) {
      errors.report(
          {ExitCode::Malformed, path, "", "weight_map",
           "too many errors to read " + quoted(name) + " and what follows", "",
           ""});
      break;
    }
    readShard(name);
  }
  // A shard that was not read would make all its tensors absent.
  if (isComplete && errors.size() == errorsBefore) {
    checkTensors();
    checkTotalSize();
    warnOfUnlistedFiles();
  }
  indexErrors.finish();
  if (errors.size() != errorsBefore)
    return std::nullopt;
  return std::move(checkpoint);
}

/// Reports why there is no checkpoint in `directory`.
static void reportNoCheckpoint(const std::string &directory,
                               InputErrors &errors) {
  InputError error;
  error.code = ExitCode::InputOutput;
  error.file = directory;
  error.field = "directory";
  error.found =
      "no " + std::string(kSingleName) + " and no " + std::string(kIndexName);
  error.expected = "one of them";
  struct stat status;
  if (::stat(directory.c_str(), &status) != 0) {
    error.found = std::strerror(errno);
    error.expected = "a directory with a checkpoint";
  } else if (!S_ISDIR(status.st_mode)) {
    error.found = "a file";
    error.expected = "a directory with a checkpoint";
  } else if (exists(directory + "/pytorch_model.bin") ||
             exists(directory + "/pytorch_model.bin.index.json")) {
    error.code = ExitCode::Unsupported;
    error.found = "weights as pytorch_model.bin only";
    error.expected = std::string(kSingleName);
    error.help = "convert the weights to safetensors";
  }
  errors.report(std::move(error));
}

std::optional<Checkpoint>
lamina::readSafetensorsDirectory(const std::string &directory,
                                 InputErrors &errors,
                                 std::vector<std::string> &warnings) {
  std::string single = directory + "/" + std::string(kSingleName);
  std::string index = directory + "/" + std::string(kIndexName);
  if (exists(single)) {
    if (exists(index))
      warnings.push_back(
          warningText(index, "", "file",
                      "not used, since there is " + std::string(kSingleName)));
    return readSafetensors(single, errors);
  }
  if (exists(index))
    return IndexReader(directory, errors, warnings).read();
  reportNoCheckpoint(directory, errors);
  return std::nullopt;
}
