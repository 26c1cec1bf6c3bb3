//===- Diagnostics.h - Errors about files from outside ----------*- C++ -*-===//
//
// One error is one line, and all errors of a file are listed, not the first
// one only. Needs neither LLVM nor MLIR.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_SUPPORT_DIAGNOSTICS_H
#define LAMINA_SUPPORT_DIAGNOSTICS_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lamina {

/// What a process returns; the same numbers for every tool.
enum class ExitCode : int {
  Success = 0,
  InternalError = 1,
  Usage = 2,
  Malformed = 3,   ///< the input breaks its format's rules
  Unsupported = 4, ///< the input is valid, and we cannot do it
  InputOutput = 5, ///< missing file, permission, no space, short write
  Limit = 6,       ///< memory, or a stated limit
  Device = 7,      ///< a device or a communicator
  CheckFailed = 8, ///< numbers differ, or a hash does
};

/// An error about one place of one input file.
struct InputError {
  ExitCode code = ExitCode::Malformed;
  /// Path as the user gave it. May be empty only for errors of no file.
  std::string file;
  /// JSON pointer (`/rope_scaling/factor`) or byte offset (`byte 17`); empty
  /// if the error is about the file as a whole.
  std::string place;
  /// What the error is about: a key, a tensor, `JSON`, `file`.
  std::string field;
  /// What was found there.
  std::string found;
  /// What is needed instead; empty where nothing would help.
  std::string expected;
  /// What the user can do; printed as a `help:` line of its own if not empty.
  std::string help;
};

/// Returns `error: <file>[:<place>]: <field>: <found>, expected <what>`, and a
/// `help:` line if there is help, without a final newline. Control characters
/// and invalid UTF-8 are escaped, so the result is always one or two lines.
std::string toString(const InputError &error);

/// `text` with everything escaped as `\xNN` that could break a line or a
/// terminal: C0 and C1 control characters, DEL, and bytes that are no UTF-8.
std::string escaped(std::string_view text);

/// Quotes text that comes from a file: in double quotes, control characters and
/// bytes that are no UTF-8 as `\xNN`, and cut after `limit` bytes.
std::string quoted(std::string_view text, size_t limit = 60);

/// Returns the JSON pointer (RFC 6901) of member `key` of the value at `base`.
std::string jsonPointer(std::string_view base, std::string_view key);
std::string jsonPointer(std::string_view base, size_t index);

/// Returns `byte <offset>`, the other form of a place.
std::string byteOffset(uint64_t offset);

/// Collects the errors of one input. Nothing is printed here.
class InputErrors {
public:
  void report(InputError error) { errors.push_back(std::move(error)); }

  bool empty() const { return errors.empty(); }
  size_t size() const { return errors.size(); }
  const std::vector<InputError> &list() const { return errors; }

  /// What the process should return: `Success` if there is no error, else the
  /// code of the error that says most about the input: I/O, then limits, then
  /// malformed, then unsupported.
  ExitCode exitCode() const;

  /// All errors, each with its newline, in the order they were reported.
  std::string toString() const;

private:
  std::vector<InputError> errors;
};

} // namespace lamina

#endif // LAMINA_SUPPORT_DIAGNOSTICS_H
