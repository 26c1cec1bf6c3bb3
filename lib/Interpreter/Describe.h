//===- Describe.h - Text for messages ---------------------------*- C++ -*-===//

#ifndef LAMINA_LIB_INTERPRETER_DESCRIBE_H
#define LAMINA_LIB_INTERPRETER_DESCRIBE_H

#include "mlir/IR/Location.h"
#include <string>

namespace lamina {

/// Returns `file:line:column` where the location has it, else its text.
std::string describeLocation(mlir::Location loc);

} // namespace lamina

#endif // LAMINA_LIB_INTERPRETER_DESCRIBE_H
