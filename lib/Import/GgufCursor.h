//===- GgufCursor.h - Little-endian values of a byte range ------*- C++ -*-===//

#ifndef LAMINA_LIB_IMPORT_GGUFCURSOR_H
#define LAMINA_LIB_IMPORT_GGUFCURSOR_H

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace lamina {

/// Returns the little-endian `Number` at the start of `bytes`, which must be
/// long enough. The hosts that we build for are little-endian.
template <typename Number>
Number loadLittleEndian(const char *bytes) {
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
  Number number;
  std::memcpy(&number, bytes, sizeof(Number));
  return number;
}

/// Reads one value after another and never past the end.
class GgufCursor {
public:
  explicit GgufCursor(std::string_view bytes, uint64_t offset = 0)
      : bytes(bytes), position(offset) {}

  uint64_t offset() const { return position; }
  uint64_t remaining() const { return bytes.size() - position; }

  /// The next number, or nothing if the bytes end before its end.
  template <typename Number>
  std::optional<Number> number() {
    if (remaining() < sizeof(Number))
      return std::nullopt;
    auto result = loadLittleEndian<Number>(bytes.data() + position);
    position += sizeof(Number);
    return result;
  }

  /// The next `count` bytes, or nothing if there are fewer.
  std::optional<std::string_view> take(uint64_t count) {
    if (remaining() < count)
      return std::nullopt;
    std::string_view result = bytes.substr(position, count);
    position += count;
    return result;
  }

  /// The next string: its length (u64) and its bytes.
  std::optional<std::string_view> string() {
    std::optional<uint64_t> length = number<uint64_t>();
    return length ? take(*length) : std::nullopt;
  }

private:
  std::string_view bytes;
  uint64_t position = 0; // at most bytes.size()
};

} // namespace lamina

#endif // LAMINA_LIB_IMPORT_GGUFCURSOR_H
