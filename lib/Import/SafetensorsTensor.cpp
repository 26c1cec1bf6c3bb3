//===- SafetensorsTensor.cpp - One tensor of a header ---------------------===//

#include "SafetensorsTensor.h"

#include "lamina/Support/CheckedMath.h"

using namespace lamina;
using json::Kind;
using json::Value;

namespace {

struct DTypeInfo {
  std::string_view name;
  unsigned bits;
};

class TensorReader {
public:
  TensorReader(const Value &member, FileErrors &errors)
      : member(member), errors(errors), pointer(jsonPointer("", member.key())) {
  }

  std::optional<SafetensorsTensor> read();

private:
  const DTypeInfo *readDType();
  /// The product of the sizes fits an int64_t.
  std::optional<std::vector<int64_t>> readShape();
  /// Begin and end, from the start of the data; begin <= end.
  std::optional<std::pair<uint64_t, uint64_t>> readRange();
  /// The member `key`, or null after its absence was reported.
  const Value *require(std::string_view key, std::string_view expected);

  const Value &member;
  FileErrors &errors;
  std::string pointer;
};

} // namespace

/// The dtypes of the reference reader.
static constexpr DTypeInfo kDTypes[] = {
    {"BOOL", 8},    {"F4", 4},          {"F6_E2M3", 6},     {"F6_E3M2", 6},
    {"U8", 8},      {"I8", 8},          {"F8_E5M2", 8},     {"F8_E4M3", 8},
    {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
    {"U16", 16},    {"F16", 16},        {"BF16", 16},       {"I32", 32},
    {"U32", 32},    {"F32", 32},        {"C64", 64},        {"F64", 64},
    {"I64", 64},    {"U64", 64},
};

static std::string listDTypes() {
  std::string list = "one of";
  for (const DTypeInfo &dtype : kDTypes)
    list += (list.back() == 'f' ? " " : ", ") + std::string(dtype.name);
  return list;
}

/// `[2, 3]`.
static std::string toText(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (int64_t size : shape)
    text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

const Value *TensorReader::require(std::string_view key,
                                   std::string_view expected) {
  const Value *value = member.find(key);
  if (!value)
    errors.malformed(pointer, std::string(key), "absent",
                     std::string(expected));
  return value;
}

const DTypeInfo *TensorReader::readDType() {
  const Value *value = require("dtype", "a dtype");
  if (!value)
    return nullptr;
  if (value->kind() == Kind::String)
    for (const DTypeInfo &dtype : kDTypes)
      if (dtype.name == value->text())
        return &dtype;
  errors.malformed(pointer + "/dtype", "dtype", value->describe(),
                   listDTypes());
  return nullptr;
}

std::optional<std::vector<int64_t>> TensorReader::readShape() {
  const Value *value = require("shape", "a list of sizes");
  if (!value)
    return std::nullopt;
  std::string place = pointer + "/shape";
  if (value->kind() != Kind::Array) {
    errors.malformed(place, "shape", value->describe(), "a list of sizes");
    return std::nullopt;
  }
  if (value->size() > kMaxSafetensorsRank) {
    errors.malformed(place, "shape",
                     std::to_string(value->size()) + " dimensions",
                     "at most " + std::to_string(kMaxSafetensorsRank));
    return std::nullopt;
  }
  std::vector<uint64_t> sizes;
  for (const Value &size : *value) {
    if (std::optional<uint64_t> number = size.uint64()) {
      sizes.push_back(*number);
      continue;
    }
    size_t index = static_cast<size_t>(&size - value->begin());
    errors.malformed(jsonPointer(place, index), "shape", size.describe(),
                     "an integer from 0 to " + std::to_string(INT64_MAX));
  }
  if (sizes.size() != value->size())
    return std::nullopt;
  std::vector<int64_t> shape;
  bool overflows = !checkedProduct<uint64_t>(sizes);
  for (uint64_t size : sizes) {
    overflows |= size > INT64_MAX;
    shape.push_back(static_cast<int64_t>(size));
  }
  if (!overflows)
    return shape;
  std::string product;
  for (uint64_t size : sizes)
    product += (product.empty() ? "" : " x ") + std::to_string(size);
  errors.malformed(place, "shape", product + " elements, which overflow",
                   "a product of less than 2^63");
  return std::nullopt;
}

std::optional<std::pair<uint64_t, uint64_t>> TensorReader::readRange() {
  constexpr std::string_view expected = "two byte offsets [begin, end]";
  const Value *value = require("data_offsets", expected);
  if (!value)
    return std::nullopt;
  std::string place = pointer + "/data_offsets";
  if (value->kind() != Kind::Array || value->size() != 2) {
    std::string found = value->describe();
    if (value->kind() == Kind::Array)
      found += " of " + std::to_string(value->size());
    errors.malformed(place, "data_offsets", std::move(found),
                     std::string(expected));
    return std::nullopt;
  }
  std::optional<uint64_t> ends[2];
  for (size_t i = 0; i < 2; ++i) {
    const Value &number = value->begin()[i];
    ends[i] = number.uint64();
    if (!ends[i])
      errors.malformed(jsonPointer(place, i), "data_offsets", number.describe(),
                       "a byte offset");
  }
  if (!ends[0] || !ends[1])
    return std::nullopt;
  if (*ends[1] < *ends[0]) {
    errors.malformed(
        place, "data_offsets", "an end of " + std::to_string(*ends[1]),
        "an end of at least the begin, " + std::to_string(*ends[0]));
    return std::nullopt;
  }
  return std::pair(*ends[0], *ends[1]);
}

std::optional<SafetensorsTensor> TensorReader::read() {
  if (member.kind() != Kind::Object) {
    errors.malformed(pointer, "tensor", member.describe(), "an object");
    return std::nullopt;
  }
  const DTypeInfo *dtype = readDType();
  auto shape = readShape();
  auto range = readRange();
  if (!dtype || !shape || !range)
    return std::nullopt;

  auto elements = checkedProduct<int64_t>(*shape);
  auto bits = elements ? checkedMul<uint64_t>(static_cast<uint64_t>(*elements),
                                              dtype->bits)
                       : std::nullopt;
  auto what = [&] { return std::string(dtype->name) + toText(*shape); };
  if (!bits) {
    errors.malformed(pointer + "/shape", "shape",
                     what() + ", whose size overflows", "less than 2^64 bits");
    return std::nullopt;
  }
  if (*bits % 8 != 0) {
    errors.malformed(pointer + "/shape", "shape",
                     what() + ", " + std::to_string(*bits) + " bits",
                     "a whole number of bytes");
    return std::nullopt;
  }
  auto [begin, end] = *range;
  if (end - begin != *bits / 8) {
    errors.malformed(pointer + "/data_offsets", "data_offsets",
                     std::to_string(end - begin) + " bytes",
                     std::to_string(*bits / 8) + " bytes for " + what());
    return std::nullopt;
  }
  SafetensorsTensor tensor;
  tensor.name = member.key();
  tensor.dtype = dtype->name;
  tensor.itemBits = dtype->bits;
  tensor.shape = std::move(*shape);
  tensor.offset = begin;
  tensor.bytes = end - begin;
  return tensor;
}

std::optional<SafetensorsTensor>
lamina::readSafetensorsTensor(const Value &member, FileErrors &errors) {
  return TensorReader(member, errors).read();
}
