//===- ProgramHash.h - Whether two processes run the same ------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_CORE_PROGRAMHASH_H
#define LAMINA_RUNTIME_CORE_PROGRAMHASH_H

#include "lamina/runtime.h"

namespace lamina::runtime {

/// XXH3-64 of the code and the constants of the executable or library that
/// `program` is in, as they were loaded: the same in all processes that run it.
uint64_t hashProgram(const lamina_program &program);

/// XXH3-64 of the collectives of a step, in program order.
uint64_t hashCollectives(const lamrt_variant &variant);

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_CORE_PROGRAMHASH_H
