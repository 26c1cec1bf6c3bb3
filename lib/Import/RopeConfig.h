//===- RopeConfig.h - Rotary embedding in a config --------------*- C++ -*-===//

#ifndef LAMINA_LIB_IMPORT_ROPECONFIG_H
#define LAMINA_LIB_IMPORT_ROPECONFIG_H

#include "ObjectReader.h"
#include "lamina/Import/LlamaConfig.h"

namespace lamina {

/// Sets `ropeTheta` and `ropeScaling` from `rope_theta`, `rope_scaling` and
/// `rope_parameters`. Two spellings of one setting must agree (code 3); kinds
/// of scaling that are not supported are reported by name (code 4).
void readRope(ObjectReader &reader, LlamaConfig &config);

} // namespace lamina

#endif // LAMINA_LIB_IMPORT_ROPECONFIG_H
