//===- InspectCollectives.h - lamina inspect --collectives ------*- C++ -*-===//

#ifndef LAMINA_TOOLS_LAMINA_INSPECTCOLLECTIVES_H
#define LAMINA_TOOLS_LAMINA_INSPECTCOLLECTIVES_H

#include "Options.h"
#include "llvm/Support/JSON.h"

namespace lamina {

/// Prints the collectives of each number of ranks, in program order, and which
/// algorithm each size of a sum gets. `variants` is an array, as
/// describeVariants makes it; what a damaged note lacks is left out.
int printCollectives(llvm::json::Value variants, const CommandLine &line);

} // namespace lamina

#endif // LAMINA_TOOLS_LAMINA_INSPECTCOLLECTIVES_H
