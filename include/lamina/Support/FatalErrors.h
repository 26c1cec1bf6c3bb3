//===- FatalErrors.h - Deaths of a process that are errors -----*- C++ -*-===//

#ifndef LAMINA_SUPPORT_FATALERRORS_H
#define LAMINA_SUPPORT_FATALERRORS_H

namespace lamina {

/// Makes errors of one line of two deaths of the process: memory that `new`
/// cannot get (exit code 6), and SIGBUS because a mapped file was cut by
/// another process or its device fails (code 5; the line names the file).
/// `cleanUp`, if not null, is called first; it must be safe in a signal
/// handler. For main functions: libraries leave the process alone.
void reportFatalErrors(void (*cleanUp)() = nullptr);

/// Ends the process as a `new` that gets no memory does.
[[noreturn]] void failWithoutMemory();

/// The file to remove if the process ends so, or null for none. The text must
/// live until the next call.
void setUnfinishedFile(const char *path);

} // namespace lamina

#endif // LAMINA_SUPPORT_FATALERRORS_H
