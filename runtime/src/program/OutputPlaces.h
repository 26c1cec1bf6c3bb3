//===- OutputPlaces.h - Where a program may write to -----------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_PROGRAM_OUTPUTPLACES_H
#define LAMINA_RUNTIME_PROGRAM_OUTPUTPLACES_H

#include "program/Options.h"

namespace lamina::program {

/// Fails with LAMRT_USAGE if a file that is to be written is one that the
/// program reads: a prompt, a table, its weights, or itself.
lamrt_status checkOutputs(const lamina_program &program,
                          const Options &options);

} // namespace lamina::program

#endif // LAMINA_RUNTIME_PROGRAM_OUTPUTPLACES_H
