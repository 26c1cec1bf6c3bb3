//===- MappedFile.h - A file as bytes in memory, read-only ------*- C++ -*-===//

#ifndef LAMINA_SUPPORT_MAPPEDFILE_H
#define LAMINA_SUPPORT_MAPPEDFILE_H

#include "lamina/Support/Diagnostics.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lamina {

/// A whole regular file, mapped read-only. Only pages that are touched are
/// read, and the file need not stay open. As with every mapping, a file that
/// another process cuts while it is read ends this one with SIGBUS; see
/// FatalErrors.h.
class MappedFile {
public:
  /// Maps the file at `path`. Reports a file that cannot be opened (code 5) or
  /// for which there is no address space (code 6) and returns nothing.
  static std::optional<MappedFile> open(const std::string &path,
                                        InputErrors &errors);

  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  ~MappedFile();

  const std::string &path() const { return filePath; }
  /// All bytes of the file; they stay where they are when this is moved.
  std::string_view bytes() const { return view; }
  uint64_t size() const { return view.size(); }

private:
  explicit MappedFile(std::string path) : filePath(std::move(path)) {}

  std::string filePath;
  std::string_view view;
};

} // namespace lamina

#endif // LAMINA_SUPPORT_MAPPEDFILE_H
