//===- ProgramCache.h - Programs that were compiled before ------*- C++ -*-===//
//
// Programs are kept under `$XDG_CACHE_HOME/lamina` (else `~/.cache/lamina`) by
// the hash of what they were made of: the compiler, the runtime, the options,
// and the identity of the model's files.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_TOOLS_LAMINA_PROGRAMCACHE_H
#define LAMINA_TOOLS_LAMINA_PROGRAMCACHE_H

#include "Compilation.h"

namespace lamina {

/// Sets `program` to the path of the program for the request, which is compiled
/// if the cache lacks it; with `isPrivate` it is compiled anew and removed when
/// this process ends. Sets `isPrivate` where there is no place for a cache.
/// Prints what is wrong and returns the exit code.
int findProgram(const CompileRequest &request, bool &isPrivate,
                std::string &program);

} // namespace lamina

#endif // LAMINA_TOOLS_LAMINA_PROGRAMCACHE_H
