//===- FileIdentity.cpp - Hashes of a file --------------------------------===//

#include "lamina/Import/FileIdentity.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace lamina;

namespace {

/// A stream of bytes to hash.
class Hasher {
public:
  Hasher() { XXH3_64bits_reset(&state); }
  void update(const std::vector<char> &bytes, size_t size) {
    XXH3_64bits_update(&state, bytes.data(), size);
  }
  uint64_t finish() const { return XXH3_64bits_digest(&state); }

private:
  XXH3_state_t state;
};

class FileReader {
public:
  explicit FileReader(const std::string &path)
      : descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  FileReader(const FileReader &) = delete;
  FileReader &operator=(const FileReader &) = delete;
  ~FileReader() {
    if (descriptor >= 0)
      close(descriptor);
  }

  bool isOpen() const { return descriptor >= 0; }

  /// Adds the bytes [begin, begin + size) to `hasher`; false if there are fewer
  /// or they cannot be read.
  bool hash(uint64_t begin, uint64_t size, Hasher &hasher) {
    while (size > 0) {
      size_t wanted = size_t(std::min<uint64_t>(size, buffer.size()));
      ssize_t got = pread(descriptor, buffer.data(), wanted, off_t(begin));
      if (got < 0 && errno == EINTR)
        continue;
      if (got <= 0)
        return false;
      hasher.update(buffer, size_t(got));
      begin += uint64_t(got);
      size -= uint64_t(got);
    }
    return true;
  }

private:
  int descriptor;
  std::vector<char> buffer = std::vector<char>(1 << 16);
};

bool hashSample(FileReader &reader, uint64_t size, Hasher &hasher) {
  for (uint64_t i = 0; i < kSampleBlocks; ++i) {
    // size / 64 first: i * size may overflow.
    uint64_t begin =
        size / kSampleBlocks * i + size % kSampleBlocks * i / kSampleBlocks;
    begin -= begin % kSampleBlockBytes;
    if (!reader.hash(begin, std::min(kSampleBlockBytes, size - begin), hasher))
      return false;
  }
  return true;
}

} // namespace

std::optional<FileIdentity>
lamina::computeFileIdentity(const CheckpointFile &file, bool hashAll,
                            InputErrors &errors) {
  FileReader reader(file.path);
  Hasher header, sample, all;
  bool isRead = reader.isOpen() && reader.hash(0, file.headerBytes, header) &&
                hashSample(reader, file.size, sample) &&
                (!hashAll || reader.hash(0, file.size, all));
  if (!isRead) {
    errors.report({ExitCode::InputOutput, file.path, "", "file",
                   errno ? std::strerror(errno) : "changed while it was read",
                   "", ""});
    return std::nullopt;
  }
  FileIdentity identity;
  identity.headerHash = header.finish();
  identity.sampleHash = sample.finish();
  if (hashAll)
    identity.fullHash = all.finish();
  return identity;
}
