//===- LlamaBytecode.cpp - Ops that changed since version 1 ---------------===//

#include "LlamaBytecode.h"

#include "lamina/IR/LlamaOps.h"

using namespace mlir;
using namespace lamina;

/// The version that wrote what `reader` reads.
static int64_t getVersion(DialectBytecodeReader &reader) {
  FailureOr<const DialectVersion *> version =
      reader.getDialectVersion<LlamaDialect>();
  return succeeded(version) && *version
             ? static_cast<const LlamaVersion *>(*version)->number
             : LlamaDialect::getVersion();
}

LogicalResult LinearOp::readProperties(DialectBytecodeReader &reader,
                                       OperationState &state) {
  auto &properties = state.getOrAddProperties<Properties>();
  if (failed(reader.readOptionalAttribute(properties.bias)) ||
      failed(reader.readOptionalAttribute(properties.index)))
    return failure();
  if (getVersion(reader) >= 2 &&
      failed(reader.readOptionalAttribute(properties.int8)))
    return failure();
  return success(succeeded(reader.readAttribute(properties.leaves)) &&
                 succeeded(reader.readAttribute(properties.weight)));
}

void LinearOp::writeProperties(DialectBytecodeWriter &writer) {
  const Properties &properties = getProperties();
  writer.writeOptionalAttribute(properties.bias);
  writer.writeOptionalAttribute(properties.index);
  writer.writeOptionalAttribute(properties.int8);
  writer.writeAttribute(properties.leaves);
  writer.writeAttribute(properties.weight);
}
