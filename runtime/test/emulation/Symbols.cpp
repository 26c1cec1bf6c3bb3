//===- Symbols.cpp - Names of kernels -------------------------------------===//
//
// Kernels in an unnamed namespace are not among the dynamic symbols, so that
// dladdr does not know them: the symbol table of their file does.
//
//===----------------------------------------------------------------------===//

#include "Grid.h"

#include <cxxabi.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

namespace emulation {
namespace {

struct Module {
  uintptr_t address = 0; ///< of the function
  uintptr_t bias = 0;
  std::string path = {};
};

int findModule(dl_phdr_info *info, size_t, void *opaque) {
  auto *module = static_cast<Module *>(opaque);
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr) &header = info->dlpi_phdr[i];
    uintptr_t begin = info->dlpi_addr + header.p_vaddr;
    if (header.p_type != PT_LOAD || module->address < begin ||
        module->address >= begin + header.p_memsz)
      continue;
    module->bias = info->dlpi_addr;
    module->path = *info->dlpi_name ? info->dlpi_name : "/proc/self/exe";
    return 1;
  }
  return 0;
}

/// The mangled name of the function at `offset` of an ELF file.
std::string findSymbol(const char *file, uintptr_t offset) {
  auto *header = reinterpret_cast<const Elf64_Ehdr *>(file);
  auto *sections = reinterpret_cast<const Elf64_Shdr *>(file + header->e_shoff);
  for (int i = 0; i < header->e_shnum; ++i) {
    if (sections[i].sh_type != SHT_SYMTAB)
      continue;
    auto *symbols =
        reinterpret_cast<const Elf64_Sym *>(file + sections[i].sh_offset);
    const char *names = file + sections[sections[i].sh_link].sh_offset;
    for (size_t s = 0; s < sections[i].sh_size / sizeof(Elf64_Sym); ++s)
      if (symbols[s].st_value == offset &&
          ELF64_ST_TYPE(symbols[s].st_info) == STT_FUNC)
        return names + symbols[s].st_name;
  }
  return "";
}

std::string lookUp(const void *function) {
  Module module;
  module.address = reinterpret_cast<uintptr_t>(function);
  if (!dl_iterate_phdr(findModule, &module))
    return "";
  int file = open(module.path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status{};
  if (file < 0 || fstat(file, &status) != 0)
    return "";
  auto size = static_cast<size_t>(status.st_size);
  void *bytes = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  if (bytes == MAP_FAILED)
    return "";
  std::string name = findSymbol(static_cast<const char *>(bytes),
                                module.address - module.bias);
  munmap(bytes, size);
  return name;
}

/// `void lamina::cuda::(anonymous namespace)::addKernel<float>(float*)` ->
/// `addKernel<float>`.
std::string shorten(const std::string &mangled) {
  int status = 0;
  char *text = abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &status);
  std::string name = text ? text : mangled;
  std::free(text);
  const std::string unnamed = "(anonymous namespace)::";
  for (size_t at; (at = name.find(unnamed)) != std::string::npos;)
    name.erase(at, unnamed.size());
  name = name.substr(0, name.find('('));
  size_t space = name.rfind(' ', name.find('<'));
  name = space == std::string::npos ? name : name.substr(space + 1);
  size_t scope = name.rfind("::", name.find('<'));
  return scope == std::string::npos ? name : name.substr(scope + 2);
}

} // namespace

std::string kernelName(const void *function) {
  static std::mutex &mutex = *new std::mutex;
  static auto &known = *new std::map<const void *, std::string>;
  std::lock_guard<std::mutex> lock(mutex);
  auto [entry, isNew] = known.try_emplace(function);
  if (isNew) {
    std::string name = lookUp(function);
    entry->second = name.empty() ? "a kernel without a symbol" : shorten(name);
  }
  return entry->second;
}

} // namespace emulation
