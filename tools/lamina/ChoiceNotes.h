//===- ChoiceNotes.h - Why a wanted rewrite did not happen ------*- C++ -*-===//

#ifndef LAMINA_TOOLS_LAMINA_CHOICENOTES_H
#define LAMINA_TOOLS_LAMINA_CHOICENOTES_H

#include "mlir/IR/MLIRContext.h"

namespace lamina {

/// Prints a line on standard error for each residual that a compilation in
/// `context` leaves whole, with the reason: the pass's remark.
void noteChoices(mlir::MLIRContext &context);

} // namespace lamina

#endif // LAMINA_TOOLS_LAMINA_CHOICENOTES_H
