//===- ChatTemplate.h - Rendering of chat templates -------------*- C++ -*-===//
//
// A model's chat template is a Jinja program from an untrusted file. It is run
// by a sandboxed interpreter of the subset that such templates use, in the
// environment that Hugging Face transformers sets up: trim_blocks and
// lstrip_blocks are on, autoescape is off, values are immutable, `tools` and
// `documents` are none.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CHAT_CHATTEMPLATE_H
#define LAMINA_RUNTIME_CHAT_CHATTEMPLATE_H

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lamina {

namespace jinja {
struct Template;
} // namespace jinja

struct ChatMessage {
  std::string role;
  std::string content;
};

/// The variables of a template: `messages`, `bos_token`, `eos_token`,
/// `add_generation_prompt`.
struct ChatTemplateInputs {
  std::vector<ChatMessage> messages;
  std::string bosToken;
  std::string eosToken;
  bool addGenerationPrompt = true;
  /// What `strftime_now` returns for every format. If empty, the function is
  /// not defined, and templates take their own default date.
  std::string date;
};

/// What a template may use. A step is one evaluated node, 256 bytes of text or
/// one list element that an operation reads or makes, so steps bound time and
/// memory.
struct ChatTemplateLimits {
  uint64_t steps = 1'000'000;
  /// Nesting of blocks and expressions, of macro calls, and of printed values.
  unsigned depth = 64;
  /// Bytes of the prompt, and of any one string made on the way to it.
  uint64_t outputBytes = 4 * 1024 * 1024;
  uint64_t sourceBytes = 256 * 1024;
};

struct ChatTemplateError {
  enum class Kind {
    Syntax,      ///< Not a Jinja template.
    Unsupported, ///< Jinja or Python, but not of this subset.
    Limit,       ///< A limit was reached.
    Raised,      ///< The template called raise_exception.
    Runtime,     ///< An operation that Python or the sandbox refuses.
  };
  Kind kind = Kind::Syntax;
  unsigned line = 0; ///< In the template, from 1.
  std::string message;
};

/// A part of the prompt. A segment with `fromUser` came out of the content of
/// a message: a special token that is spelled there is plain text. Neighbours
/// differ in `fromUser`; a boundary says nothing about how to tokenize the
/// ordinary text on its two sides.
struct ChatSegment {
  std::string text;
  bool fromUser = false;
};

/// The whole prompt.
std::string plainText(const std::vector<ChatSegment> &segments);

class ChatTemplate {
public:
  /// Reads a template. The depth and source limits hold here.
  static std::optional<ChatTemplate>
  parse(std::string_view source, ChatTemplateError &error,
        const ChatTemplateLimits &limits = {});

  /// Renders one conversation.
  std::optional<std::vector<ChatSegment>>
  render(const ChatTemplateInputs &inputs, ChatTemplateError &error,
         const ChatTemplateLimits &limits = {}) const;

private:
  explicit ChatTemplate(std::shared_ptr<const jinja::Template> program);

  std::shared_ptr<const jinja::Template> program;
};

} // namespace lamina

#endif // LAMINA_RUNTIME_CHAT_CHATTEMPLATE_H
