//===- WeightFiles.h - The checkpoint's files, mapped ----------*- C++ -*-===//
//
// Finds the files that a program was compiled for, maps them read-only, and
// checks that they are those files.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CORE_WEIGHTFILES_H
#define LAMINA_RUNTIME_CORE_WEIGHTFILES_H

#include "FileMapping.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace lamina::runtime {

class WeightFiles {
public:
  /// Maps and checks the files of `program`. They are looked for in `modelPath`
  /// if that is not null, else in the recorded folder relative to this
  /// executable, then in the recorded one. A path that names a regular file
  /// stands for its folder, or for the one file of the program. Fails with
  /// LAMRT_IO if a file is missing, with LAMRT_CHECK_FAILED if it is not the
  /// one that was compiled, with LAMRT_USAGE if every byte is to be verified
  /// and the program holds no hash of them.
  lamrt_status open(const lamina_program &program, const char *modelPath,
                    bool verifyAll);

  const uint8_t *bytes(int32_t file) const {
    return mappings[static_cast<size_t>(file)].data();
  }
  uint64_t size(int32_t file) const {
    return mappings[static_cast<size_t>(file)].size();
  }

  /// Looks for the files as `open` does, and opens none.
  lamrt_status findPaths(const lamina_program &program, const char *modelPath);
  const std::vector<std::string> &getPaths() const { return paths; }

private:
  static lamrt_status check(const lamrt_file &expected, const std::string &path,
                            const FileMapping &mapping, bool verifyAll);

  std::vector<std::string> paths;
  std::vector<FileMapping> mappings;
};

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_CORE_WEIGHTFILES_H
