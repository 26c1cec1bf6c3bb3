//===- ObjectReader.h - Typed members of a JSON object ----------*- C++ -*-===//
//
// Reads members by key, reports what is wrong with them, and remembers which
// were asked for, so that those left over can be reported too.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_LIB_IMPORT_OBJECTREADER_H
#define LAMINA_LIB_IMPORT_OBJECTREADER_H

#include "lamina/Import/Json.h"
#include "lamina/Support/Diagnostics.h"

#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace lamina {

class ObjectReader {
public:
  /// `pointer` is the JSON pointer of `object`, empty for the root.
  ObjectReader(const std::string &file, const json::Value &object,
               std::string pointer, InputErrors &errors)
      : file(file), object(object), pointer(std::move(pointer)),
        errors(errors) {}

  /// The member `key`, or null if it is absent. Counts as asked for.
  const json::Value *find(std::string_view key);
  /// The same, but null also where the member is `null`.
  const json::Value *findNonNull(std::string_view key);

  /// The value of `key`: nothing if it is absent, or if it is of another type
  /// or out of range, which is reported (code 3).
  std::optional<int64_t> integer(std::string_view key, int64_t min,
                                 int64_t max);
  std::optional<double> number(std::string_view key, double min, double max);
  std::optional<bool> boolean(std::string_view key);
  std::optional<std::string_view> string(std::string_view key);

  /// Reports `key` as absent (code 3) if it is.
  void require(std::string_view key, std::string expected);

  /// Reports an error about `key`.
  void report(ExitCode code, std::string_view key, std::string found,
              std::string expected, std::string help = "");
  /// Reports that `value` of `key` is not what is expected (code 3).
  void reportValue(std::string_view key, const json::Value &value,
                   std::string expected);

  bool wasAskedFor(std::string_view key) const {
    return askedFor.find(key) != askedFor.end();
  }
  const json::Value &value() const { return object; }
  std::string pointerTo(std::string_view key) const {
    return jsonPointer(pointer, key);
  }
  InputErrors &errorList() { return errors; }
  const std::string &fileName() const { return file; }

private:
  const std::string &file;
  const json::Value &object;
  std::string pointer;
  InputErrors &errors;
  std::set<std::string, std::less<>> askedFor;
};

/// Shortest decimal text that reads back as `number`: `1e-05`, `500000`.
std::string toText(double number);

} // namespace lamina

#endif // LAMINA_LIB_IMPORT_OBJECTREADER_H
