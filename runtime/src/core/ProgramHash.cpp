//===- ProgramHash.cpp - Whether two processes run the same ---------------===//

#include "ProgramHash.h"

#include "FileMapping.h"

#include <link.h>
#include <vector>

namespace lamina::runtime {

namespace {

struct Search {
  uintptr_t address;
  std::vector<uint64_t> hashes;
};

/// Hashes the segments of an object that nothing is written to, not even by the
/// loader, if `address` is in one of its segments. Returns 1 then.
int hashObject(dl_phdr_info *object, size_t, void *argument) {
  auto &search = *static_cast<Search *>(argument);
  bool isFound = false;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr) &segment = object->dlpi_phdr[i];
    uintptr_t begin = object->dlpi_addr + segment.p_vaddr;
    isFound |= segment.p_type == PT_LOAD && search.address >= begin &&
               search.address - begin < segment.p_memsz;
  }
  if (!isFound)
    return 0;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr) &segment = object->dlpi_phdr[i];
    if (segment.p_type == PT_LOAD && !(segment.p_flags & PF_W))
      search.hashes.push_back(
          hashBytes(reinterpret_cast<const uint8_t *>(object->dlpi_addr +
                                                      segment.p_vaddr),
                    segment.p_filesz));
  }
  return 1;
}

} // namespace

uint64_t hashProgram(const lamina_program &program) {
  Search search = {reinterpret_cast<uintptr_t>(&program), {}};
  dl_iterate_phdr(hashObject, &search);
  return hashBytes(reinterpret_cast<const uint8_t *>(search.hashes.data()),
                   search.hashes.size() * sizeof(uint64_t));
}

uint64_t hashCollectives(const lamrt_variant &variant) {
  std::vector<int64_t> words;
  for (int32_t i = 0; i < variant.num_collectives; ++i) {
    const lamrt_collective &one = variant.collectives[i];
    words.insert(words.end(),
                 {one.operation, one.rows, one.type, one.times, one.features});
  }
  return hashBytes(reinterpret_cast<const uint8_t *>(words.data()),
                   words.size() * sizeof(int64_t));
}

} // namespace lamina::runtime
