//===- PackedWeights.h - Weights as operations read them, in a file -------===//
//
// What loading the model's files makes, written once and then mapped: a header
// of one page, then the payload of WeightTable. The program that reads a packed
// file has written it, with the code that packs at load; both compute the
// places from the program's tables.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CORE_PACKEDWEIGHTS_H
#define LAMINA_RUNTIME_CORE_PACKEDWEIGHTS_H

#include "FileMapping.h"

#include <cstdint>
#include <string>

namespace lamina::runtime {

/// True if the program reads a packed file, not the model's files.
inline bool isPacked(const lamina_program &program) {
  return program.packed_weights != nullptr;
}

/// Bytes before the payload.
constexpr uint64_t kPackedHeaderBytes = 4096;

/// The beginning of a packed file, little-endian; zeros follow.
struct PackedHeader {
  char magic[8];
  uint32_t layout;      ///< kPackedLayout
  uint32_t headerBytes; ///< kPackedHeaderBytes
  uint64_t tablesHash;  ///< of the program's files and weights
  uint64_t payloadBytes;
  // XXH3-64, seed 0.
  uint64_t sampleHash; ///< of the payload, sampled as lamrt_file's
  uint64_t fullHash;   ///< of the payload
  uint64_t headerHash; ///< of the fields above
};

/// Changes with every change of what Pack.cpp and WeightTable write.
constexpr uint32_t kPackedLayout = 1;

/// XXH3-64 of the files and weights of `program`, which WeightTable::resolve
/// has checked.
uint64_t hashTables(const lamina_program &program);

/// The packed file of `program`: `folder`, if that is a regular file, else in
/// it; null for the folder of the program.
std::string getPackedPath(const lamina_program &program, const char *folder);

class PackedWeights {
public:
  /// Maps and checks the packed file of `program`, which holds `payloadBytes`
  /// bytes of weights. It lies in `folder` (or is the file of that name), else
  /// beside this executable. Fails with LAMRT_IO if it is missing, with
  /// LAMRT_CHECK_FAILED if it is not the one that the program wrote.
  lamrt_status open(const lamina_program &program, const char *folder,
                    uint64_t payloadBytes, bool verifyAll);

  const uint8_t *payload() const { return file.data() + kPackedHeaderBytes; }

private:
  FileMapping file;
};

/// Reads the model's files of `program` and writes its packed file to `path`,
/// whole or not at all; the same bytes on every machine. A file that is given
/// is there already and filled where it is: whoever made it may remove it at
/// any time, and nothing comes back under its name.
lamrt_status writePackedWeights(const lamina_program &program,
                                const lamrt_rank_options &options,
                                const std::string &path, bool isGiven);

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_CORE_PACKEDWEIGHTS_H
