//===- FatalErrors.cpp - Deaths of a process that are errors --------------===//
//
// Everything here may run where there is no memory, or in a signal handler: it
// calls nothing that allocates or locks.
//
//===----------------------------------------------------------------------===//

#include "lamina/Support/FatalErrors.h"

#include "lamina/Support/Diagnostics.h"

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <string_view>
#include <unistd.h>

using namespace lamina;

namespace {

void (*userCleanUp)() = nullptr;
std::atomic<const char *> unfinishedFile{nullptr};

/// Ends the process with the line `error: <subject>: <text>`.
[[noreturn]] void die(ExitCode code, std::string_view subject,
                      std::string_view text) {
  if (const char *path = unfinishedFile.load())
    unlink(path);
  if (userCleanUp)
    userCleanUp();
  // Nothing can be done if these cannot be written.
  for (std::string_view part :
       {std::string_view("error: "), subject, std::string_view(": "), text,
        std::string_view("\n")})
    if (write(STDERR_FILENO, part.data(), part.size()) < 0)
      break;
  _exit(static_cast<int>(code));
}

/// The lines of /proc/self/maps, one after another.
class MapsReader {
public:
  MapsReader() : descriptor(open("/proc/self/maps", O_RDONLY | O_CLOEXEC)) {}
  ~MapsReader() {
    if (descriptor >= 0)
      close(descriptor);
  }

  /// The next line, without newline, or null; a long one is cut.
  const char *next() {
    size_t length = 0;
    for (char c; get(c) && c != '\n';)
      if (length + 1 < sizeof(line))
        line[length++] = c;
    line[length] = '\0';
    return length > 0 ? line : nullptr;
  }

private:
  bool get(char &c) {
    if (position == end) {
      ssize_t count =
          descriptor < 0 ? 0 : read(descriptor, block, sizeof(block));
      position = 0;
      end = count > 0 ? static_cast<size_t>(count) : 0;
      if (end == 0)
        return false;
    }
    c = block[position++];
    return true;
  }

  int descriptor;
  size_t position = 0, end = 0;
  char block[1024];
  char line[4608]; // addresses, and a path of PATH_MAX
};

/// Reads a hexadecimal number, and moves `text` behind it.
uintptr_t readHexadecimal(const char *&text) {
  uintptr_t value = 0;
  for (;; ++text) {
    if (*text >= '0' && *text <= '9')
      value = value * 16 + static_cast<uintptr_t>(*text - '0');
    else if (*text >= 'a' && *text <= 'f')
      value = value * 16 + static_cast<uintptr_t>(*text - 'a' + 10);
    else
      return value;
  }
}

/// The path of the file that is mapped at `address`, in a line of `maps`; null
/// if there is none.
const char *findMappedFile(MapsReader &maps, uintptr_t address) {
  while (const char *line = maps.next()) {
    const char *rest = line;
    uintptr_t begin = readHexadecimal(rest);
    if (*rest++ != '-' || address < begin || address >= readHexadecimal(rest))
      continue;
    return strchr(rest, '/');
  }
  return nullptr;
}

/// A signal that says nothing of a mapped file ends the process as without a
/// handler: on return the access fails again.
void handleBusError(int signal, siginfo_t *info, void *) {
  MapsReader maps;
  const char *path =
      findMappedFile(maps, reinterpret_cast<uintptr_t>(info->si_addr));
  if (!path) {
    ::signal(signal, SIG_DFL);
    return;
  }
  die(ExitCode::InputOutput, path,
      "a part that cannot be read, expected a file that nobody cuts while it "
      "is used");
}

} // namespace

void lamina::failWithoutMemory() {
  die(ExitCode::Limit, "memory", "used up, expected more of it");
}

void lamina::setUnfinishedFile(const char *path) { unfinishedFile = path; }

void lamina::reportFatalErrors(void (*cleanUp)()) {
  userCleanUp = cleanUp;
  std::set_new_handler(failWithoutMemory);
  struct sigaction action = {};
  action.sa_sigaction = handleBusError;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, nullptr);
}
