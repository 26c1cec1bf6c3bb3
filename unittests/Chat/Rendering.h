//===- Rendering.h - Short ways to render a template ------------*- C++ -*-===//

#ifndef LAMINA_UNITTESTS_CHAT_RENDERING_H
#define LAMINA_UNITTESTS_CHAT_RENDERING_H

#include "chat/ChatTemplate.h"

namespace lamina {

/// The prompt, or the error.
struct Rendering {
  std::optional<std::vector<ChatSegment>> segments;
  ChatTemplateError error;

  /// The plain text, or "<error>".
  std::string text() const {
    return segments ? plainText(*segments) : "<error>";
  }
  /// Text of users in brackets: `a[b]c`.
  std::string marked() const {
    if (!segments)
      return "<error>";
    std::string result;
    for (const ChatSegment &segment : *segments)
      result += segment.fromUser ? "[" + segment.text + "]" : segment.text;
    return result;
  }
};

inline Rendering render(std::string_view source,
                        const ChatTemplateInputs &inputs = {},
                        const ChatTemplateLimits &limits = {}) {
  Rendering result;
  auto program = ChatTemplate::parse(source, result.error, limits);
  if (program)
    result.segments = program->render(inputs, result.error, limits);
  return result;
}

/// One message of a user.
inline ChatTemplateInputs say(std::string content) {
  ChatTemplateInputs inputs;
  inputs.messages.push_back({"user", std::move(content)});
  return inputs;
}

} // namespace lamina

#endif // LAMINA_UNITTESTS_CHAT_RENDERING_H
