//===- JsonScanner.h - JSON of known keys, without a library ----*- C++ -*-===//
//
// Programs link no JSON library. They read files that lamina has written:
// objects whose keys are known, strings without escapes, and numbers.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_SUPPORT_JSONSCANNER_H
#define LAMINA_SUPPORT_JSONSCANNER_H

#include "lamina/Support/Diagnostics.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace lamina {

/// Reads all of the regular file `path`. Reports one that cannot be read (5) or
/// is longer than `maxBytes` (6), and returns nothing.
std::optional<std::string> readWhole(const std::string &path, uint64_t maxBytes,
                                     InputErrors &errors);

/// Takes values off the front of a text; white space before them is skipped.
/// The first fault is reported, with its offset.
class JsonScanner {
public:
  JsonScanner(const std::string &file, std::string_view text,
              InputErrors &errors)
      : file(file), text(text), errors(errors) {}

  /// Calls visitMember(key, start) for each member of an object; it takes the
  /// value, and reports what it does not like itself. `start` is the offset of
  /// the key. Returns false after a fault.
  template <typename Visit>
  bool readObject(Visit visitMember) {
    if (!take('{'))
      return fail("'{'");
    for (bool isFirst = true; !take('}'); isFirst = false) {
      if (!isFirst && !take(','))
        return fail("',' or '}'");
      std::string key;
      size_t start = skipSpaces();
      if (!takeString(key))
        return fail("a key in quotes");
      if (!take(':'))
        return fail("':'");
      if (!visitMember(key, start))
        return false;
    }
    return true;
  }

  /// Calls visitElement(index) for each element of an array.
  template <typename Visit>
  bool readArray(Visit visitElement) {
    if (!take('['))
      return fail("'['");
    for (size_t index = 0; !take(']'); ++index) {
      if (index > 0 && !take(','))
        return fail("',' or ']'");
      if (!visitElement(index))
        return false;
    }
    return true;
  }

  bool takeString(std::string &value);
  /// A finite number.
  bool takeNumber(double &value);
  bool readEnd() {
    return skipSpaces() == text.size() || fail("the end of the file");
  }

  /// Reports what is at the current place, or at `offset`; returns false.
  bool fail(const char *expected) { return failAt(skipSpaces(), expected); }
  bool failAt(size_t offset, const char *expected);

private:
  size_t skipSpaces();
  bool take(char c);

  const std::string &file;
  std::string_view text;
  InputErrors &errors;
  size_t at = 0;
};

} // namespace lamina

#endif // LAMINA_SUPPORT_JSONSCANNER_H
