//===- ChildProcess.cpp - A program that runs for a command ---------------===//

#include "ChildProcess.h"

#include "Options.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace lamina;

/// Becomes the program, between fork and exec: only what is safe there. Returns
/// if it cannot.
static void becomeChild(const char *program, char *const *arguments,
                        pid_t parent, int answer) {
  // A signal that ends the parent alone would leave the child writing.
  if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent)
    return;
  if (answer >= 0 && dup2(answer, STDOUT_FILENO) < 0)
    return;
  execv(program, arguments);
}

/// Waits for the end of `child` and returns its status, or -1.
static int waitFor(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR)
      return -1;
  return status;
}

int lamina::runAndWait(const std::string &program,
                       std::vector<std::string> arguments, int answer) {
  arguments.insert(arguments.begin(), program);
  std::vector<char *> pointers;
  for (std::string &argument : arguments)
    pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  // The shell's code for a program that cannot be run; ours are below it.
  constexpr int kCannotRun = 126;
  pid_t parent = getpid();
  pid_t child = fork();
  if (child == 0) {
    becomeChild(program.c_str(), pointers.data(), parent, answer);
    _exit(kCannotRun);
  }
  if (child < 0)
    return fail(ExitCode::InputOutput, program + ": " + std::strerror(errno));
  int status = waitFor(child);
  if (status != -1 && WIFEXITED(status) && WEXITSTATUS(status) != kCannotRun)
    return WEXITSTATUS(status);
  if (status != -1 && WIFSIGNALED(status))
    return fail(ExitCode::InternalError, program + ": ended by signal " +
                                             std::to_string(WTERMSIG(status)) +
                                             " (" +
                                             strsignal(WTERMSIG(status)) + ")");
  return fail(ExitCode::InputOutput, program + ": cannot be run");
}
