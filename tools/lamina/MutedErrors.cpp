//===- MutedErrors.cpp - Errors that another process has too --------------===//

#include "MutedErrors.h"

#include "lamina/Support/Launch.h"

#include <fcntl.h>
#include <unistd.h>

/// The standard error while it is muted, else -1.
static int realErrors = -1;

void lamina::muteErrors() {
  Launch launch;
  if (!readLaunch(launch).empty() || !launch.isSpokenFor())
    return;
  int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  realErrors = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  if (nowhere >= 0 && realErrors >= 0)
    dup2(nowhere, STDERR_FILENO);
  close(nowhere);
}

void lamina::restoreErrors() {
  if (realErrors < 0)
    return;
  dup2(realErrors, STDERR_FILENO);
  close(realErrors);
  realErrors = -1;
}
