//===- render-chat-templates.cpp - Renders templates for a script ---------===//
//
// Reads conversations from stdin and writes the rendered prompts to stdout,
// for utils/compare-chat-templates.py. Both are sequences of fields, a field
// being `<length>:<bytes>,`. In: template, bos, eos, date, "1" or "0" for the
// generation prompt, the number of messages, and role and content of each. Out:
// "ok", the number of segments, and "1" or "0" (from the user) and text of
// each; or the kind of the error, its line, and its message.
//
//===----------------------------------------------------------------------===//

#include "chat/ChatTemplate.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>

using namespace lamina;

static bool readField(std::string &field) {
  size_t length = 0;
  if (std::scanf("%zu:", &length) != 1)
    return false;
  field.resize(length);
  if (std::fread(field.data(), 1, length, stdin) != length)
    return false;
  return std::getchar() == ',';
}

static void writeField(const std::string &field) {
  std::printf("%zu:", field.size());
  std::fwrite(field.data(), 1, field.size(), stdout);
  std::putchar(',');
}

static const char *name(ChatTemplateError::Kind kind) {
  switch (kind) {
  case ChatTemplateError::Kind::Syntax:
    return "syntax";
  case ChatTemplateError::Kind::Unsupported:
    return "unsupported";
  case ChatTemplateError::Kind::Limit:
    return "limit";
  case ChatTemplateError::Kind::Raised:
    return "raised";
  case ChatTemplateError::Kind::Runtime:
    break;
  }
  return "runtime";
}

static bool readInputs(std::string &source, ChatTemplateInputs &inputs) {
  std::string generation, count;
  if (!readField(source) || !readField(inputs.bosToken) ||
      !readField(inputs.eosToken) || !readField(inputs.date) ||
      !readField(generation) || !readField(count))
    return false;
  inputs.addGenerationPrompt = generation == "1";
  size_t messages = 0;
  std::from_chars(count.data(), count.data() + count.size(), messages);
  for (size_t i = 0; i < messages; ++i) {
    ChatMessage message;
    if (!readField(message.role) || !readField(message.content))
      return false;
    inputs.messages.push_back(std::move(message));
  }
  return true;
}

int main() {
  while (true) {
    std::string source;
    ChatTemplateInputs inputs;
    if (!readInputs(source, inputs))
      return std::feof(stdin) ? EXIT_SUCCESS : EXIT_FAILURE;
    ChatTemplateError error;
    auto program = ChatTemplate::parse(source, error);
    auto segments = program ? program->render(inputs, error) : std::nullopt;
    if (!segments) {
      writeField(name(error.kind));
      writeField(std::to_string(error.line));
      writeField(error.message);
      continue;
    }
    writeField("ok");
    writeField(std::to_string(segments->size()));
    for (const ChatSegment &segment : *segments) {
      writeField(segment.fromUser ? "1" : "0");
      writeField(segment.text);
    }
  }
}
