//===- GgufTensors.cpp - Descriptions of tensors in GGUF files ------------===//
//
// A description is: name, number of dimensions (u32), dimensions (u64 each,
// innermost first), type (u32), offset from the start of the data (u64).
//
//===----------------------------------------------------------------------===//

#include "GgufParser.h"
#include "lamina/Support/CheckedMath.h"
#include "lamina/Support/Utf8.h"

#include <algorithm>

using namespace lamina;

/// Readers of the format keep a name in 64 bytes, with a NUL at its end.
static constexpr uint64_t kMaxNameBytes = 63;
static constexpr uint32_t kMaxDimensions = 4;

std::optional<std::string_view> GgufParser::parseTensorName() {
  uint64_t offset = cursor.offset();
  std::optional<std::string_view> name = cursor.string();
  if (!name) {
    failString(offset, "tensor name");
    return std::nullopt;
  }
  if (name->empty() || name->size() > kMaxNameBytes)
    errors.malformed(byteOffset(offset), "tensor name",
                     "a name of " + std::to_string(name->size()) + " bytes",
                     "1 to " + std::to_string(kMaxNameBytes) + " bytes");
  size_t invalid = std::min(findInvalidUtf8(*name), name->find('\0'));
  if (invalid < name->size())
    errors.malformed(byteOffset(offset + 8 + invalid), "tensor name",
                     quoted(*name), "UTF-8 without NUL");
  return name;
}

bool GgufParser::parseDimensions(CheckpointTensor &tensor, uint64_t &offset) {
  uint64_t countOffset = cursor.offset();
  std::optional<uint32_t> count = cursor.number<uint32_t>();
  if (!count)
    return failEnd(countOffset, tensor.name, "a number of dimensions (UINT32)");
  if (*count < 1 || *count > kMaxDimensions) {
    errors.malformed(byteOffset(countOffset), tensor.name,
                     std::to_string(*count) + " dimensions",
                     "1 to " + std::to_string(kMaxDimensions));
    return false;
  }
  offset = cursor.offset();
  bool fits = true;
  for (uint32_t i = 0; i < *count; ++i) {
    uint64_t place = cursor.offset();
    std::optional<uint64_t> size = cursor.number<uint64_t>();
    if (!size)
      return failEnd(place, tensor.name, "a dimension (UINT64)");
    if (*size > INT64_MAX && fits) {
      fits = false;
      errors.malformed(byteOffset(place), tensor.name,
                       "a dimension of " + std::to_string(*size),
                       "at most " + std::to_string(INT64_MAX));
    }
    tensor.shape.push_back(static_cast<int64_t>(*size));
  }
  // The format's order is innermost first, ours is row-major.
  std::reverse(tensor.shape.begin(), tensor.shape.end());
  if (!fits)
    tensor.shape.clear();
  return true;
}

const GgufTensorType *
GgufParser::parseTensorType(const CheckpointTensor &tensor) {
  uint64_t offset = cursor.offset();
  std::optional<uint32_t> number = cursor.number<uint32_t>();
  static constexpr GgufTensorType unknown;
  if (!number) {
    failEnd(offset, tensor.name, "a tensor type (UINT32)");
    return nullptr;
  }
  const GgufTensorType *type = findGgufTensorType(*number);
  constexpr const char *expected =
      "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K or Q6_K";
  if (!type) {
    errors.malformed(byteOffset(offset), tensor.name,
                     "unknown tensor type " + std::to_string(*number),
                     expected);
    return &unknown;
  }
  if (!type->storage)
    errors.report(ExitCode::Unsupported, byteOffset(offset), tensor.name,
                  "unsupported type " + std::string(type->name) +
                      (type->blockElements == 0
                           ? ", which was removed from the format"
                           : ""),
                  expected);
  return type;
}

std::optional<uint64_t> GgufParser::computeBytes(const CheckpointTensor &tensor,
                                                 const GgufTensorType &type,
                                                 uint64_t dimensionsOffset) {
  if (tensor.shape.empty() || type.blockElements == 0)
    return std::nullopt;
  auto row = static_cast<uint64_t>(tensor.shape.back());
  std::string place = byteOffset(dimensionsOffset);
  if (row % type.blockElements != 0) {
    errors.malformed(place, tensor.name,
                     "rows of " + std::to_string(row) + " elements",
                     "a multiple of " + std::to_string(type.blockElements) +
                         ", the block of " + std::string(type.name));
    return std::nullopt;
  }
  std::optional<int64_t> elements = checkedProduct<int64_t>(tensor.shape);
  std::optional<uint64_t> bytes;
  if (elements)
    bytes = checkedMul(static_cast<uint64_t>(*elements) / type.blockElements,
                       type.blockBytes);
  if (bytes && checkedAlignUp(*bytes, alignment))
    return bytes;
  std::string product;
  for (int64_t size : tensor.shape)
    product += (product.empty() ? "" : " x ") + std::to_string(size);
  errors.malformed(place, tensor.name,
                   product + " elements of " + std::string(type.name) +
                       ", which overflow",
                   "a size of less than 2^63 elements and 2^64 bytes");
  return std::nullopt;
}

void GgufParser::checkOffset(const CheckpointTensor &tensor, uint64_t place,
                             std::optional<uint64_t> bytes) {
  if (tensor.offset % alignment != 0)
    errors.malformed(byteOffset(place), tensor.name,
                     "offset " + std::to_string(tensor.offset),
                     "a multiple of general.alignment, " +
                         std::to_string(alignment));
  else if (nextOffset && tensor.offset != *nextOffset)
    errors.malformed(byteOffset(place), tensor.name,
                     "offset " + std::to_string(tensor.offset),
                     std::to_string(*nextOffset) +
                         ", the end of the tensor before it");
  nextOffset = std::nullopt;
  std::optional<uint64_t> end;
  if (bytes)
    end = checkedAdd(tensor.offset, *bytes);
  if (end)
    nextOffset = checkedAlignUp(*end, alignment);
  // Offsets that are checked against the one before cannot get here, since
  // the file would have to be as large.
  if (bytes && !nextOffset)
    errors.malformed(byteOffset(place), tensor.name,
                     "offset " + std::to_string(tensor.offset) + " and " +
                         std::to_string(*bytes) + " bytes, which overflow",
                     "an end of less than 2^64");
}

bool GgufParser::parseTensor() {
  tensorPlaces.push_back(cursor.offset());
  std::optional<std::string_view> name = parseTensorName();
  if (!name)
    return false;
  CheckpointTensor tensor;
  tensor.name = name->substr(0, kMaxNameBytes);
  uint64_t dimensionsOffset = 0;
  if (!parseDimensions(tensor, dimensionsOffset))
    return false;
  const GgufTensorType *type = parseTensorType(tensor);
  if (!type)
    return false;
  uint64_t place = cursor.offset();
  std::optional<uint64_t> offset = cursor.number<uint64_t>();
  if (!offset)
    return failEnd(place, tensor.name, "an offset (UINT64)");

  std::optional<uint64_t> bytes = computeBytes(tensor, *type, dimensionsOffset);
  tensor.offset = *offset;
  checkOffset(tensor, place, bytes);
  tensor.type = type->storage.value_or(StorageType::F32);
  tensor.bytes = bytes.value_or(0);
  storage->checkpoint.tensors.push_back(std::move(tensor));
  return true;
}

void GgufParser::checkNamesUnique() {
  const std::vector<CheckpointTensor> &tensors = storage->checkpoint.tensors;
  std::vector<size_t> order(tensors.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    int byName = tensors[a].name.compare(tensors[b].name);
    return byName != 0 ? byName < 0 : a < b;
  });
  for (size_t i = 1; i < order.size(); ++i) {
    size_t first = order[i - 1], second = order[i];
    if (tensors[first].name == tensors[second].name)
      errors.malformed(byteOffset(tensorPlaces[second]), "tensor name",
                       "duplicate tensor " + quoted(tensors[second].name) +
                           ", first at byte " +
                           std::to_string(tensorPlaces[first]),
                       "each name once");
  }
}

void GgufParser::checkEnd() {
  Checkpoint &checkpoint = storage->checkpoint;
  uint64_t size = storage->file.size();
  // No overflow: the cursor is inside of the file.
  uint64_t dataStart = *checkedAlignUp(cursor.offset(), alignment);
  uint64_t dataBytes = size - std::min(dataStart, size);
  checkpoint.files.push_back(
      {storage->file.path(), size, std::min(dataStart, size)});
  const CheckpointTensor *cut = nullptr;
  size_t cutCount = 0;
  uint64_t end = 0;
  for (CheckpointTensor &tensor : checkpoint.tensors) {
    uint64_t tensorEnd = checkedAdd(tensor.offset, tensor.bytes).value_or(0);
    if (tensorEnd > dataBytes && cutCount++ == 0)
      cut = &tensor;
    end = std::max(end, tensorEnd);
  }
  if (!errors.isEmpty() && !cut)
    return;
  if (cut) {
    std::string others = cutCount > 1 ? "; " + std::to_string(cutCount - 1) +
                                            " more tensors end later"
                                      : "";
    auto absolute = [&](uint64_t offset) {
      std::optional<uint64_t> sum = checkedAdd(dataStart, offset);
      return sum ? std::to_string(*sum) : "2^64";
    };
    errors.malformed(byteOffset(size), cut->name,
                     "a file of " + std::to_string(size) + " bytes" + others,
                     "bytes " + absolute(cut->offset) + " to " +
                         absolute(cut->offset + cut->bytes));
    return;
  }
  for (CheckpointTensor &tensor : checkpoint.tensors)
    tensor.offset += dataStart;
  std::sort(checkpoint.tensors.begin(), checkpoint.tensors.end(),
            [](const CheckpointTensor &a, const CheckpointTensor &b) {
              return a.name < b.name;
            });
  uint64_t padded = dataStart + *checkedAlignUp(end, alignment);
  if (warnings && size > padded)
    warnings->push_back(warningText(
        storage->file.path(), byteOffset(padded), "file",
        std::to_string(size - padded) + " bytes after the last tensor"));
}
