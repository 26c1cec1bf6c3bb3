//===- SeededValues.cpp - Weights drawn from a seed -----------------------===//

#include "lamina/Interpreter/SeededValues.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <fstream>

using namespace lamina;

/// The 64-bit FNV-1a hash.
static uint64_t hashName(llvm::StringRef name) {
  uint64_t hash = 0xCBF29CE484222325ull;
  for (unsigned char c : name.bytes())
    hash = (hash ^ c) * 0x100000001B3ull;
  return hash;
}

uint64_t lamina::getSeedKey(uint64_t seed, llvm::StringRef name,
                            uint64_t layer) {
  return mixBits(mixBits(mixBits(seed) ^ hashName(name)) ^ layer);
}

/// Sets the elements to those of `blocks`.
static void decodeInto(QuantFormat format, llvm::ArrayRef<uint8_t> blocks,
                       WeightValues &weight) {
  QuantValues quantized = decodeBlocks(format, blocks);
  weight.subBlock = getQuantLayout(format).subBlock;
  weight.q.assign(quantized.q.begin(), quantized.q.end());
  weight.scales = std::move(quantized.scales);
  weight.minimums = std::move(quantized.minimums);
  for (size_t i = 0; i < weight.values.size(); ++i) {
    size_t block = i / weight.subBlock;
    float product = weight.scales[block] * weight.q[i]; // exact
    weight.values[i] =
        weight.minimums.empty() ? product : product - weight.minimums[block];
  }
}

static std::shared_ptr<const WeightValues> drawWeight(const WeightKey &key) {
  auto weight = std::make_shared<WeightValues>();
  weight->storage = key.storage;
  weight->rows = key.rows;
  weight->columns = key.columns;
  weight->values.resize(key.rows * key.columns);
  uint64_t hash = getSeedKey(key.seed, key.name, key.layer);
  double divisor =
      key.isVector ? 1.0 : std::sqrt(static_cast<double>(key.columns));
  for (size_t i = 0; i < weight->values.size(); ++i)
    weight->values[i] = static_cast<float>(drawUnit(hash, i) / divisor);
  if (auto *format = std::get_if<QuantFormat>(&key.storage))
    decodeInto(*format, quantizeBlocks(*format, weight->values), *weight);
  else
    for (float &value : weight->values)
      value = roundTo(std::get<Element>(key.storage), value);
  return weight;
}

uint64_t lamina::getStoredBytes(const Storage &storage, uint64_t count) {
  if (auto *format = std::get_if<QuantFormat>(&storage)) {
    QuantLayout layout = getQuantLayout(*format);
    return count / layout.blockElements * layout.blockBytes;
  }
  return count * (std::get<Element>(storage) == Element::f32 ? 4 : 2);
}

/// Element `index` of little-endian floats.
static float readElement(Element element, const uint8_t *bytes, size_t index) {
  using namespace llvm::support::endian;
  if (element == Element::f32)
    return llvm::bit_cast<float>(read32le(bytes + 4 * index));
  uint16_t half = read16le(bytes + 2 * index);
  return element == Element::f16
             ? f32FromF16(half)
             : llvm::bit_cast<float>(static_cast<uint32_t>(half) << 16);
}

/// Reads a layer of a weight from its file; null if that fails.
static std::shared_ptr<const WeightValues> readWeight(const WeightKey &key) {
  auto weight = std::make_shared<WeightValues>();
  weight->storage = key.storage;
  weight->rows = key.rows;
  weight->columns = key.columns;
  weight->values.resize(key.rows * key.columns);
  std::vector<uint8_t> bytes(
      getStoredBytes(key.storage, weight->values.size()));
  std::ifstream stream(key.file, std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(key.offset));
  if (!stream.read(reinterpret_cast<char *>(bytes.data()),
                   static_cast<std::streamsize>(bytes.size())))
    return nullptr;
  if (auto *format = std::get_if<QuantFormat>(&key.storage)) {
    decodeInto(*format, bytes, *weight);
    return weight;
  }
  for (size_t i = 0; i < weight->values.size(); ++i)
    weight->values[i] =
        readElement(std::get<Element>(key.storage), bytes.data(), i);
  return weight;
}

/// Returns a text that differs for different keys.
static std::string getKeyText(const WeightKey &key) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << key.seed << "," << key.layer << "," << key.storage.index() << ",";
  std::visit([&](auto storage) { os << static_cast<int>(storage); },
             key.storage);
  os << "," << key.rows << "," << key.columns << "," << key.isVector << ","
     << key.name << "," << key.offset << "," << key.file;
  return text;
}

std::shared_ptr<const WeightValues> WeightCache::get(const WeightKey &key) {
  std::string text = getKeyText(key);
  std::lock_guard<std::mutex> lock(mutex);
  auto found = weights.find(text);
  if (found != weights.end())
    return found->second;
  std::shared_ptr<const WeightValues> weight =
      key.file.empty() ? drawWeight(key) : readWeight(key);
  if (!weight)
    return nullptr;
  held += static_cast<int64_t>(weight->values.size());
  if (held > limit) {
    weights.clear();
    held = static_cast<int64_t>(weight->values.size());
  }
  weights[text] = weight;
  return weight;
}
