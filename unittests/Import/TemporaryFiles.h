//===- TemporaryFiles.h - Files that a test makes ---------------*- C++ -*-===//

#ifndef LAMINA_UNITTESTS_IMPORT_TEMPORARYFILES_H
#define LAMINA_UNITTESTS_IMPORT_TEMPORARYFILES_H

#include "lamina/Support/Diagnostics.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace lamina {

/// A folder that is gone when the test ends.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "lamina-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    folder = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;

  const std::string &path() const { return folder; }
  std::string pathOf(const std::string &name) const {
    return folder + "/" + name;
  }
  /// Writes a file of that name, `extra` zero bytes (a hole) after `content`,
  /// and returns its path.
  std::string write(const std::string &name, std::string_view content,
                    uint64_t extra = 0) const {
    std::string path = pathOf(name);
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(content.data(), static_cast<std::streamsize>(content.size()));
    if (extra > 0)
      std::filesystem::resize_file(path, content.size() + extra);
    return path;
  }

private:
  std::string folder;
};

/// The bytes of `number`, little-endian.
template <typename Number>
std::string littleEndian(Number number) {
  std::string bytes(sizeof(Number), '\0');
  __builtin_memcpy(bytes.data(), &number, sizeof(Number));
  return bytes;
}

/// The errors without `error: ` and without the path up to `folder`, one a
/// line, after the exit code: `3 f.gguf:byte 0: magic: ...`.
inline std::string summary(const InputErrors &errors,
                           const std::string &folder) {
  std::string text = errors.toString();
  std::string prefix = "error: " + folder + "/";
  for (size_t at = 0; (at = text.find(prefix, at)) != std::string::npos;)
    text.erase(at, prefix.size());
  return std::to_string(static_cast<int>(errors.exitCode())) + " " + text;
}

} // namespace lamina

#endif // LAMINA_UNITTESTS_IMPORT_TEMPORARYFILES_H
