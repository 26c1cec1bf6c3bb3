//===- Output.cpp - Standard output, and interrupts -----------------------===//

#include "program/Output.h"

#include "tokenizer/Utf8.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <utility>

namespace lamina::program {

namespace {

volatile std::sig_atomic_t interrupt = 0;

/// A pipe that has something to read once a signal has come. A flag alone would
/// be missed by a wait that begins just after the look at it, and any thread
/// may be the one that is interrupted.
int wakeup[2] = {-1, -1};

void rememberInterrupt(int signal) {
  int error = errno;
  interrupt = signal;
  [[maybe_unused]] ssize_t count = write(wakeup[1], "", 1);
  errno = error;
}

} // namespace

lamrt_status prepareStandardStreams() {
  signal(SIGPIPE, SIG_DFL);
  bool hasOutput = fcntl(STDOUT_FILENO, F_GETFD) != -1;
  // open returns the lowest free number.
  for (int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (fcntl(descriptor, F_GETFD) == -1 && open("/dev/null", O_RDWR) < 0)
      break;
  if (!hasOutput)
    return reportError(LAMRT_IO, "standard output: closed");
  return LAMRT_OK;
}

namespace {
std::function<void()> waitHook;
} // namespace

void setWaitHook(std::function<void()> hook) { waitHook = std::move(hook); }

bool waitFor(int descriptor, short events) {
  pollfd entries[2] = {{descriptor, events, 0}, {wakeup[0], POLLIN, 0}};
  if (waitHook && poll(entries, 2, 0) == 0)
    waitHook();
  while (poll(entries, 2, -1) < 0)
    if (errno != EINTR)
      return true; // the operation will say what is wrong
  return entries[0].revents != 0;
}

namespace {
bool isMuted = false;
} // namespace

void setMuted(bool muted) { isMuted = muted; }

lamrt_status writeOut(std::string_view text) {
  while (!isMuted && !text.empty()) {
    // The reader may have stopped to read: then only a signal ends the wait.
    if (!waitFor(STDOUT_FILENO, POLLOUT))
      return LAMRT_OK;
    // A pipe that can be written takes this much at once.
    size_t size = std::min<size_t>(text.size(), PIPE_BUF);
    ssize_t count = write(STDOUT_FILENO, text.data(), size);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return reportError(LAMRT_IO,
                         std::string("standard output: ") + strerror(errno));
    text.remove_prefix(static_cast<size_t>(count));
  }
  return LAMRT_OK;
}

namespace {
std::string errorDetails, heldError;
bool areErrorsHeld = false;
} // namespace

void setErrorDetails(std::string lines) { errorDetails = std::move(lines); }

void holdErrors(bool areHeld) { areErrorsHeld = areHeld; }

std::string takeHeldError() { return std::exchange(heldError, ""); }

lamrt_status reportError(lamrt_status status, std::string_view message) {
  if (message.empty())
    return status;
  if (areErrorsHeld) {
    if (heldError.empty())
      heldError = message;
    return status;
  }
  std::string line = "error: " + escaped(message) + "\n";
  if (!errorDetails.empty())
    line += errorDetails + '\n';
  fwrite(line.data(), 1, line.size(), stderr);
  return status;
}

lamrt_status reportLastError(lamrt_status status) {
  return reportError(status, lamrt_last_error());
}

lamrt_status reportErrors(const InputErrors &errors) {
  auto status = static_cast<lamrt_status>(errors.exitCode());
  std::string lines = errors.toString();
  if (!areErrorsHeld) {
    fputs(lines.c_str(), stderr);
    return status;
  }
  constexpr std::string_view kPrefix = "error: ";
  return reportError(status, std::string_view(lines)
                                 .substr(0, lines.find('\n'))
                                 .substr(kPrefix.size()));
}

std::string toJson(std::string_view text) {
  std::string result = "\"";
  for (size_t i = 0; i < text.size();) {
    auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x80) {
      Utf8Sequence character = decodeUtf8(text.substr(i));
      result += character.isValid ? text.substr(i, character.length)
                                  : kReplacementCharacter;
      i += character.length;
      continue;
    }
    if (byte == '"' || byte == '\\') {
      result += '\\';
      result += text[i];
    } else if (byte < 0x20 || byte == 0x7f) {
      char escape[8];
      snprintf(escape, sizeof(escape), "\\u%04x", byte);
      result += escape;
    } else {
      result += text[i];
    }
    ++i;
  }
  return result + "\"";
}

void catchInterrupts() {
  if (wakeup[0] < 0 && pipe2(wakeup, O_CLOEXEC | O_NONBLOCK) != 0)
    return; // signals end the process then
  struct sigaction action = {};
  action.sa_handler = rememberInterrupt;
  // Reads of the terminal must end; a second signal ends the process.
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before = {};
    sigaction(signal, nullptr, &before);
    // nohup and shells have some signals ignored, and mean it.
    if (before.sa_handler != SIG_IGN)
      sigaction(signal, &action, nullptr);
  }
}

int getInterrupt() { return interrupt; }

} // namespace lamina::program
