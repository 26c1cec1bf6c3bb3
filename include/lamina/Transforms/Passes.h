//===- Passes.h - llama -> llama rewrites ---------------------------------===//

#ifndef LAMINA_TRANSFORMS_PASSES_H
#define LAMINA_TRANSFORMS_PASSES_H

#include "lamina/IR/LlamaDialect.h"
#include "lamina/Transforms/RankCount.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace lamina {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "lamina/Transforms/Passes.h.inc"

} // namespace lamina

#endif // LAMINA_TRANSFORMS_PASSES_H
