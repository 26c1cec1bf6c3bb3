//===- FileIdentity.h - What tells one checkpoint from another --*- C++ -*-===//

#ifndef LAMINA_IMPORT_FILEIDENTITY_H
#define LAMINA_IMPORT_FILEIDENTITY_H

#include "lamina/Import/Checkpoint.h"
#include "lamina/Support/Diagnostics.h"

namespace lamina {

/// Hashes of a file, XXH3-64 with seed 0, as `lamrt_file` of the runtime
/// describes them.
struct FileIdentity {
  uint64_t headerHash = 0;
  uint64_t sampleHash = 0;
  std::optional<uint64_t> fullHash;
};

/// Blocks of the sample, and their bytes.
constexpr uint64_t kSampleBlocks = 64;
constexpr uint64_t kSampleBlockBytes = 4096;

/// Hashes the file; all its bytes only if `hashAll`. Reports a failure to read
/// it (code 5) and returns nothing.
std::optional<FileIdentity> computeFileIdentity(const CheckpointFile &file,
                                                bool hashAll,
                                                InputErrors &errors);

} // namespace lamina

#endif // LAMINA_IMPORT_FILEIDENTITY_H
