//===- Tensor.cpp - Bytes of an interpreter value -------------------------===//

#include "lamina/Interpreter/Tensor.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"

using namespace lamina;
namespace endian = llvm::support::endian;

std::string Tensor::getTypeName() const {
  if (shape.empty())
    return getElementName(element);
  std::string name;
  llvm::raw_string_ostream os(name);
  os << "tensor<";
  for (int64_t size : shape)
    os << size << "x";
  os << getElementName(element) << ">";
  return name;
}

/// Writes one element in its type.
static void writeElement(Element element, double value, uint8_t *bytes) {
  switch (element) {
  case Element::f32:
    return endian::write32le(
        bytes, llvm::bit_cast<uint32_t>(static_cast<float>(value)));
  case Element::f16:
    return endian::write16le(bytes, f16FromF32(static_cast<float>(value)));
  case Element::bf16: {
    // The value is a bf16 already, perhaps a subnormal that was copied.
    uint32_t bits = llvm::bit_cast<uint32_t>(static_cast<float>(value));
    return endian::write16le(bytes, static_cast<uint16_t>(bits >> 16));
  }
  case Element::f64:
    return endian::write64le(bytes, llvm::bit_cast<uint64_t>(value));
  case Element::i32:
    return endian::write32le(
        bytes, static_cast<uint32_t>(static_cast<int32_t>(value)));
  case Element::i64:
    return endian::write64le(
        bytes, static_cast<uint64_t>(static_cast<int64_t>(value)));
  }
}

std::vector<uint8_t> Tensor::getBytes() const {
  int64_t size = getElementBytes(element);
  std::vector<uint8_t> bytes(data.size() * size);
  for (size_t i = 0; i < data.size(); ++i)
    writeElement(element, data[i], bytes.data() + i * size);
  return bytes;
}

std::string Tensor::getSha256() const {
  std::array<uint8_t, 32> digest = llvm::SHA256::hash(getBytes());
  return llvm::toHex(digest, /*LowerCase=*/true);
}

/// Returns the name of an element type in a safetensors header.
static const char *getSafetensorsName(Element element) {
  switch (element) {
  case Element::f32:
    return "F32";
  case Element::f16:
    return "F16";
  case Element::bf16:
    return "BF16";
  case Element::f64:
    return "F64";
  case Element::i32:
    return "I32";
  case Element::i64:
    return "I64";
  }
  return "";
}

std::string lamina::toSafetensors(llvm::ArrayRef<Tensor> results) {
  std::string header = "{", body;
  llvm::raw_string_ostream os(header);
  for (auto [i, tensor] : llvm::enumerate(results)) {
    std::vector<uint8_t> bytes = tensor.getBytes();
    os << (i ? "," : "") << "\"result." << i << "\":{\"dtype\":\""
       << getSafetensorsName(tensor.element) << "\",\"shape\":[";
    llvm::interleave(tensor.shape, os, ",");
    os << "],\"data_offsets\":[" << body.size() << ","
       << body.size() + bytes.size() << "]}";
    body.append(bytes.begin(), bytes.end());
  }
  os << "}";
  header.resize((header.size() + 7) / 8 * 8, ' '); // data starts aligned
  std::string file(8, '\0');
  endian::write64le(file.data(), header.size());
  return file + header + body;
}
