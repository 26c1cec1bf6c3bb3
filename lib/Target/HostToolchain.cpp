//===- HostToolchain.cpp - The host's start-up files and libraries --------===//

#include "HostToolchain.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <algorithm>

using namespace lamina;

namespace {

constexpr llvm::StringLiteral kLibcFolders[] = {"/usr/lib/x86_64-linux-gnu",
                                                "/usr/lib64", "/usr/lib"};
constexpr llvm::StringLiteral kLibcFiles[] = {"Scrt1.o", "crti.o", "crtn.o",
                                              "libc.so", "libm.so"};
constexpr llvm::StringLiteral kCompilerParents[] = {
    "/usr/lib/gcc/x86_64-linux-gnu", "/usr/lib/gcc/x86_64-redhat-linux"};
constexpr llvm::StringLiteral kCompilerFiles[] = {
    "crtbeginS.o", "crtendS.o", "libgcc.a", "libgcc_eh.a", "libstdc++.a"};

/// Returns the first of `files` that `folder` lacks, empty if it has all.
llvm::StringRef findMissing(llvm::StringRef folder,
                            llvm::ArrayRef<llvm::StringLiteral> files) {
  for (llvm::StringRef file : files) {
    llvm::SmallString<128> path(folder);
    llvm::sys::path::append(path, file);
    if (!llvm::sys::fs::exists(path))
      return file;
  }
  return {};
}

/// Returns the folders of the installed versions of the compiler, the newest
/// first.
std::vector<std::string> listCompilerFolders() {
  std::vector<std::pair<unsigned, std::string>> versions;
  for (llvm::StringRef parent : kCompilerParents) {
    std::error_code error;
    for (llvm::sys::fs::directory_iterator it(parent, error), end;
         it != end && !error; it.increment(error)) {
      unsigned version;
      if (llvm::to_integer(llvm::sys::path::filename(it->path()), version, 10))
        versions.emplace_back(version, it->path());
    }
  }
  std::sort(versions.rbegin(), versions.rend());
  std::vector<std::string> folders;
  for (auto &[version, folder] : versions)
    folders.push_back(folder);
  return folders;
}

/// Returns the first of `folders` that has all `files`. Reports what the first
/// one lacks if none has.
std::optional<std::string> findFolder(const std::vector<std::string> &folders,
                                      llvm::ArrayRef<llvm::StringLiteral> files,
                                      const std::string &package,
                                      InputErrors &errors) {
  for (const std::string &folder : folders)
    if (findMissing(folder, files).empty())
      return folder;
  llvm::SmallString<128> missing(folders.empty() ? kCompilerParents[0].str()
                                                 : folders.front());
  llvm::sys::path::append(missing, folders.empty()
                                       ? llvm::StringRef(files[0])
                                       : findMissing(missing, files));
  errors.report({ExitCode::InputOutput, missing.str().str(), "", "file",
                 "missing", "what programs are linked with",
                 "install the package " + package});
  return std::nullopt;
}

} // namespace

std::optional<HostToolchain>
lamina::findHostToolchain(const LinkOptions &options, InputErrors &errors) {
  std::vector<std::string> libc(std::begin(kLibcFolders),
                                std::end(kLibcFolders));
  if (!options.libcFolder.empty())
    libc = {options.libcFolder};
  std::vector<std::string> compiler = {options.compilerFolder};
  if (options.compilerFolder.empty())
    compiler = listCompilerFolders();
  auto libcFolder = findFolder(libc, kLibcFiles, "libc6-dev", errors);
  auto compilerFolder =
      findFolder(compiler, kCompilerFiles, "libstdc++-12-dev", errors);
  if (!libcFolder || !compilerFolder)
    return std::nullopt;
  return HostToolchain{*libcFolder, *compilerFolder};
}
