//===- Program.cpp - The main of every compiled program -------------------===//

#include "program/Program.h"

#include "core/Group.h"
#include "lamina/Support/FatalErrors.h"
#include "program/Modes.h"
#include "program/Output.h"
#include "program/Processes.h"

namespace lamina::program {

namespace {

/// What every mode relies on before a rank checks the rest.
lamrt_status checkProgram(const lamina_program &program) {
  if (lamrt_status status = runtime::checkVersion(program))
    return reportLastError(status);
  if (program.num_variants < 1 || program.max_context < 1 ||
      program.max_context > INT32_MAX - LAMRT_PAGE_POSITIONS ||
      program.vocabulary < 1 || program.vocabulary > INT32_MAX ||
      program.result_features < 1 || program.result_features > INT32_MAX)
    return reportError(LAMRT_MALFORMED, "program: its header is damaged");
  return LAMRT_OK;
}

/// What is asked of a program that has ranks.
int runMode(const lamina_program &program, const Options &options) {
  if (options.bench)
    return runBench(program, options);
  if (options.dump)
    return dumpPrompt(program, options);
  if (options.chat)
    return runChat(program, options);
  if (options.promptsFile)
    return answerPrompts(program, options);
  return answerPrompt(program, options);
}

/// What is asked of one process: of those that were started together, rank 0.
std::optional<int> runAlone(const lamina_program &program,
                            const Options &options, const char *name) {
  if (options.help)
    return writeOut(getHelp(name));
  if (options.version)
    return writeOut("lamina " LAMINA_VERSION "\n");
  if (lamrt_status status = checkProgram(program))
    return status;
  if (options.context > program.max_context)
    return reportError(LAMRT_USAGE, "--context: '" +
                                        std::to_string(options.context) +
                                        "', expected at most the model's " +
                                        std::to_string(program.max_context));
  if (options.info)
    return printInfo(program, options);
  if (options.writePacked)
    return writePackedFile(program, options);
  return std::nullopt;
}

} // namespace

int runProgram(const lamina_program &program, int argc, char **argv) {
  reportFatalErrors();
  if (lamrt_status status = prepareStandardStreams())
    return status;
  Launch launch;
  std::string launchError = readLaunch(launch);
  setMuted(launch.isSpokenFor());
  std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  std::string error;
  auto options = parseOptions(arguments, error);
  if (!options)
    return reportError(LAMRT_USAGE, error);
  if (auto code = runAlone(program, *options, argc > 0 ? argv[0] : "program"))
    return *code;
  if (!launchError.empty())
    return reportError(LAMRT_USAGE, launchError);
  if (launch.size == 1)
    return runMode(program, *options);
  return runProcesses(program, *options, launch,
                      [&] { return runMode(program, *options); });
}

} // namespace lamina::program
