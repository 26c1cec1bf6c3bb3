//===- NumberFilters.h - Filters int, float and abs -------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_CHAT_NUMBERFILTERS_H
#define LAMINA_RUNTIME_CHAT_NUMBERFILTERS_H

#include "Interpreter.h"

namespace lamina::jinja {

/// `int`: the default where Python raises. An integer beyond 64 bits fails.
Value intFilter(Interpreter &interpreter, const Arguments &arguments);
Value floatFilter(Interpreter &interpreter, const Arguments &arguments);
Value absFilter(Interpreter &interpreter, const Arguments &arguments);

} // namespace lamina::jinja

#endif // LAMINA_RUNTIME_CHAT_NUMBERFILTERS_H
