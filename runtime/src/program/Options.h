//===- Options.h - The command line of a program ---------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_PROGRAM_OPTIONS_H
#define LAMINA_RUNTIME_PROGRAM_OPTIONS_H

#include "program/Sampler.h"

#include "lamina/runtime.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lamina::program {

struct Options {
  // What the prompt is.
  std::optional<std::string> prompt;      ///< -p
  std::optional<std::string> promptFile;  ///< -f
  std::optional<std::string> promptsFile; ///< --prompts
  std::optional<std::string> promptIds;   ///< --ids
  std::optional<std::string> system;
  bool raw = false;
  bool chat = false;
  bool parseSpecial = false;

  // What is generated.
  SamplingOptions sampling;
  int32_t maxNew = 0; ///< -n; 0: until a stop
  std::vector<std::string> stops;
  bool ignoreEos = false;

  // What is printed.
  bool printIds = false;
  bool stats = false;
  bool info = false;
  bool json = false;
  bool help = false;
  bool version = false;
  std::optional<std::string> dump;
  /// --fill-packed: the file is there.
  bool fillPacked = false;
  /// --write-packed: how `lamina compile --weights=packed` makes the file.
  std::optional<std::string> writePacked;

  // What --bench measures.
  bool bench = false;
  int32_t benchPrompt = 512;
  int32_t benchDepth = 0;
  int32_t benchRepeat = 5;
  std::optional<std::string> compare; ///< an earlier --bench --json

  // How it runs.
  int32_t threads = 0;
  int32_t ranks = 0;       ///< --tp; 0: the least that the program has
  int32_t commTimeout = 0; ///< seconds; 0: the runtime's
  /// Of the processes that mpirun started: set by runProgram.
  lamrt_group *processes = nullptr;
  int32_t context = 0; ///< 0: all that the program has
  int32_t chunk = 512;
  int32_t batch = 0; ///< 0: the mode's default
  std::optional<std::string> model;
  std::optional<std::string> cpu;
  bool verifyWeights = false;
};

/// Reads the arguments after the program's name. Returns nothing for wrong
/// ones; `error` is then one line.
std::optional<Options> parseOptions(const std::vector<std::string> &arguments,
                                    std::string &error);

/// What --help prints.
std::string getHelp(const std::string &programName);

} // namespace lamina::program

#endif // LAMINA_RUNTIME_PROGRAM_OPTIONS_H
