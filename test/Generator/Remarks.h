//===- Remarks.h - What the passes say, as data ---------------------------===//

#ifndef LAMINA_TEST_GENERATOR_REMARKS_H
#define LAMINA_TEST_GENERATOR_REMARKS_H

#include "mlir/IR/MLIRContext.h"

#include <map>
#include <string>
#include <vector>

namespace lamina::generator {

/// One remark of a pass.
struct RemarkRecord {
  std::string category; // of the pass: `llama-fuse`
  std::string name;     // `Fused`, `SumHasOtherUsers`, ...
  std::string location; // the first name in its location
  std::map<std::string, std::string> arguments;
};

using RemarkLog = std::vector<RemarkRecord>;

/// Appends all further remarks in `context` to `log`, which outlives it.
void collectRemarks(mlir::MLIRContext &context, RemarkLog &log);

} // namespace lamina::generator

#endif // LAMINA_TEST_GENERATOR_REMARKS_H
