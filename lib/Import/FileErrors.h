//===- FileErrors.h - The errors of one file, a bounded number --*- C++ -*-===//

#ifndef LAMINA_LIB_IMPORT_FILEERRORS_H
#define LAMINA_LIB_IMPORT_FILEERRORS_H

#include "lamina/Support/Diagnostics.h"

#include <string>

namespace lamina {

/// Reports errors about one file. A file with a million wrong tensors gets
/// `kMaxErrors` lines and one that counts the others.
class FileErrors {
public:
  static constexpr size_t kMaxErrors = 100;

  /// `file` must outlive this.
  FileErrors(const std::string &file, InputErrors &errors)
      : file(file), errors(errors), first(errors.size()) {}

  void report(ExitCode code, std::string place, std::string field,
              std::string found, std::string expected, std::string help = "") {
    if (isFull()) {
      omit(code);
      return;
    }
    errors.report({code, file, std::move(place), std::move(field),
                   std::move(found), std::move(expected), std::move(help)});
  }
  /// The same, for what breaks the format's rules.
  void malformed(std::string place, std::string field, std::string found,
                 std::string expected) {
    report(ExitCode::Malformed, std::move(place), std::move(field),
           std::move(found), std::move(expected));
  }

  /// Whether report() leaves errors out; then omit() counts one without the
  /// work of describing it.
  bool isFull() const { return errors.size() - first >= kMaxErrors; }
  void omit(ExitCode code = ExitCode::Malformed) {
    if (omitted++ == 0 || code == ExitCode::Malformed)
      omittedCode = code;
  }

  /// Reports how many errors were left out, and returns whether there was none
  /// at all. Called once, at the end.
  bool finish() {
    if (omitted > 0)
      errors.report({omittedCode, file, "", "file",
                     std::to_string(omitted) + " more errors", "", ""});
    return isEmpty();
  }

  bool isEmpty() const { return errors.size() == first; }
  InputErrors &list() { return errors; }
  const std::string &fileName() const { return file; }

private:
  const std::string &file;
  InputErrors &errors;
  size_t first;
  size_t omitted = 0;
  ExitCode omittedCode = ExitCode::Malformed;
};

/// Returns a warning about a file, in the form of an error: `<file>[:<place>]:
/// <field>: <found>`.
inline std::string warningText(std::string file, std::string place,
                               std::string field, std::string found) {
  constexpr std::string_view prefix = "error: ";
  return toString({ExitCode::Success, std::move(file), std::move(place),
                   std::move(field), std::move(found), "", ""})
      .substr(prefix.size());
}

} // namespace lamina

#endif // LAMINA_LIB_IMPORT_FILEERRORS_H
