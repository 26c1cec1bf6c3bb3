//===- OutputPlaces.cpp - Where a program may write to --------------------===//

#include "program/OutputPlaces.h"

#include "core/PackedWeights.h"
#include "core/WeightFiles.h"
#include "program/Output.h"

#include <sys/stat.h>

namespace lamina::program {

namespace {

/// The files that are read, as far as they are there.
std::vector<std::string> listInputs(const lamina_program &program,
                                    const Options &options) {
  std::vector<std::string> inputs = {"/proc/self/exe"};
  for (const auto &file : {options.promptFile, options.promptsFile,
                           options.collectivesTable, options.compare})
    if (file)
      inputs.push_back(*file);
  const char *model = options.model ? options.model->c_str() : nullptr;
  runtime::WeightFiles files;
  if (program.num_files > 0 && !files.findPaths(program, model))
    inputs.insert(inputs.end(), files.getPaths().begin(),
                  files.getPaths().end());
  if (runtime::isPacked(program))
    inputs.push_back(runtime::getPackedPath(program, model));
  return inputs;
}

lamrt_status checkOutput(const char *option, const std::string &output,
                         const std::vector<std::string> &inputs) {
  struct stat written, read;
  if (output == "-" || stat(output.c_str(), &written) != 0 ||
      !S_ISREG(written.st_mode))
    return LAMRT_OK;
  for (const std::string &input : inputs)
    if (stat(input.c_str(), &read) == 0 && read.st_dev == written.st_dev &&
        read.st_ino == written.st_ino) {
      std::string name =
          input == inputs.front() ? std::string("this program") : input;
      return reportError(LAMRT_USAGE, std::string(option) + ": " + output +
                                          ": the same file as " + name +
                                          ", expected another file");
    }
  return LAMRT_OK;
}

} // namespace

lamrt_status checkOutputs(const lamina_program &program,
                          const Options &options) {
  if (!options.dump && !options.output)
    return LAMRT_OK;
  std::vector<std::string> inputs = listInputs(program, options);
  for (auto [option, output] :
       {std::pair("--dump", &options.dump), std::pair("-o", &options.output)})
    if (*output)
      if (lamrt_status status = checkOutput(option, **output, inputs))
        return status;
  return LAMRT_OK;
}

} // namespace lamina::program
