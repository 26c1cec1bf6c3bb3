//===- WeightFiles.h - The checkpoint's files, mapped ----------*- C++ -*-===//
//
// Finds the files that a program was compiled for, maps them read-only, and
// checks that they are those files.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CORE_WEIGHTFILES_H
#define LAMINA_RUNTIME_CORE_WEIGHTFILES_H

#include "lamina/runtime.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace lamina::runtime {

/// XXH3-64, seed 0, of the sampled blocks of a file: lamrt_file::sample_hash.
uint64_t hashSampledBlocks(const uint8_t *bytes, uint64_t size);

/// XXH3-64, seed 0.
uint64_t hashBytes(const uint8_t *bytes, uint64_t size);

class WeightFiles {
public:
  WeightFiles() = default;
  ~WeightFiles();
  WeightFiles(const WeightFiles &) = delete;
  WeightFiles &operator=(const WeightFiles &) = delete;

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
    return mappings[static_cast<size_t>(file)].bytes;
  }
  uint64_t size(int32_t file) const {
    return mappings[static_cast<size_t>(file)].size;
  }

  /// Tells the kernel that the bytes will not be read again soon. They stay
  /// valid.
  static void dropPages(const uint8_t *begin, uint64_t size);

private:
  struct Mapping {
    const uint8_t *bytes = nullptr;
    uint64_t size = 0;
  };

  lamrt_status findPaths(const lamina_program &program, const char *modelPath);
  lamrt_status map(const std::string &path, Mapping &mapping);
  lamrt_status check(const lamrt_file &expected, const std::string &path,
                     const Mapping &mapping, bool verifyAll);

  std::vector<std::string> paths;
  std::vector<Mapping> mappings;
};

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_CORE_WEIGHTFILES_H
