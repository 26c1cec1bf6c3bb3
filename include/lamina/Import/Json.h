//===- Json.h - Strict JSON with byte offsets -------------------*- C++ -*-===//
//
// Reads JSON from outside (RFC 8259) into a tree that keeps the order of
// members and the byte offset of everything, so that an error can point at its
// place. Rejected, each with its offset: invalid UTF-8, a byte order mark, NaN
// and Infinity, comments, trailing commas, content after the value, duplicate
// keys, more than `kMaxDepth` levels.
//
// Parsing takes n log n time at most, also for objects of a million members
// (headers of safetensors files), and never recurses deeper than `kMaxDepth`.
// Needs neither LLVM nor MLIR.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_IMPORT_JSON_H
#define LAMINA_IMPORT_JSON_H

#include "lamina/Support/Diagnostics.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace lamina::json {

/// Levels of nesting that a document may have.
constexpr unsigned kMaxDepth = 64;

enum class Kind : uint8_t {
  Null,
  Boolean,
  Integer,  ///< a number without fraction and exponent, of any size
  Fraction, ///< any other number; `2.0` and `1e3` are fractions
  String,
  Array,
  Object,
};

/// One value of a document. Valid as long as the document lives.
class Value {
public:
  Kind kind() const { return valueKind; }
  bool isNull() const { return valueKind == Kind::Null; }
  bool isNumber() const {
    return valueKind == Kind::Integer || valueKind == Kind::Fraction;
  }

  /// Byte offset of the value's first character in the file.
  uint64_t offset() const { return valueOffset; }

  /// The key, unescaped, of a value that is a member of an object.
  std::string_view key() const { return keyText; }
  /// Byte offset of the key's opening quote.
  uint64_t keyOffset() const { return keyStart; }

  /// A string's content, unescaped; a number's or a literal's source text.
  std::string_view text() const { return valueText; }

  /// The value of a Boolean; false for any other kind.
  bool boolean() const { return valueKind == Kind::Boolean && count == 1; }

  /// The exact value of an Integer, or nothing if it does not fit or the value
  /// is of another kind. A fraction is never rounded to an integer.
  std::optional<int64_t> int64() const;
  std::optional<uint64_t> uint64() const;

  /// The double nearest to an Integer or a Fraction; nothing for other kinds
  /// and for numbers that overflow or underflow, such as `1e400`.
  std::optional<double> number() const;

  /// The elements of an array or the members of an object, in file order;
  /// empty for other kinds.
  const Value *begin() const { return children; }
  const Value *end() const { return children + size(); }
  size_t size() const { return valueKind >= Kind::Array ? count : 0; }

  /// The member of an object that has `key`, or null. Looks at one member after
  /// another: walk large objects with begin() and end() instead.
  const Value *find(std::string_view key) const;

  /// The value as an error message shows it: source text of a number or a
  /// literal, a quoted string, `an object`, `an array`.
  std::string describe() const;

private:
  friend class Parser;

  std::string_view keyText;
  std::string_view valueText;
  const Value *children = nullptr;
  uint32_t valueOffset = 0;
  uint32_t keyStart = 0;
  uint32_t count = 0; // children, or 1 for `true`
  Kind valueKind = Kind::Null;
};

/// A line and a column, both counted from 1, the column in bytes.
struct LineColumn {
  unsigned line = 1;
  unsigned column = 1;
};

/// A parsed document; owns the text and all values.
class Document {
public:
  Document(Document &&);
  Document &operator=(Document &&);
  ~Document();

  /// The path that errors about this document name.
  const std::string &file() const;
  /// An object or an array.
  const Value &root() const;
  /// Where `offset` lies in the text.
  LineColumn lineColumn(uint64_t offset) const;

private:
  friend class Parser;
  struct Storage;

  explicit Document(std::unique_ptr<Storage> storage);
  std::unique_ptr<Storage> storage;
};

/// Parses `text`, at most 4 GiB, whose root is an object or an array; `file` is
/// the path that errors name. Reports the first error (code 3) and returns
/// nothing if there is one. Text that is a part of the file begins at byte
/// `origin` of it; errors name offsets in the file, values offsets in the text.
std::optional<Document> parse(std::string_view text, std::string file,
                              InputErrors &errors, uint64_t origin = 0);

/// Parses the file at `path`. A file that cannot be read is an error with code
/// 5, one of more than `maxBytes` an error with code 3.
std::optional<Document> parseFile(const std::string &path, uint64_t maxBytes,
                                  InputErrors &errors);

} // namespace lamina::json

#endif // LAMINA_IMPORT_JSON_H
