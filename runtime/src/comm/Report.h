//===- Report.h - Text of a bounded size -----------------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_COMM_REPORT_H
#define LAMINA_RUNTIME_COMM_REPORT_H

#include <cstdarg>
#include <cstddef>
#include <cstdio>

namespace lamina::runtime {

/// Lines about a failure. Takes no memory: it may be what there is none of.
class Report {
public:
  /// Adds what fits.
  [[gnu::format(printf, 2, 3)]] void add(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(text + size, sizeof(text) - size, format, arguments);
    va_end(arguments);
    if (count > 0)
      size += static_cast<size_t>(count);
    if (size > sizeof(text) - 1)
      size = sizeof(text) - 1;
  }
  const char *get() const { return text; }
  bool isEmpty() const { return size == 0; }

private:
  char text[4096] = {};
  size_t size = 0;
};

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_COMM_REPORT_H
