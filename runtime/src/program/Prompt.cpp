//===- Prompt.cpp - From text to prompt ids -------------------------------===//

#include "program/Prompt.h"

#include "program/Output.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace lamina::program {

lamrt_status PromptEncoder::create(const lamina_program &program) {
  if (program.tokenizer_size == 0)
    return LAMRT_OK;
  std::string error;
  auto model = deserialize(
      std::string_view(reinterpret_cast<const char *>(program.tokenizer),
                       program.tokenizer_size),
      &error);
  if (model)
    loadedTokenizer = Tokenizer::create(std::move(*model), &error);
  if (!loadedTokenizer)
    return reportError(LAMRT_MALFORMED, "program: tokenizer: " + error);
  auto tokens = static_cast<int64_t>(loadedTokenizer->model().tokens.size());
  if (tokens > program.vocabulary)
    return reportError(LAMRT_MALFORMED,
                       "program: tokenizer: " + std::to_string(tokens) +
                           " tokens, the vocabulary has " +
                           std::to_string(program.vocabulary));
  return LAMRT_OK;
}

/// What no token stands for would be lost without a word.
static lamrt_status checkDropped(uint64_t bytes) {
  if (bytes == 0)
    return LAMRT_OK;
  return reportError(LAMRT_CHECK_FAILED,
                     "prompt: " + std::to_string(bytes) +
                         " bytes that the vocabulary cannot express");
}

lamrt_status PromptEncoder::encodeText(const std::string &text,
                                       bool parseSpecial,
                                       std::vector<int32_t> &ids) const {
  if (!loadedTokenizer)
    return reportError(LAMRT_UNSUPPORTED,
                       "this program has no tokenizer: give the prompt with "
                       "--ids, and print with --print-ids");
  EncodeOptions options;
  options.parseSpecial = parseSpecial;
  uint64_t dropped = 0;
  ids = loadedTokenizer->encode(text, options, &dropped);
  return checkDropped(dropped);
}

static lamrt_status reportTemplateError(const ChatTemplateError &error,
                                        const char *advice) {
  lamrt_status status = LAMRT_MALFORMED;
  switch (error.kind) {
  case ChatTemplateError::Kind::Syntax:
  case ChatTemplateError::Kind::Raised:
  case ChatTemplateError::Kind::Runtime:
    break;
  case ChatTemplateError::Kind::Unsupported:
    status = LAMRT_UNSUPPORTED;
    break;
  case ChatTemplateError::Kind::Limit:
    status = LAMRT_LIMIT;
    break;
  }
  return reportError(status, "chat template: line " +
                                 std::to_string(error.line) + ": " +
                                 error.message + advice);
}

lamrt_status PromptEncoder::loadTemplate() {
  if (loadedTemplate)
    return LAMRT_OK;
  ChatTemplateError error;
  loadedTemplate =
      ChatTemplate::parse(loadedTokenizer->model().chatTemplate, error);
  if (loadedTemplate)
    return LAMRT_OK;
  return reportTemplateError(error, "; --raw does not need it");
}

lamrt_status PromptEncoder::encodeChat(const std::vector<ChatMessage> &messages,
                                       bool parseSpecial,
                                       std::vector<int32_t> &ids) {
  if (lamrt_status status = loadTemplate())
    return status;
  const TokenizerModel &model = loadedTokenizer->model();
  ChatTemplateInputs inputs;
  inputs.messages = messages;
  if (model.bosId >= 0)
    inputs.bosToken = model.tokens[static_cast<size_t>(model.bosId)];
  if (model.eosId >= 0)
    inputs.eosToken = model.tokens[static_cast<size_t>(model.eosId)];
  ChatTemplateError error;
  auto segments = loadedTemplate->render(inputs, error);
  if (!segments)
    return reportTemplateError(error, "");
  // The template spells BOS and EOS itself.
  EncodeOptions options;
  options.addBos = options.addEos = false;
  options.parseSpecial = true;
  std::vector<TextStretch> stretches;
  for (const ChatSegment &segment : *segments)
    stretches.push_back({segment.text, segment.fromUser && !parseSpecial});
  uint64_t dropped = 0;
  ids = loadedTokenizer->encode(stretches, options, &dropped);
  return checkDropped(dropped);
}

lamrt_status readText(const std::string &path, std::string &text) {
  bool isInput = path == "-";
  std::string name = isInput ? "standard input" : path;
  int descriptor =
      isInput ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return reportError(LAMRT_IO, name + ": cannot open: " + strerror(errno));
  text.clear();
  lamrt_status status = LAMRT_OK;
  char buffer[65536];
  while (true) {
    // Other ranks learn that it may take any time.
    (void)waitFor(descriptor, POLLIN);
    ssize_t count = read(descriptor, buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR && !getInterrupt())
      continue;
    if (count < 0)
      status =
          reportError(LAMRT_IO, name + ": cannot read: " + strerror(errno));
    if (count <= 0)
      break;
    text.append(buffer, static_cast<size_t>(count));
    if (text.size() > kMaxTextBytes) {
      status = reportError(LAMRT_LIMIT, name + ": text: more than " +
                                            std::to_string(kMaxTextBytes) +
                                            " bytes, expected a shorter one");
      break;
    }
  }
  if (!isInput)
    close(descriptor);
  if (!text.empty() && text.back() == '\n')
    text.pop_back();
  return status;
}

lamrt_status parseIds(const std::string &text, int64_t vocabulary,
                      std::vector<int32_t> &ids) {
  const char *next = text.data(), *end = next + text.size();
  while (true) {
    while (next != end && (*next == ' ' || *next == ',' || *next == '\n' ||
                           *next == '\t' || *next == '\r'))
      ++next;
    if (next == end)
      return LAMRT_OK;
    int64_t id = 0;
    auto [stop, failure] = std::from_chars(next, end, id);
    if (failure != std::errc())
      return reportError(
          LAMRT_USAGE,
          "--ids: '" +
              std::string(
                  next, std::min<size_t>(20, static_cast<size_t>(end - next))) +
              "', expected token ids");
    if (id < 0 || id >= vocabulary)
      return reportError(LAMRT_LIMIT, "--ids: " + std::to_string(id) +
                                          ", the vocabulary has " +
                                          std::to_string(vocabulary) + " ids");
    ids.push_back(static_cast<int32_t>(id));
    next = stop;
  }
}

lamrt_status makePrompt(const Options &options, PromptEncoder &encoder,
                        const std::string &text, Prompt &prompt) {
  bool isChat = !options.raw && encoder.hasTemplate();
  prompt.startsText = isChat || text.empty();
  if (!isChat && options.system)
    return reportError(LAMRT_USAGE,
                       "--system: this model has no chat template");
  lamrt_status status = LAMRT_OK;
  if (isChat) {
    std::vector<ChatMessage> messages;
    if (options.system)
      messages.push_back({"system", *options.system});
    messages.push_back({"user", text});
    status = encoder.encodeChat(messages, options.parseSpecial, prompt.ids);
  } else {
    status = encoder.encodeText(text, options.parseSpecial, prompt.ids);
  }
  if (!status && prompt.ids.empty())
    return reportError(LAMRT_USAGE, "prompt: no tokens, expected at least one");
  return status;
}

lamrt_status getPrompt(const lamina_program &program, const Options &options,
                       PromptEncoder &encoder, Prompt &prompt) {
  if (options.promptIds) {
    if (lamrt_status status =
            parseIds(*options.promptIds, program.vocabulary, prompt.ids))
      return status;
    prompt.startsText = prompt.ids.size() <= 1;
    if (prompt.ids.empty())
      return reportError(LAMRT_USAGE, "--ids: no ids, expected at least one");
    return LAMRT_OK;
  }
  std::string text;
  if (options.prompt) {
    text = *options.prompt;
  } else {
    std::string path = options.promptFile.value_or("-");
    if (path == "-" && isatty(STDIN_FILENO))
      return reportError(LAMRT_USAGE,
                         "no prompt: give -p TEXT, -f FILE, or a pipe; --help "
                         "prints all options");
    if (lamrt_status status = readText(path, text))
      return status;
  }
  return makePrompt(options, encoder, text, prompt);
}

lamrt_status checkLength(const Prompt &prompt, int32_t context,
                         const std::string &name) {
  if (prompt.ids.size() <= static_cast<size_t>(context))
    return LAMRT_OK;
  return reportError(LAMRT_LIMIT,
                     name + ": " + std::to_string(prompt.ids.size()) +
                         " tokens, the context has " + std::to_string(context));
}

} // namespace lamina::program
