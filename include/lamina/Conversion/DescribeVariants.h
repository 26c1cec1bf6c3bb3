//===- DescribeVariants.h - What a program says of its ranks --------------===//

#ifndef LAMINA_CONVERSION_DESCRIBEVARIANTS_H
#define LAMINA_CONVERSION_DESCRIBEVARIANTS_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/JSON.h"

namespace lamina {

/// The variants of a valid module of the stage `runtime`: `{ranks,
/// bytes_per_token, bytes_per_logits_row, collectives}` each. The bytes are
/// those that a rank receives of the others, as the mean over ranks, when each
/// rank does its part of the rows.
llvm::json::Array describeVariants(mlir::ModuleOp module);

/// Returns the object `json` with these as `variants`; what is no object stays
/// as it is.
std::string addVariants(mlir::ModuleOp module, llvm::StringRef json);

} // namespace lamina

#endif // LAMINA_CONVERSION_DESCRIBEVARIANTS_H
