//===- OutputFile.cpp - Output that is whole or absent --------------------===//

#include "lamina/Support/OutputFile.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace lamina;

/// Writes all of `content`. Returns 0 or an errno.
static int writeAll(int descriptor, std::string_view content) {
  while (!content.empty()) {
    ssize_t written = ::write(descriptor, content.data(), content.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return errno;
    content.remove_prefix(static_cast<size_t>(written));
  }
  return 0;
}

/// Writes to what is no regular file: a device, a pipe. Returns 0 or an errno.
static int writeDirectly(const std::string &path, std::string_view content) {
  int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor < 0)
    return errno;
  int failure = writeAll(descriptor, content);
  if (::close(descriptor) != 0 && failure == 0)
    failure = errno;
  return failure;
}

/// Replaces the file at `path`. Returns 0 or an errno.
static int replaceFile(const std::string &path, std::string_view content) {
  std::string temporary = path + ".tmp." + std::to_string(::getpid());
  int descriptor =
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0)
    return errno;
  int failure = writeAll(descriptor, content);
  if (failure == 0 && ::fsync(descriptor) != 0)
    failure = errno;
  if (::close(descriptor) != 0 && failure == 0)
    failure = errno;
  if (failure == 0 && std::rename(temporary.c_str(), path.c_str()) != 0)
    failure = errno;
  if (failure != 0)
    ::unlink(temporary.c_str());
  return failure;
}

bool lamina::writeOutput(const std::string &path, std::string_view content,
                         InputErrors &errors) {
  // Past RLIMIT_FSIZE a write fails with EFBIG instead of ending the process.
  ::signal(SIGXFSZ, SIG_IGN);
  int failure = 0;
  struct stat status;
  if (path == "-")
    failure = writeAll(STDOUT_FILENO, content);
  else if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) &&
           !S_ISDIR(status.st_mode))
    failure = writeDirectly(path, content);
  else
    failure = replaceFile(path, content);
  if (failure == 0)
    return true;
  errors.report({ExitCode::InputOutput, path == "-" ? "<stdout>" : path, "",
                 "output", std::strerror(failure), "a writable file", ""});
  return false;
}
