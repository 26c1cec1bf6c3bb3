//===- InputFile.h - A regular file open for reading ------------*- C++ -*-===//

#ifndef LAMINA_SUPPORT_INPUTFILE_H
#define LAMINA_SUPPORT_INPUTFILE_H

#include "lamina/Support/Diagnostics.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace lamina {

/// A regular file open for reading, its size taken when it was opened. Closed
/// by the destructor.
class InputFile {
public:
  /// Opens the file at `path`. Reports a file that cannot be opened, or that is
  /// a directory, a device or a pipe (code 5), and returns nothing.
  static std::optional<InputFile> open(const std::string &path,
                                       InputErrors &errors);

  InputFile(InputFile &&other) noexcept;
  InputFile &operator=(InputFile &&other) noexcept;
  ~InputFile();

  const std::string &path() const { return filePath; }
  /// Bytes of the file.
  uint64_t size() const { return fileSize; }
  int descriptor() const { return fileDescriptor; }

  /// Reads exactly `count` bytes at `offset`. Reports a failure or an early end
  /// of the file (code 5) and returns false.
  bool read(uint64_t offset, void *to, size_t count, InputErrors &errors) const;

private:
  InputFile(std::string path, uint64_t size, int descriptor)
      : filePath(std::move(path)), fileSize(size), fileDescriptor(descriptor) {}

  std::string filePath;
  uint64_t fileSize = 0;
  int fileDescriptor = -1;
};

} // namespace lamina

#endif // LAMINA_SUPPORT_INPUTFILE_H
