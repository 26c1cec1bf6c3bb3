//===- AnswerPrompt.cpp - One prompt, streamed ----------------------------===//

#include "program/Modes.h"
#include "program/Output.h"

#include <cstdio>
#include <unistd.h>

namespace lamina::program {

namespace {

/// Runs one sequence until its answer ends or a signal comes, and prints it.
int streamAnswer(Engine &engine, Generation &generation, const Options &options,
                 RunStatistics &run) {
  Stopwatch watch;
  bool isFirst = true;
  std::vector<Sequence *> sequences = {&generation.sequence()};
  while (generation.stopReason() == StopReason::None && !getInterrupt()) {
    size_t before = generation.ids().size();
    if (lamrt_status status = engine.step(sequences))
      return reportLastError(status);
    if (!sequences[0]->logits)
      continue;
    if (isFirst)
      run.prefillSeconds = watch.lap();
    isFirst = false;
    std::string text;
    generation.accept(text);
    if (options.printIds) {
      text.clear();
      if (generation.ids().size() > before)
        text = (before ? " " : "") + std::to_string(generation.ids().back());
    }
    if (lamrt_status status = writeOut(text))
      return status;
  }
  run.decodeSeconds = watch.lap();
  run.generatedTokens = static_cast<int64_t>(generation.ids().size());
  // Ids are a line. An answer is just its bytes, except on a terminal.
  if (options.printIds || isatty(STDOUT_FILENO))
    if (lamrt_status status = writeOut("\n"))
      return status;
  return getInterrupt() ? getInterruptStatus() : LAMRT_OK;
}

} // namespace

int answerPrompt(const lamina_program &program, const Options &options) {
  PromptEncoder encoder;
  Prompt prompt;
  if (lamrt_status status = encoder.create(program))
    return status;
  if (lamrt_status status = getPrompt(program, options, encoder, prompt))
    return status;
  int32_t context = getContext(program, options);
  if (lamrt_status status = checkLength(prompt, context))
    return status;
  if (!encoder.tokenizer() && !options.printIds)
    return reportError(LAMRT_UNSUPPORTED,
                       "this program has no tokenizer: print with --print-ids");

  Stopwatch watch;
  lamrt_status status = LAMRT_OK;
  auto engine = Engine::create(
      program,
      getEngineOptions(program, options,
                       getNeededPositions(prompt, options, context)),
      status);
  if (!engine)
    return reportLastError(status);
  RunStatistics run;
  run.loadSeconds = watch.lap();
  run.promptTokens = static_cast<int64_t>(prompt.ids.size());
  Sequence sequence;
  sequence.ids = prompt.ids;
  Generation generation(getGenerationOptions(options, context),
                        encoder.tokenizer(), *engine, sequence,
                        prompt.startsText);
  catchInterrupts();
  int code = streamAnswer(*engine, generation, options, run);
  // The answer ends as the model ends it.
  if (options.stats && !options.json && !options.printIds &&
      !isatty(STDOUT_FILENO))
    fputs("\n", stderr);
  if (options.stats)
    printStatistics(run, *engine, options.json);
  return code;
}

} // namespace lamina::program
