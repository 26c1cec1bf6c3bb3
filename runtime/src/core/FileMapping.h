//===- FileMapping.h - A file in memory ------------------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_CORE_FILEMAPPING_H
#define LAMINA_RUNTIME_CORE_FILEMAPPING_H

#include "lamina/runtime.h"

#include <cstdint>
#include <string>

namespace lamina::runtime {

/// XXH3-64, seed 0, of the sampled blocks of a file: lamrt_file::sample_hash.
uint64_t hashSampledBlocks(const uint8_t *bytes, uint64_t size);

/// XXH3-64, seed 0.
uint64_t hashBytes(const uint8_t *bytes, uint64_t size);

/// The folder of this executable; empty if the system does not say.
std::string getProgramFolder();

std::string getParentFolder(const std::string &path);
bool isRegularFile(const std::string &path);
/// A name that cannot lead out of its folder.
bool isPlainName(const char *name);

/// A regular file, mapped read-only.
class FileMapping {
public:
  FileMapping() = default;
  ~FileMapping();
  FileMapping(FileMapping &&other) noexcept;
  FileMapping(const FileMapping &) = delete;
  FileMapping &operator=(const FileMapping &) = delete;

  /// Fails with LAMRT_IO, or LAMRT_LIMIT if there is no room to map it.
  lamrt_status open(const std::string &path);

  /// Null for an empty file.
  const uint8_t *data() const { return bytes; }
  uint64_t size() const { return length; }

  /// Tells the kernel that the bytes will not be read again soon. They stay
  /// valid.
  static void dropPages(const uint8_t *begin, uint64_t size);

private:
  const uint8_t *bytes = nullptr;
  uint64_t length = 0;
};

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_CORE_FILEMAPPING_H
