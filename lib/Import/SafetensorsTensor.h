//===- SafetensorsTensor.h - One tensor of a header -------------*- C++ -*-===//

#ifndef LAMINA_LIB_IMPORT_SAFETENSORSTENSOR_H
#define LAMINA_LIB_IMPORT_SAFETENSORSTENSOR_H

#include "FileErrors.h"
#include "lamina/Import/Json.h"
#include "lamina/Import/Safetensors.h"

#include <optional>

namespace lamina {

/// Reads a member of a header, the description of one tensor, and checks that
/// its range is as long as dtype and shape say. `offset` of the result counts
/// from the start of the data. Reports what is wrong (code 3) and returns
/// nothing.
std::optional<SafetensorsTensor>
readSafetensorsTensor(const json::Value &member, FileErrors &errors);

} // namespace lamina

#endif // LAMINA_LIB_IMPORT_SAFETENSORSTENSOR_H
