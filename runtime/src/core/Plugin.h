//===- Plugin.h - The library that drives a device -------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_CORE_PLUGIN_H
#define LAMINA_RUNTIME_CORE_PLUGIN_H

#include "Backend.h"

namespace lamina::runtime {

/// Opens liblamina_cuda.so, once for the process. It is looked for in
/// $LAMINA_PLUGIN_DIR alone if that is set, else in lib/lamina beside the
/// program's folder, then in the folder that the runtime was installed to.
/// Fails with LAMRT_DEVICE, saying what is missing.
lamrt_status loadCudaPlugin(const BackendTable *&out);

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_CORE_PLUGIN_H
