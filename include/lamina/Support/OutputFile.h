//===- OutputFile.h - Output that is whole or absent ------------*- C++ -*-===//

#ifndef LAMINA_SUPPORT_OUTPUTFILE_H
#define LAMINA_SUPPORT_OUTPUTFILE_H

#include "lamina/Support/Diagnostics.h"

#include <string>
#include <string_view>

namespace lamina {

/// Writes `content` to standard output if `path` is `-`, else to the file: to
/// `<path>.tmp.<pid>` beside it, which is synced and renamed, so that a failure
/// leaves neither a part of the content nor the temporary file. A device or a
/// pipe is written directly. Reports a failure (code 5) and returns false.
bool writeOutput(const std::string &path, std::string_view content,
                 InputErrors &errors);

} // namespace lamina

#endif // LAMINA_SUPPORT_OUTPUTFILE_H
