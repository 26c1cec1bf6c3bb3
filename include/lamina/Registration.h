//===- Registration.h - What every tool knows -----------------------------===//

#ifndef LAMINA_REGISTRATION_H
#define LAMINA_REGISTRATION_H

#include "mlir/IR/DialectRegistry.h"

namespace lamina {

/// Registers the llama dialect and the upstream dialects that may stand beside
/// it: func, arith, tensor and scf, and cf and llvm of the later stages.
void registerDialects(mlir::DialectRegistry &registry);

/// Registers the passes and stages of this project, and upstream's general
/// passes (`--canonicalize`, `--cse`, ...).
void registerPasses();

} // namespace lamina

#endif // LAMINA_REGISTRATION_H
