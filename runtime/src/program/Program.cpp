//===- Program.cpp - The main of every compiled program -------------------===//

#include "program/Program.h"

#include "core/Group.h"
#include "lamina/Support/CollectiveTable.h"
#include "lamina/Support/FatalErrors.h"
#include "program/Modes.h"
#include "program/Output.h"
#include "program/OutputPlaces.h"
#include "program/Processes.h"

#include <cstdio>

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

/// Reads --collectives-table.
lamrt_status readTable(Options &options) {
  if (!options.collectivesTable)
    return LAMRT_OK;
  InputErrors errors;
  auto table = CollectiveTable::read(*options.collectivesTable, errors);
  if (table && getDeviceName(table->device) != options.device)
    return reportError(LAMRT_USAGE,
                       "--collectives-table: " + *options.collectivesTable +
                           " is for " + getDeviceName(table->device) +
                           ", expected one for " + options.device);
  if (table) {
    options.choices = table->choices;
    return LAMRT_OK;
  }
  return reportErrors(errors);
}

/// The command line, without the folder of the program.
std::string getCommand(int argc, char **argv) {
  std::string command;
  for (int i = 0; i < argc; ++i) {
    std::string word = argv[i];
    command += i ? " " + word : word.substr(word.rfind('/') + 1);
  }
  return command;
}

/// What is asked of a program that has ranks.
int runMode(const lamina_program &program, const Options &options) {
  if (options.benchCollectives)
    return benchCollectives(program, options);
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

/// Makes of --device=auto what it stands for here.
lamrt_status chooseDevice(const lamina_program &program, Options &options) {
  if (program.packed_weights && options.device == "auto") {
    options.device = "cpu";
    options.deviceReason = "its weights are packed for it";
    return LAMRT_OK;
  }
  const char *device = nullptr, *reason = nullptr;
  if (lamrt_status status =
          lamrt_choose_device(options.device.c_str(), &device, &reason))
    return reportLastError(status);
  options.device = device;
  options.deviceReason = reason;
  return LAMRT_OK;
}

/// What is asked of one process: of those that were started together, rank 0.
std::optional<int> runAlone(const lamina_program &program, Options &options,
                            const char *name) {
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
  if (options.writePacked)
    return writePackedFile(program, options);
  if (lamrt_status status = chooseDevice(program, options))
    return status;
  if (options.info)
    return printInfo(program, options);
  return std::nullopt;
}

/// All that can be done before ranks meet. Returns what the process returns, if
/// it has nothing more to do.
std::optional<int> prepare(const lamina_program &program,
                           const std::vector<std::string> &arguments,
                           const char *name, const Launch &launch,
                           const std::string &launchError, Options &options) {
  std::string error, command = std::move(options.command);
  auto parsed = parseOptions(arguments, error);
  if (!parsed)
    return reportError(LAMRT_USAGE, error);
  options = std::move(*parsed);
  options.command = std::move(command);
  if (auto code = runAlone(program, options, name))
    return code;
  if (!launchError.empty())
    return reportError(LAMRT_USAGE, launchError);
  if (launch.size > 1 && options.ranks && options.ranks != launch.size)
    return reportError(LAMRT_USAGE, "--tp: " + std::to_string(options.ranks) +
                                        ", but " + launch.variable + " has " +
                                        std::to_string(launch.size) +
                                        " processes");
  if (lamrt_status status = checkOutputs(program, options))
    return status;
  if (lamrt_status status = readTable(options))
    return status;
  return std::nullopt;
}

} // namespace

int runProgram(const lamina_program &program, int argc, char **argv) {
  reportFatalErrors();
  if (lamrt_status status = prepareStandardStreams())
    return status;
  Launch launch;
  std::string launchError = readLaunch(launch);
  setMuted(launch.rank > 0);
  // Until the ranks meet: then one line says what is wrong, and where.
  holdErrors(launch.size > 1);
  Options options;
  options.command = getCommand(argc, argv);
  std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  auto code = prepare(program, arguments, argc > 0 ? argv[0] : "program",
                      launch, launchError, options);
  holdErrors(false);
  if (std::string error = takeHeldError(); !error.empty())
    failTogether(launch, options.commTimeout, static_cast<lamrt_status>(*code),
                 error);
  if (code)
    return *code;
  if (launch.size == 1)
    return runMode(program, options);
  return runProcesses(program, options, launch,
                      [&] { return runMode(program, options); });
}

} // namespace lamina::program
