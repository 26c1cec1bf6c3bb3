//===- MappedFile.cpp - A file as bytes in memory, read-only --------------===//

#include "lamina/Support/MappedFile.h"

#include "lamina/Support/InputFile.h"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <utility>

using namespace lamina;

std::optional<MappedFile> MappedFile::open(const std::string &path,
                                           InputErrors &errors) {
  std::optional<InputFile> file = InputFile::open(path, errors);
  if (!file)
    return std::nullopt;
  MappedFile mapped(path);
  if (file->size() == 0) // mmap refuses a length of 0
    return mapped;
  void *start = ::mmap(nullptr, file->size(), PROT_READ, MAP_PRIVATE,
                       file->descriptor(), 0);
  if (start == MAP_FAILED) {
    ExitCode code = errno == ENOMEM ? ExitCode::Limit : ExitCode::InputOutput;
    errors.report(
        {code, path, "", "file", std::strerror(errno),
         "address space for " + std::to_string(file->size()) + " bytes", ""});
    return std::nullopt;
  }
  mapped.view = {static_cast<const char *>(start), file->size()};
  return mapped;
}

MappedFile::MappedFile(MappedFile &&other) noexcept
    : filePath(std::move(other.filePath)),
      view(std::exchange(other.view, std::string_view())) {}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(filePath, other.filePath);
  std::swap(view, other.view);
  return *this;
}

MappedFile::~MappedFile() {
  if (!view.empty())
    ::munmap(const_cast<char *>(view.data()), view.size());
}
