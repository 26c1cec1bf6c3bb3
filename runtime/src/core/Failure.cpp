//===- Failure.cpp - What lamrt_last_error returns ------------------------===//

#include "Failure.h"

#include <cstdarg>
#include <cstdio>

namespace lamina::runtime {

namespace {
thread_local char lastError[1024];
} // namespace

lamrt_status fail(lamrt_status status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(lastError, sizeof(lastError), format, arguments);
  va_end(arguments);
  for (char *c = lastError; *c; ++c)
    if (static_cast<unsigned char>(*c) < 0x20 || *c == 0x7f)
      *c = '?';
  return status;
}

const char *getLastError() { return lastError; }

} // namespace lamina::runtime
