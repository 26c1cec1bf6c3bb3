//===- BytecodeGuard.cpp - Reads bytecode in a child process --------------===//

#include "lamina/Tools/BytecodeGuard.h"

#include "lamina/IR/LlamaDialect.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Tools/ParseUtilities.h"
#include "llvm/Support/Compiler.h"
#include "llvm/Support/SourceMgr.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace mlir;
using namespace lamina;

namespace {

/// The alignment that a file's resources may ask of its first byte.
constexpr uint64_t kAlignment = 4096;

/// The first byte of what a child sends.
enum Answer : char {
  kModule = 'M',  // then the module's bytecode
  kRefused = 'E', // then messages
  kNewer = 'N'    // then messages; the module is of a newer dialect
};

std::unique_ptr<llvm::MemoryBuffer> copyAligned(StringRef bytes,
                                                StringRef name) {
  auto buffer = llvm::WritableMemoryBuffer::getNewUninitMemBuffer(
      bytes.size(), name, llvm::Align(kAlignment));
  if (buffer && !bytes.empty())
    std::memcpy(buffer->getBufferStart(), bytes.data(), bytes.size());
  return buffer;
}

//===----------------------------------------------------------------------===//
// The child
//===----------------------------------------------------------------------===//

void limitResource(int resource, rlim_t value) {
  rlimit limit;
  if (getrlimit(resource, &limit) != 0)
    return;
  limit.rlim_cur = std::min(limit.rlim_max, value);
  setrlimit(resource, &limit);
}

/// Sets the limits of the child, and makes a crash a silent death.
void limitChild(size_t bytes, int64_t milliseconds) {
  for (int number : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGPROF,
                     SIGPIPE, SIGTERM})
    signal(number, SIG_DFL);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // What malloc and LLVM say of a crash is not for the user.
  int null = open("/dev/null", O_WRONLY);
  if (null >= 0)
    dup2(null, STDERR_FILENO);
  limitResource(RLIMIT_CORE, 0);
  rlimit stack;
  if (getrlimit(RLIMIT_STACK, &stack) == 0)
    limitResource(RLIMIT_STACK, stack.rlim_cur == RLIM_INFINITY
                                    ? rlim_t(64) << 20
                                    : stack.rlim_cur / 2);
#if !LLVM_ADDRESS_SANITIZER_BUILD && !LLVM_MEMORY_SANITIZER_BUILD &&           \
    !LLVM_THREAD_SANITIZER_BUILD
  limitResource(RLIMIT_AS, (rlim_t(2) << 30) + 64 * rlim_t(bytes));
#endif
  itimerval time{{0, 0}, {milliseconds / 1000, milliseconds % 1000 * 1000}};
  setitimer(ITIMER_PROF, &time, nullptr);
}

/// Whether `message` is what the dialect says of a module that a newer version
/// of it has made; version 0 never was.
bool isOfNewerVersion(StringRef message) {
  uint64_t number;
  return message.consume_front("module made by version ") &&
         !message.consumeInteger(10, number) &&
         message.starts_with(" of the llama dialect") &&
         number > uint64_t(LlamaDialect::getVersion());
}

/// Returns what the child sends of `file`.
std::string readModule(llvm::MemoryBufferRef file,
                       const DialectRegistry &registry,
                       const BytecodeGuardOptions &options) {
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.allowUnregisteredDialects(options.allowUnregistered);
  auto sources = std::make_shared<llvm::SourceMgr>();
  sources->AddNewSourceBuffer(
      copyAligned(file.getBuffer(), file.getBufferIdentifier()), SMLoc());
  std::string messages, bytecode;
  llvm::raw_string_ostream messageStream(messages), stream(bytecode);
  SourceMgrDiagnosticHandler printer(*sources, &context, messageStream);
  char answer = kRefused;
  ScopedDiagnosticHandler observer(&context, [&](Diagnostic &diagnostic) {
    if (isOfNewerVersion(diagnostic.str()))
      answer = kNewer;
    return failure(); // on to the printer
  });
  FallbackAsmResourceMap resources;
  ParserConfig config(&context, options.verify, &resources);
  OwningOpRef<Operation *> module =
      parseSourceFileForTool(sources, config, options.implicitModule);
  if (module && succeeded(writeBytecodeToFile(*module, stream,
                                              BytecodeWriterConfig(resources))))
    return char(kModule) + bytecode;
  return answer + messages;
}

/// What the libraries throw, such as std::length_error for a damaged count,
/// ends the child here: it must not return to who called the parent. (So this
/// file is built with exceptions.)
std::string work(llvm::function_ref<std::string()> makeAnswer) noexcept {
  return makeAnswer();
}

/// Writes all of `bytes` to the pipe; returns whether it could.
bool send(int pipe, StringRef bytes) {
  while (!bytes.empty()) {
    ssize_t written = write(pipe, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return false;
    bytes = bytes.drop_front(size_t(written));
  }
  return true;
}

//===----------------------------------------------------------------------===//
// The parent
//===----------------------------------------------------------------------===//

/// Reads from the pipe until the child ends. Returns false, and kills the
/// child, if it has not ended after `milliseconds` of wall time.
bool receive(int pipe, pid_t child, int64_t milliseconds, std::string &bytes) {
  using Clock = std::chrono::steady_clock;
  auto end = Clock::now() + std::chrono::milliseconds(milliseconds);
  std::vector<char> chunk(1 << 16);
  while (true) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                    end - Clock::now())
                    .count();
    pollfd poller{pipe, POLLIN, 0};
    int ready =
        left <= 0 ? 0 : poll(&poller, 1, int(std::min<int64_t>(left, 1000)));
    if (ready < 0 && errno != EINTR)
      break;
    if (ready == 0 && left <= 0) {
      kill(child, SIGKILL);
      return false;
    }
    if (ready <= 0)
      continue;
    ssize_t count = read(pipe, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      break;
    bytes.append(chunk.data(), size_t(count));
  }
  return true;
}

/// Whose code runs in the child, and the field of its errors.
struct Subject {
  StringRef name, field;
};

constexpr Subject kReader = {"MLIR's reader", "bytecode"};

GuardedBytecode fail(ExitCode code, llvm::MemoryBufferRef file,
                     const Subject &subject, std::string found,
                     std::string expected) {
  GuardedBytecode result;
  result.code = code;
  result.messages =
      toString(InputError{code, file.getBufferIdentifier().str(), "",
                          subject.field.str(), std::move(found),
                          std::move(expected), ""}) +
      "\n";
  return result;
}

GuardedBytecode failSubject(llvm::MemoryBufferRef file, const Subject &subject,
                            const std::string &what) {
  return fail(ExitCode::Malformed, file, subject, subject.name.str() + what,
              "an undamaged file");
}

/// Says of a child that sent no whole answer how it ended.
GuardedBytecode describeEnd(llvm::MemoryBufferRef file, const Subject &subject,
                            int status, bool isOutOfTime,
                            int64_t milliseconds) {
  if (isOutOfTime || (WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF))
    return failSubject(file, subject,
                       " does not end within " + std::to_string(milliseconds) +
                           " ms");
  if (WIFSIGNALED(status))
    return failSubject(file, subject,
                       std::string(" crashes (") + strsignal(WTERMSIG(status)) +
                           ")");
  return failSubject(file, subject, " gives up");
}

GuardedBytecode takeAnswer(llvm::MemoryBufferRef file, const Subject &subject,
                           StringRef answer) {
  GuardedBytecode result;
  StringRef payload = answer.drop_front();
  if (answer.front() == kModule) {
    result.buffer = copyAligned(payload, file.getBufferIdentifier());
    if (result.buffer)
      return result;
    return fail(ExitCode::Limit, file, subject,
                std::to_string(payload.size()) + " bytes do not fit memory",
                "a smaller file");
  }
  if (!payload.contains("error:"))
    return failSubject(file, subject, " refuses it without a reason");
  result.code =
      answer.front() == kNewer ? ExitCode::Unsupported : ExitCode::Malformed;
  result.messages = payload.str();
  return result;
}

/// Returns what becomes of the answer that a child makes of `file`.
GuardedBytecode runChild(llvm::MemoryBufferRef file, const Subject &subject,
                         int64_t milliseconds,
                         llvm::function_ref<std::string()> makeAnswer) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return fail(ExitCode::Limit, file, subject,
                std::string("no pipe: ") + std::strerror(errno),
                "a pipe to a process that reads it");
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    limitChild(file.getBufferSize(), milliseconds);
    _exit(send(ends[1], work(makeAnswer)) ? 0 : 1);
  }
  int failure = errno;
  close(ends[1]);
  if (child < 0) {
    close(ends[0]);
    return fail(ExitCode::Limit, file, subject,
                std::string("no process: ") + std::strerror(failure),
                "a process that reads it");
  }
  // Wall time only bounds a child that sleeps; a busy machine is no damage.
  std::string answer;
  bool isOutOfTime =
      !receive(ends[0], child, 60000 + 10 * milliseconds, answer);
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (isOutOfTime || !WIFEXITED(status) || WEXITSTATUS(status) != 0 ||
      answer.empty())
    return describeEnd(file, subject, status, isOutOfTime, milliseconds);
  return takeAnswer(file, subject, answer);
}

} // namespace

int64_t lamina::getReadingTime(size_t bytes) {
  return 5000 + int64_t(bytes >> 20) * 1000;
}

GuardedBytecode lamina::guardBytecode(llvm::MemoryBufferRef file,
                                      const DialectRegistry &registry,
                                      const BytecodeGuardOptions &options) {
  int64_t milliseconds = options.milliseconds
                             ? options.milliseconds
                             : getReadingTime(file.getBufferSize());
  return runChild(file, kReader, milliseconds,
                  [&] { return readModule(file, registry, options); });
}

GuardedBytecode
lamina::guardCheck(llvm::MemoryBufferRef file, StringRef subject,
                   llvm::function_ref<bool(raw_ostream &messages)> check) {
  auto makeAnswer = [&] {
    std::string messages;
    llvm::raw_string_ostream stream(messages);
    char answer = check(stream) ? kModule : kRefused;
    return answer + messages;
  };
  GuardedBytecode result =
      runChild(file, {subject, "module"}, getReadingTime(file.getBufferSize()),
               makeAnswer);
  result.buffer.reset();
  return result;
}
