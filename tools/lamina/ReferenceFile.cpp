//===- ReferenceFile.cpp - Numbers to compare with ------------------------===//

#include "ReferenceFile.h"

#include <cstring>

using namespace lamina;
using llvm::StringRef;

static std::string describe(StringRef dtype, llvm::ArrayRef<int64_t> shape) {
  std::string text = dtype.str() + " [";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

static std::string describe(const SafetensorsTensor *tensor) {
  if (!tensor)
    return "absent";
  return describe({tensor->dtype.data(), tensor->dtype.size()}, tensor->shape);
}

std::optional<ReferenceFile> ReferenceFile::open(const std::string &path,
                                                 InputErrors &errors) {
  std::optional<SafetensorsFile> file = readSafetensorsHeader(path, errors);
  if (!file)
    return std::nullopt;
  return ReferenceFile(std::move(*file));
}

std::vector<std::string> ReferenceFile::listTensors(int64_t numLayers) const {
  std::vector<std::string> names;
  for (int64_t layer = 0; layer < numLayers; ++layer) {
    std::string name = "hidden.L" + std::to_string(layer);
    if (find(name))
      names.push_back(std::move(name));
  }
  if (find("hidden.norm"))
    names.push_back("hidden.norm");
  names.push_back("logits");
  return names;
}

void ReferenceFile::report(InputErrors &errors, StringRef name,
                           std::string found, std::string expected,
                           ExitCode code) const {
  errors.report({code, file.file.path, "", name.str(), std::move(found),
                 std::move(expected), ""});
}

bool ReferenceFile::checkIds(const LlamaConfig &config, int64_t maxContext,
                             llvm::ArrayRef<int64_t> ids,
                             InputErrors &errors) const {
  if (ids.empty()) {
    report(errors, "input_ids", "no ids", "at least one");
    return false;
  }
  if (int64_t(ids.size()) > maxContext) {
    report(errors, "input_ids", std::to_string(ids.size()) + " ids",
           "at most " + std::to_string(maxContext) +
               ", the positions of the program",
           ExitCode::Limit);
    return false;
  }
  for (size_t i = 0; i < ids.size(); ++i)
    if (ids[i] < 0 || ids[i] >= config.vocabSize) {
      report(errors, "input_ids",
             std::to_string(ids[i]) + " at " + std::to_string(i),
             "ids from 0 to " + std::to_string(config.vocabSize - 1));
      return false;
    }
  return true;
}

bool ReferenceFile::checkMatrix(StringRef name, int64_t rows, int64_t columns,
                                InputErrors &errors) const {
  const SafetensorsTensor *tensor = find(name);
  std::vector<int64_t> shape{rows, columns};
  if (tensor && tensor->dtype == "F32" && tensor->shape == shape)
    return true;
  report(errors, name, describe(tensor),
         describe("F32", shape) + " for this model and these ids");
  return false;
}

bool ReferenceFile::check(const LlamaConfig &config, int64_t maxContext,
                          llvm::ArrayRef<int64_t> ids,
                          InputErrors &errors) const {
  if (!checkIds(config, maxContext, ids, errors))
    return false;
  bool isRight = true;
  for (const SafetensorsTensor &tensor : file.tensors) {
    StringRef name(tensor.name);
    if (name == "input_ids")
      continue;
    int64_t layer = 0;
    bool isHidden = name == "hidden.norm" ||
                    (name.starts_with("hidden.L") &&
                     !name.drop_front(8).getAsInteger(10, layer) &&
                     layer >= 0 && name == "hidden.L" + std::to_string(layer));
    if (name != "logits" && (!isHidden || layer >= config.numLayers)) {
      report(errors, quoted(tensor.name), describe(&tensor),
             "no such tensor for a model of " +
                 std::to_string(config.numLayers) + " layers");
      isRight = false;
    } else {
      isRight &=
          checkMatrix(name, int64_t(ids.size()),
                      isHidden ? config.hiddenSize : config.vocabSize, errors);
    }
  }
  if (!find("logits"))
    isRight =
        checkMatrix("logits", int64_t(ids.size()), config.vocabSize, errors);
  return isRight;
}

std::optional<std::vector<float>>
ReferenceFile::readMatrix(StringRef name, InputErrors &errors) const {
  const SafetensorsTensor *tensor = find(name);
  if (!tensor || tensor->dtype != "F32" || tensor->shape.size() != 2) {
    report(errors, name, describe(tensor), "a matrix of F32");
    return std::nullopt;
  }
  auto bytes = readTensorBytes(file, *tensor, errors);
  if (!bytes)
    return std::nullopt;
  std::vector<float> values(bytes->size() / sizeof(float));
  std::memcpy(values.data(), bytes->data(), values.size() * sizeof(float));
  return values;
}

std::optional<std::vector<int64_t>>
ReferenceFile::readIds(InputErrors &errors) const {
  const SafetensorsTensor *tensor = find("input_ids");
  bool isWide = tensor && tensor->dtype == "I64";
  if (!tensor || (!isWide && tensor->dtype != "I32") ||
      tensor->shape.size() != 1) {
    report(errors, "input_ids", describe(tensor), "a vector of I64 or I32");
    return std::nullopt;
  }
  auto bytes = readTensorBytes(file, *tensor, errors);
  if (!bytes)
    return std::nullopt;
  std::vector<int64_t> ids(size_t(tensor->shape[0]));
  for (size_t i = 0; i < ids.size(); ++i) {
    int32_t narrow = 0;
    if (isWide)
      std::memcpy(&ids[i], bytes->data() + 8 * i, 8);
    else
      std::memcpy(&narrow, bytes->data() + 4 * i, 4), ids[i] = narrow;
  }
  return ids;
}
