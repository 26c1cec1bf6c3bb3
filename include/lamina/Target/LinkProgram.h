//===- LinkProgram.h - From an object file to a program ---------*- C++ -*-===//

#ifndef LAMINA_TARGET_LINKPROGRAM_H
#define LAMINA_TARGET_LINKPROGRAM_H

#include "lamina/Support/Diagnostics.h"

#include <optional>
#include <string>
#include <vector>

namespace lamina {

/// What a program of the host is linked with. Empty members are looked up.
struct LinkOptions {
  /// The archives of the runtime, in any order: see `findRuntimeArchives`.
  std::vector<std::string> archives;
  /// Folder of crt1.o, crti.o, crtn.o and libc.
  std::string libcFolder;
  /// Folder of crtbeginS.o, libgcc.a and libstdc++.a.
  std::string compilerFolder;
};

/// Returns the archives that every program is linked with: the files of
/// `lib/lamina` of the installation or build tree that `toolPath`, an
/// executable in its `bin`, belongs to; sorted. Reports an error (code 5) and
/// returns nothing if there are none.
std::optional<std::vector<std::string>>
findRuntimeArchives(const std::string &toolPath, InputErrors &errors);

/// Links the object file with the runtime, libstdc++ and libgcc (static) and
/// libc (shared) into an executable at `outputPath`, which is replaced as a
/// whole. Nothing is left on failure: a part of the host's tool chain that is
/// missing is an error of code 5 that names the Debian package, what the linker
/// refuses is one of code 1. Runs the linker in this process, not twice at
/// once; it sets the options of `llvm::cl` back to their defaults.
bool linkProgram(const std::string &objectPath, const LinkOptions &options,
                 const std::string &outputPath, InputErrors &errors);

} // namespace lamina

#endif // LAMINA_TARGET_LINKPROGRAM_H
