//===- InputFile.cpp - A regular file open for reading --------------------===//

#include "lamina/Support/InputFile.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

using namespace lamina;

static void reportFile(const std::string &path, std::string found,
                       InputErrors &errors) {
  errors.report({ExitCode::InputOutput, path, "", "file", std::move(found),
                 "a readable file", ""});
}

/// Says what a file is that is no regular one.
static const char *describeMode(mode_t mode) {
  if (S_ISDIR(mode))
    return "a directory";
  if (S_ISFIFO(mode))
    return "a pipe";
  if (S_ISSOCK(mode))
    return "a socket";
  return "a device";
}

std::optional<InputFile> InputFile::open(const std::string &path,
                                         InputErrors &errors) {
  // Opening a pipe that nobody writes to must not wait.
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    reportFile(path, std::strerror(errno), errors);
    return std::nullopt;
  }
  InputFile file(path, 0, descriptor);
  struct stat status;
  if (::fstat(descriptor, &status) != 0) {
    reportFile(path, std::strerror(errno), errors);
    return std::nullopt;
  }
  if (!S_ISREG(status.st_mode)) {
    reportFile(path, describeMode(status.st_mode), errors);
    return std::nullopt;
  }
  file.fileSize = static_cast<uint64_t>(status.st_size);
  return file;
}

InputFile::InputFile(InputFile &&other) noexcept
    : filePath(std::move(other.filePath)), fileSize(other.fileSize),
      fileDescriptor(std::exchange(other.fileDescriptor, -1)) {}

InputFile &InputFile::operator=(InputFile &&other) noexcept {
  std::swap(filePath, other.filePath);
  std::swap(fileSize, other.fileSize);
  std::swap(fileDescriptor, other.fileDescriptor);
  return *this;
}

InputFile::~InputFile() {
  if (fileDescriptor >= 0)
    ::close(fileDescriptor);
}

bool InputFile::read(uint64_t offset, void *to, size_t count,
                     InputErrors &errors) const {
  // Some file systems refuse reads of 2 GiB and more.
  constexpr size_t kMaxRead = size_t(1) << 30;
  char *next = static_cast<char *>(to);
  while (count > 0) {
    ssize_t got = ::pread(fileDescriptor, next, std::min(count, kMaxRead),
                          static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0) {
      InputError error;
      error.code = ExitCode::InputOutput;
      error.file = filePath;
      error.place = byteOffset(offset);
      error.field = "file";
      error.found = got < 0 ? std::strerror(errno) : "the end of the file";
      error.expected = std::to_string(count) + " more bytes";
      errors.report(std::move(error));
      return false;
    }
    next += got;
    offset += static_cast<uint64_t>(got);
    count -= static_cast<size_t>(got);
  }
  return true;
}
