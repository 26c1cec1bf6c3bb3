//===- AnswerPrompts.cpp - Many prompts in one batch ----------------------===//

#include "program/Modes.h"
#include "program/Output.h"

#include <algorithm>
#include <memory>

namespace lamina::program {

namespace {

/// One line of the file.
struct Request {
  Prompt prompt;
  Sequence sequence;
  std::unique_ptr<Generation> generation;
  std::string text;
  bool isDone = false;
};

lamrt_status readRequests(const lamina_program &program, const Options &options,
                          PromptEncoder &encoder, int32_t context,
                          std::vector<Request> &requests) {
  std::string text;
  if (lamrt_status status = readText(*options.promptsFile, text))
    return status;
  for (size_t begin = 0; begin <= text.size();) {
    size_t end = std::min(text.find('\n', begin), text.size());
    Request request;
    if (lamrt_status status = makePrompt(
            options, encoder, text.substr(begin, end - begin), request.prompt))
      return status;
    if (lamrt_status status = checkLength(
            request.prompt, context,
            "--prompts: line " + std::to_string(requests.size() + 1)))
      return status;
    request.sequence.index = requests.size();
    request.sequence.ids = request.prompt.ids;
    requests.push_back(std::move(request));
    begin = end + 1;
  }
  return LAMRT_OK;
}

std::string toLine(size_t index, const Request &request, bool printIds) {
  std::string line = "{\"prompt\":" + std::to_string(index) + ",\"stop\":\"" +
                     getName(request.generation->stopReason()) + "\"";
  if (!printIds)
    line += ",\"text\":" + toJson(request.text);
  line += ",\"ids\":[";
  const char *separator = "";
  for (int32_t id : request.generation->ids()) {
    line += separator + std::to_string(id);
    separator = ",";
  }
  return line + "]}\n";
}

/// Runs all requests, at most `batch` at one time, and prints each as soon as
/// those before it are printed.
int runRequests(Engine &engine, std::vector<Request> &requests,
                const Options &options, const PromptEncoder &encoder,
                int32_t context, RunStatistics &run) {
  size_t admitted = 0, printed = 0;
  std::vector<Request *> active;
  while (printed < requests.size() && !getInterrupt()) {
    while (admitted < requests.size() && active.size() < getBatch(options, 8)) {
      Request &request = requests[admitted++];
      request.generation = std::make_unique<Generation>(
          getGenerationOptions(options, context), encoder.tokenizer(), engine,
          request.sequence, request.prompt.startsText);
      active.push_back(&request);
    }
    std::vector<Sequence *> sequences;
    for (Request *request : active)
      sequences.push_back(&request->sequence);
    if (lamrt_status status = engine.step(sequences))
      return reportLastError(status);
    for (Request *request : active) {
      if (!request->sequence.logits)
        continue;
      request->generation->accept(request->text);
      request->isDone = request->generation->stopReason() != StopReason::None;
      if (request->isDone)
        engine.close(request->sequence);
    }
    active.erase(
        std::remove_if(active.begin(), active.end(),
                       [](Request *request) { return request->isDone; }),
        active.end());
    for (; printed < requests.size() && requests[printed].isDone; ++printed) {
      run.generatedTokens +=
          static_cast<int64_t>(requests[printed].generation->ids().size());
      if (lamrt_status status =
              writeOut(toLine(printed, requests[printed], options.printIds)))
        return status;
    }
  }
  return getInterrupt() ? getInterruptStatus() : LAMRT_OK;
}

} // namespace

int answerPrompts(const lamina_program &program, const Options &options) {
  PromptEncoder encoder;
  std::vector<Request> requests;
  int32_t context = getContext(program, options);
  if (lamrt_status status = encoder.create(program))
    return status;
  if (lamrt_status status =
          readRequests(program, options, encoder, context, requests))
    return status;
  RunStatistics run;
  int32_t positions = 1;
  for (const Request &request : requests) {
    positions = std::max(positions,
                         getNeededPositions(request.prompt, options, context));
    run.promptTokens += static_cast<int64_t>(request.prompt.ids.size());
  }
  Stopwatch watch;
  EngineOptions engineOptions = getEngineOptions(program, options, positions);
  engineOptions.sequences =
      static_cast<int32_t>(std::min(requests.size(), getBatch(options, 8)));
  lamrt_status status = LAMRT_OK;
  auto engine = Engine::create(program, engineOptions, status);
  if (!engine)
    return reportLastError(status);
  run.loadSeconds = watch.lap();
  catchInterrupts();
  int code = runRequests(*engine, requests, options, encoder, context, run);
  run.decodeSeconds = watch.lap();
  if (options.stats)
    printStatistics(run, *engine, options.json);
  return code;
}

} // namespace lamina::program
