//===- LlamaConfigKeys.h - Keys that do not change the graph ----*- C++ -*-===//

#ifndef LAMINA_LIB_IMPORT_LLAMACONFIGKEYS_H
#define LAMINA_LIB_IMPORT_LLAMACONFIGKEYS_H

#include "ObjectReader.h"

namespace lamina {

/// Reports the keys of a config that would change the graph in a way that is
/// not supported, unless they have the value that changes nothing (code 4).
void checkNeutralKeys(ObjectReader &config);

/// Reports every key that was not asked for and is not known to be irrelevant
/// to the graph (code 4).
void checkNoKeyLeft(const ObjectReader &config, InputErrors &errors);

/// Returns why `key` is irrelevant to the graph, or null if it is not.
const char *getIrrelevanceReason(std::string_view key);

} // namespace lamina

#endif // LAMINA_LIB_IMPORT_LLAMACONFIGKEYS_H
