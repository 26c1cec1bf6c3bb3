//===- WeightFiles.cpp - The checkpoint's files, mapped -------------------===//

#include "WeightFiles.h"

#include "Failure.h"
#include <unistd.h>

namespace lamina::runtime {

namespace {

/// The paths of the program's files if the model is at `model`.
std::vector<std::string> joinPaths(const lamina_program &program,
                                   const std::string &model) {
  if (program.num_files == 1 && isRegularFile(model))
    return {model};
  std::string folder = isRegularFile(model) ? getParentFolder(model) : model;
  std::vector<std::string> paths;
  for (int32_t i = 0; i < program.num_files; ++i)
    paths.push_back(folder + "/" + program.files[i].name);
  return paths;
}

} // namespace

lamrt_status WeightFiles::findPaths(const lamina_program &program,
                                    const char *modelPath) {
  std::vector<std::string> candidates;
  if (modelPath) {
    candidates = {modelPath};
  } else {
    std::string folder = getProgramFolder();
    if (program.relative_model_path && !folder.empty())
      candidates.push_back(folder + "/" + program.relative_model_path);
    if (program.model_path)
      candidates.push_back(program.model_path);
  }
  std::string tried;
  for (const std::string &candidate : candidates) {
    paths = joinPaths(program, candidate);
    if (paths.empty() || access(paths[0].c_str(), F_OK) == 0)
      return LAMRT_OK;
    tried += (tried.empty() ? "" : ", nor at ") + paths[0];
  }
  return fail(LAMRT_IO, "%s: not found at %s; name the model's folder%s",
              program.files[0].name, tried.empty() ? "any path" : tried.c_str(),
              modelPath ? "" : " with --model");
}

lamrt_status WeightFiles::open(const lamina_program &program,
                               const char *modelPath, bool verifyAll) {
  for (int32_t i = 0; i < program.num_files; ++i)
    if (!isPlainName(program.files[i].name))
      return fail(LAMRT_MALFORMED, "program: file %d: its name is no file name",
                  i);
  if (program.num_files == 0)
    return LAMRT_OK;
  if (lamrt_status status = findPaths(program, modelPath))
    return status;
  mappings.resize(paths.size());
  for (size_t i = 0; i < paths.size(); ++i) {
    if (lamrt_status status = mappings[i].open(paths[i]))
      return status;
    if (lamrt_status status =
            check(program.files[i], paths[i], mappings[i], verifyAll))
      return status;
  }
  return LAMRT_OK;
}

lamrt_status WeightFiles::check(const lamrt_file &expected,
                                const std::string &path,
                                const FileMapping &mapping, bool verifyAll) {
  constexpr const char *what = "is not the file that was compiled";
  if (mapping.size() != expected.size)
    return fail(LAMRT_CHECK_FAILED, "%s: %s: %llu bytes, expected %llu",
                path.c_str(), what,
                static_cast<unsigned long long>(mapping.size()),
                static_cast<unsigned long long>(expected.size));
  if (expected.header_size > mapping.size())
    return fail(LAMRT_MALFORMED, "program: %s: a header larger than the file",
                expected.name);
  if (hashBytes(mapping.data(), expected.header_size) != expected.header_hash)
    return fail(LAMRT_CHECK_FAILED, "%s: %s: its header differs", path.c_str(),
                what);
  if (mapping.size() > 0 &&
      hashSampledBlocks(mapping.data(), mapping.size()) != expected.sample_hash)
    return fail(LAMRT_CHECK_FAILED, "%s: %s: sampled blocks differ",
                path.c_str(), what);
  if (!verifyAll)
    return LAMRT_OK;
  if (!expected.has_full_hash)
    return fail(LAMRT_USAGE,
                "%s: cannot verify every byte: the program holds no full hash",
                path.c_str());
  uint64_t hash = hashBytes(mapping.data(), mapping.size());
  FileMapping::dropPages(mapping.data(), mapping.size());
  if (hash != expected.full_hash)
    return fail(LAMRT_CHECK_FAILED, "%s: %s: its bytes differ", path.c_str(),
                what);
  return LAMRT_OK;
}

} // namespace lamina::runtime
