//===- HostToolchain.h - The host's start-up files and libraries -*- C++
//-*-===//

#ifndef LAMINA_LIB_TARGET_HOSTTOOLCHAIN_H
#define LAMINA_LIB_TARGET_HOSTTOOLCHAIN_H

#include "lamina/Target/LinkProgram.h"

namespace lamina {

/// Folders of what every program needs.
struct HostToolchain {
  std::string libcFolder;     // Scrt1.o, crti.o, crtn.o, libc.so, libm.so
  std::string compilerFolder; // crtbeginS.o, libgcc.a, libstdc++.a
};

/// Finds the folders, or checks those that `options` names. Reports each that
/// is missing (code 5), with the Debian package that has it.
std::optional<HostToolchain> findHostToolchain(const LinkOptions &options,
                                               InputErrors &errors);

} // namespace lamina

#endif // LAMINA_LIB_TARGET_HOSTTOOLCHAIN_H
