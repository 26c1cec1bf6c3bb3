//===- KernelsRecord.h - Results of an earlier run -------------*- C++ -*-===//
//
// On an emulated processor the scalar code of the reference would take hours.
// So a run on the machine itself keeps its results in a file, and a run of the
// same tests under emulation reads them in the same order.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_UNITTESTS_RUNTIME_KERNELSRECORD_H
#define LAMINA_UNITTESTS_RUNTIME_KERNELSRECORD_H

#include <functional>
#include <string>
#include <vector>

namespace lamina::reference {

/// What `compute` returns. If LAMINA_REFERENCE_WRITE names a file, that is
/// appended to it; if LAMINA_REFERENCE_READ does, it comes from there. The
/// program ends if the file has something of another name there.
std::vector<float> remember(const std::string &name,
                            const std::function<std::vector<float>()> &compute);

} // namespace lamina::reference

#endif // LAMINA_UNITTESTS_RUNTIME_KERNELSRECORD_H
