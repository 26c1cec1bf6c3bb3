//===- Modes.h - What a program can be asked to do -------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_PROGRAM_MODES_H
#define LAMINA_RUNTIME_PROGRAM_MODES_H

#include "program/Engine.h"
#include "program/Generation.h"
#include "program/Options.h"
#include "program/Prompt.h"

#include <chrono>

namespace lamina::program {

// Each mode reports its failures to stderr and returns what the process
// returns.

/// --info: what the program is. Reads no weights.
int printInfo(const lamina_program &program, const Options &options);
/// One prompt, streamed.
int answerPrompt(const lamina_program &program, const Options &options);
/// --prompts: many prompts in one batch.
int answerPrompts(const lamina_program &program, const Options &options);
/// --chat: messages from standard input, a line each.
int runChat(const lamina_program &program, const Options &options);
/// --dump: logits and taps of a prompt, to a file.
int dumpPrompt(const lamina_program &program, const Options &options);

/// --write-packed: the weights as operations read them, to a file.
int writePackedFile(const lamina_program &program, const Options &options);
/// --bench: speed beside what the machine can do.
int runBench(const lamina_program &program, const Options &options);
/// --bench --collectives: the algorithms of the sums over ranks.
int benchCollectives(const lamina_program &program, const Options &options);

/// Positions that a sequence of these options may have.
int32_t getContext(const lamina_program &program, const Options &options);

/// Sequences at one time: --batch, or the mode's default.
inline size_t getBatch(const Options &options, size_t byDefault) {
  return options.batch ? static_cast<size_t>(options.batch) : byDefault;
}

/// Engine options that all modes take from the command line.
EngineOptions getEngineOptions(const lamina_program &program,
                               const Options &options, int32_t context);

GenerationOptions getGenerationOptions(const Options &options, int32_t context);

/// Positions that a prompt and its answer take at most.
int32_t getNeededPositions(const Prompt &prompt, const Options &options,
                           int32_t context);

/// Times of a run, for --stats.
class Stopwatch {
public:
  /// Seconds since the last call, or since this was made.
  double lap() {
    auto now = std::chrono::steady_clock::now();
    double seconds = std::chrono::duration<double>(now - last).count();
    last = now;
    return seconds;
  }

private:
  std::chrono::steady_clock::time_point last = std::chrono::steady_clock::now();
};

struct RunStatistics {
  double loadSeconds = 0, prefillSeconds = 0, decodeSeconds = 0;
  int64_t promptTokens = 0, generatedTokens = 0;
};

/// Prints the times and the sizes of the engine to stderr.
void printStatistics(const RunStatistics &run, const Engine &engine,
                     bool asJson);

} // namespace lamina::program

#endif // LAMINA_RUNTIME_PROGRAM_MODES_H
