//===- HashTables.h - Token text and token pairs to ids ---------*- C++ -*-===//
//
// Two open-addressing tables that are filled once, when a tokenizer is made,
// and then only read. Their order never reaches any output.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_TOKENIZER_HASHTABLES_H
#define LAMINA_RUNTIME_TOKENIZER_HASHTABLES_H

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace lamina {

/// The mixing step of wyhash: the two halves of a 128-bit product.
inline uint64_t mixHash(uint64_t a, uint64_t b) {
  __extension__ using Product = unsigned __int128;
  Product product =
      Product(a ^ 0x9E3779B97F4A7C15u) * (b ^ 0xD1B54A32D192ED03u);
  return uint64_t(product) ^ uint64_t(product >> 64);
}

inline uint64_t hashText(std::string_view text) {
  uint64_t hash = text.size();
  while (!text.empty()) {
    uint64_t word = 0;
    size_t size = text.size() < 8 ? text.size() : 8;
    std::memcpy(&word, text.data(), size);
    hash = mixHash(hash, word);
    text.remove_prefix(size);
  }
  return hash;
}

/// The least power of two that keeps a table of `count` entries half empty.
inline size_t tableSize(size_t count) {
  size_t size = 16;
  while (size < 2 * count)
    size *= 2;
  return size;
}

/// Text to id. The texts must outlive the table.
class TextTable {
public:
  explicit TextTable(size_t count = 0) : slots(tableSize(count)) {}

  /// A later id replaces an earlier one of the same text.
  void insert(std::string_view text, int32_t id) {
    Slot &slot = slots[findSlot(text)];
    slot = {text, id};
    longest = text.size() > longest ? text.size() : longest;
  }
  /// The id, or -1.
  int32_t find(std::string_view text) const {
    return text.size() > longest ? -1 : slots[findSlot(text)].id;
  }

private:
  struct Slot {
    std::string_view text;
    int32_t id = -1;
  };
  size_t findSlot(std::string_view text) const {
    size_t at = hashText(text) & (slots.size() - 1);
    while (slots[at].id >= 0 && slots[at].text != text)
      at = (at + 1) & (slots.size() - 1);
    return at;
  }

  std::vector<Slot> slots;
  size_t longest = 0;
};

/// What two neighbours become.
struct Join {
  uint32_t rank = 0; ///< lower goes first
  int32_t id = -1;   ///< -1: they are not joined
};

/// Pair of ids to join.
class PairTable {
public:
  explicit PairTable(size_t count = 0) : slots(tableSize(count)) {}

  /// A later join replaces an earlier one of the same pair.
  void insert(int32_t left, int32_t right, Join join) {
    uint64_t pair = key(left, right);
    slots[findSlot(pair)] = {pair, join};
  }
  Join find(int32_t left, int32_t right) const {
    return slots[findSlot(key(left, right))].join;
  }

private:
  struct Slot {
    uint64_t pair = 0;
    Join join;
  };
  static uint64_t key(int32_t left, int32_t right) {
    return (uint64_t(uint32_t(left)) << 32) | uint32_t(right);
  }
  size_t findSlot(uint64_t pair) const {
    size_t at = mixHash(pair, pair) & (slots.size() - 1);
    while (slots[at].join.id >= 0 && slots[at].pair != pair)
      at = (at + 1) & (slots.size() - 1);
    return at;
  }

  std::vector<Slot> slots;
};

} // namespace lamina

#endif // LAMINA_RUNTIME_TOKENIZER_HASHTABLES_H
