//===- Failure.h - What lamrt_last_error returns ---------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_CORE_FAILURE_H
#define LAMINA_RUNTIME_CORE_FAILURE_H

#include "lamina/runtime.h"

namespace lamina::runtime {

/// Stores the message for lamrt_last_error of this thread, cut after 1 KiB,
/// control characters replaced by `?` so that it is one line. Returns `status`.
/// Allocates nothing.
[[gnu::format(printf, 2, 3)]] lamrt_status fail(lamrt_status status,
                                                const char *format, ...);

/// The message of the last failure on this thread; empty if there was none.
const char *getLastError();

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_CORE_FAILURE_H
