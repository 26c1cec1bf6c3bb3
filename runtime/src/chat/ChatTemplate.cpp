//===- ChatTemplate.cpp - Rendering of chat templates ---------------------===//

#include "ChatTemplate.h"
#include "Interpreter.h"
#include "Parser.h"

namespace lamina {

std::string plainText(const std::vector<ChatSegment> &segments) {
  std::string result;
  for (const ChatSegment &segment : segments)
    result += segment.text;
  return result;
}

ChatTemplate::ChatTemplate(std::shared_ptr<const jinja::Template> program)
    : program(std::move(program)) {}

std::optional<ChatTemplate>
ChatTemplate::parse(std::string_view source, ChatTemplateError &error,
                    const ChatTemplateLimits &limits) {
  if (source.size() > limits.sourceBytes) {
    error = {ChatTemplateError::Kind::Limit, 1,
             "a template of " + std::to_string(source.size()) +
                 " bytes, expected at most " +
                 std::to_string(limits.sourceBytes)};
    return std::nullopt;
  }
  std::vector<jinja::Token> tokens;
  if (!jinja::tokenize(source, tokens, error))
    return std::nullopt;
  std::shared_ptr<const jinja::Template> program =
      jinja::Parser(std::move(tokens), limits.depth, error).parse();
  if (!program)
    return std::nullopt;
  return ChatTemplate(std::move(program));
}

std::optional<std::vector<ChatSegment>>
ChatTemplate::render(const ChatTemplateInputs &inputs, ChatTemplateError &error,
                     const ChatTemplateLimits &limits) const {
  jinja::Text text;
  if (!jinja::Interpreter(*program, inputs, limits, error).run(text))
    return std::nullopt;
  std::vector<ChatSegment> segments;
  size_t begin = 0;
  for (const jinja::Text::Run &run : text.getRuns()) {
    std::string_view part = text.view().substr(begin, run.end - begin);
    segments.push_back({std::string(part), run.fromUser});
    begin = run.end;
  }
  return segments;
}

} // namespace lamina
