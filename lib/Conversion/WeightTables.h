//===- WeightTables.h - The checkpoint of a program as constants ----------===//

#ifndef LAMINA_LIB_CONVERSION_WEIGHTTABLES_H
#define LAMINA_LIB_CONVERSION_WEIGHTTABLES_H

#include "StructRow.h"
#include "lamina/Conversion/ProgramInfo.h"

namespace lamina {

/// The arrays of `lamrt_file` and `lamrt_weight`; the number of a weight is its
/// place in the module.
struct WeightTables {
  ConstantArray files, weights;
};

/// Makes the tables. Emits an error if a weight lies nowhere, in a file that
/// `info` does not describe, or beyond its end.
mlir::FailureOr<WeightTables> emitWeightTables(mlir::ModuleOp module,
                                               const ProgramInfo &info,
                                               GlobalBuilder &globals);

/// Returns LAMRT_F32 ... LAMRT_Q6_K of an element or block type.
int32_t getTypeNumber(mlir::Type type);

} // namespace lamina

#endif // LAMINA_LIB_CONVERSION_WEIGHTTABLES_H
