//===- LlamaBytecode.h - Versions of the dialect in bytecode ----*- C++ -*-===//

#ifndef LAMINA_LIB_IR_LLAMABYTECODE_H
#define LAMINA_LIB_IR_LLAMABYTECODE_H

#include "mlir/Bytecode/BytecodeImplementation.h"

namespace lamina {

/// The version of the dialect that wrote a file.
struct LlamaVersion : mlir::DialectVersion {
  explicit LlamaVersion(int64_t number) : number(number) {}
  int64_t number;
};

} // namespace lamina

#endif // LAMINA_LIB_IR_LLAMABYTECODE_H
