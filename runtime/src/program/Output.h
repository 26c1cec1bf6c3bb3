//===- Output.h - Standard output, and interrupts --------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_PROGRAM_OUTPUT_H
#define LAMINA_RUNTIME_PROGRAM_OUTPUT_H

#include "lamina/Support/Diagnostics.h"
#include "lamina/runtime.h"

#include <functional>
#include <string>
#include <string_view>

namespace lamina::program {

/// Gives SIGPIPE its default again, fills closed descriptors 0 and 2 so that no
/// file gets their number, and fails with LAMRT_IO if 1 is closed.
lamrt_status prepareStandardStreams();

/// While it is muted, nothing is written to standard output: another process of
/// the group does.
void setMuted(bool isMuted);
/// While errors are held, the first that is reported is kept, and none printed.
void holdErrors(bool areHeld);
/// The error that was kept; empty for none.
std::string takeHeldError();

/// Writes all of `text` to standard output at once. Fails with LAMRT_IO. A
/// signal that came since catchInterrupts ends a wait for the reader.
lamrt_status writeOut(std::string_view text);

/// Lines that the next error is followed by; a last newline is not part.
void setErrorDetails(std::string lines);

/// Waits until `descriptor` can be read (POLLIN) or written (POLLOUT) without a
/// wait. Returns false if a signal that catchInterrupts catches came first.
bool waitFor(int descriptor, short events);
/// Calls `hook` whenever waitFor has to wait; null for no more.
void setWaitHook(std::function<void()> hook);

/// Prints `error: <message>` to stderr, and returns `status`. An empty message
/// is none: another process has said it.
lamrt_status reportError(lamrt_status status, std::string_view message);
/// The same with lamrt_last_error.
lamrt_status reportLastError(lamrt_status status);
/// The same with the errors of a file.
lamrt_status reportErrors(const InputErrors &errors);

/// `text` as a JSON string with its quotes. Ill-formed UTF-8 becomes U+FFFD.
std::string toJson(std::string_view text);

/// From now on SIGINT, SIGTERM and SIGHUP are remembered; the second one ends
/// the process.
void catchInterrupts();
/// The signal that came, or 0.
int getInterrupt();
/// What the process returns for it.
inline int getInterruptStatus() { return 128 + getInterrupt(); }

} // namespace lamina::program

#endif // LAMINA_RUNTIME_PROGRAM_OUTPUT_H
