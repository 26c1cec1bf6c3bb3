//===- Chat.cpp - A conversation ------------------------------------------===//

#include "program/Modes.h"
#include "program/Output.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <poll.h>
#include <unistd.h>

namespace lamina::program {

namespace {

/// Reads lines from standard input.
class LineReader {
public:
  /// Reads the next line. Returns false at the end, after a failure, and when a
  /// signal came; `status` is set then.
  bool read(std::string &line) {
    while (true) {
      size_t end = held.find('\n');
      if (end != held.npos || (isAtEnd && !held.empty())) {
        line = held.substr(0, end);
        held.erase(0, end == held.npos ? held.size() : end + 1);
        return true;
      }
      if (isAtEnd)
        return false;
      if (held.size() > kMaxTextBytes) {
        status = reportError(LAMRT_LIMIT, "standard input: line: more than " +
                                              std::to_string(kMaxTextBytes) +
                                              " bytes, expected a shorter one");
        return false;
      }
      char buffer[4096];
      if (!waitFor(STDIN_FILENO, POLLIN) || getInterrupt())
        return false;
      ssize_t count = ::read(STDIN_FILENO, buffer, sizeof(buffer));
      if (count < 0 && errno == EINTR)
        continue;
      if (count < 0) {
        status = reportError(LAMRT_IO,
                             std::string("standard input: ") + strerror(errno));
        return false;
      }
      isAtEnd = count == 0;
      held.append(buffer, static_cast<size_t>(count));
    }
  }

  lamrt_status status = LAMRT_OK;

private:
  std::string held;
  bool isAtEnd = false;
};

/// Makes `sequence` hold `ids`, and keeps what the cache has of them.
void continueWith(Engine &engine, Sequence &sequence,
                  const std::vector<int32_t> &ids) {
  auto cached = sequence.ids.begin() + sequence.cached;
  auto common =
      std::mismatch(sequence.ids.begin(), cached, ids.begin(), ids.end())
          .second -
      ids.begin();
  // The last id is run again if need be: its logits are wanted.
  common = std::min<std::ptrdiff_t>(
      common, static_cast<std::ptrdiff_t>(ids.size()) - 1);
  engine.truncate(sequence, static_cast<int32_t>(common));
  sequence.ids = ids;
}

/// Streams the answer to the ids of `sequence` and returns it in `answer`.
int streamTurn(Engine &engine, Generation &generation, std::string &answer,
               RunStatistics &run) {
  std::vector<Sequence *> sequences = {&generation.sequence()};
  Stopwatch watch;
  bool isFirst = true;
  while (generation.stopReason() == StopReason::None && !getInterrupt()) {
    if (lamrt_status status = engine.step(sequences))
      return reportLastError(status);
    if (!sequences[0]->logits)
      continue;
    if (isFirst)
      run.prefillSeconds += watch.lap();
    isFirst = false;
    std::string text;
    generation.accept(text);
    answer += text;
    if (lamrt_status status = writeOut(text))
      return status;
  }
  run.decodeSeconds += watch.lap();
  run.generatedTokens += static_cast<int64_t>(generation.ids().size());
  return writeOut("\n");
}

int talk(Engine &engine, PromptEncoder &encoder, const Options &options,
         RunStatistics &run) {
  std::vector<ChatMessage> messages;
  if (options.system)
    messages.push_back({"system", *options.system});
  Sequence sequence;
  LineReader reader;
  bool hasTerminal = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
  std::string line;
  while (!getInterrupt()) {
    if (hasTerminal)
      fputs("> ", stderr);
    if (!reader.read(line))
      break;
    if (line.empty())
      continue;
    messages.push_back({"user", line});
    Prompt prompt;
    if (lamrt_status status =
            encoder.encodeChat(messages, options.parseSpecial, prompt.ids))
      return status;
    if (lamrt_status status = checkLength(prompt, engine.context()))
      return status;
    continueWith(engine, sequence, prompt.ids);
    run.promptTokens +=
        static_cast<int64_t>(prompt.ids.size()) - sequence.cached;
    Generation generation(getGenerationOptions(options, engine.context()),
                          encoder.tokenizer(), engine, sequence, true);
    std::string answer;
    if (int code = streamTurn(engine, generation, answer, run))
      return code;
    messages.push_back({"assistant", answer});
  }
  // The prompt stands on the last line of the terminal.
  if (hasTerminal)
    fputs("\n", stderr);
  return getInterrupt() ? getInterruptStatus() : reader.status;
}

} // namespace

int runChat(const lamina_program &program, const Options &options) {
  PromptEncoder encoder;
  if (lamrt_status status = encoder.create(program))
    return status;
  if (!encoder.hasTemplate())
    return reportError(LAMRT_UNSUPPORTED,
                       "--chat: this model has no chat template; use -p");
  Stopwatch watch;
  lamrt_status status = LAMRT_OK;
  auto engine = Engine::create(
      program, getEngineOptions(program, options, getContext(program, options)),
      status);
  if (!engine)
    return reportLastError(status);
  RunStatistics run;
  run.loadSeconds = watch.lap();
  catchInterrupts();
  int code = talk(*engine, encoder, options, run);
  if (options.stats)
    printStatistics(run, *engine, options.json);
  return code;
}

} // namespace lamina::program
