//===- Safetensors.cpp - Tensors of safetensors files ---------------------===//

#include "lamina/Import/Safetensors.h"

#include "FileErrors.h"
#include "lamina/Support/InputFile.h"

#include <algorithm>

using namespace lamina;

const SafetensorsTensor *SafetensorsFile::find(std::string_view name) const {
  auto found = std::lower_bound(
      tensors.begin(), tensors.end(), name,
      [](const SafetensorsTensor &tensor, std::string_view wanted) {
        return tensor.name < wanted;
      });
  return found != tensors.end() && found->name == name ? &*found : nullptr;
}

static std::optional<StorageType> findStorageType(std::string_view dtype) {
  if (dtype == "F32")
    return StorageType::F32;
  if (dtype == "F16")
    return StorageType::F16;
  if (dtype == "BF16")
    return StorageType::BF16;
  return std::nullopt;
}

std::optional<Checkpoint> lamina::readSafetensors(const std::string &path,
                                                  InputErrors &errors) {
  std::optional<SafetensorsFile> file = readSafetensorsHeader(path, errors);
  if (!file)
    return std::nullopt;
  FileErrors fileErrors(path, errors);
  Checkpoint checkpoint;
  checkpoint.files.push_back(file->file);
  checkpoint.tensors.reserve(file->tensors.size());
  for (SafetensorsTensor &tensor : file->tensors) {
    std::optional<StorageType> type = findStorageType(tensor.dtype);
    if (!type) {
      fileErrors.report(ExitCode::Unsupported,
                        jsonPointer("", tensor.name) + "/dtype", "dtype",
                        "unsupported type " + std::string(tensor.dtype) +
                            " of tensor " + quoted(tensor.name),
                        "F32, F16 or BF16");
      continue;
    }
    checkpoint.tensors.push_back({std::move(tensor.name), *type,
                                  std::move(tensor.shape), 0, tensor.offset,
                                  tensor.bytes});
  }
  if (!fileErrors.finish())
    return std::nullopt;
  return checkpoint;
}

std::optional<std::vector<std::byte>>
lamina::readTensorBytes(const SafetensorsFile &file,
                        const SafetensorsTensor &tensor, InputErrors &errors) {
  std::optional<InputFile> input = InputFile::open(file.file.path, errors);
  if (!input)
    return std::nullopt;
  std::vector<std::byte> bytes(tensor.bytes);
  if (!input->read(tensor.offset, bytes.data(), bytes.size(), errors))
    return std::nullopt;
  return bytes;
}
