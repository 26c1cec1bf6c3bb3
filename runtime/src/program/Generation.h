//===- Generation.h - One answer -------------------------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_PROGRAM_GENERATION_H
#define LAMINA_RUNTIME_PROGRAM_GENERATION_H

#include "program/Engine.h"
#include "program/Sampler.h"
#include "tokenizer/StreamDecoder.h"

#include <optional>
#include <string>

namespace lamina::program {

/// Why an answer ended.
enum class StopReason { None, EndToken, Length, StopText, ContextFull };

/// `end`, `length`, `stop`, `context`.
const char *getName(StopReason reason);

/// Looks for stop texts in what streams by, and holds back what may become one.
class StopTextFilter {
public:
  explicit StopTextFilter(std::vector<std::string> stops)
      : stops(std::move(stops)) {}

  /// Appends to `out` the text that is before any stop text for certain.
  /// Returns whether a stop text came; what follows it is lost.
  bool push(std::string_view text, std::string &out);
  /// Appends what is held back.
  void flush(std::string &out);

private:
  std::vector<std::string> stops;
  std::string held;
};

struct GenerationOptions {
  SamplingOptions sampling;
  int32_t maxNew = 0; ///< 0: no limit
  std::vector<std::string> stops;
  bool ignoreEos = false;
  int32_t context = 0;
};

/// Draws the ids of one answer and makes them text. Ids are appended to the
/// sequence while the context has room.
class Generation {
public:
  /// `tokenizer` may be null: then there is no text, and no end token.
  Generation(const GenerationOptions &options, const Tokenizer *tokenizer,
             const Engine &engine, Sequence &sequence, bool startsText);

  /// Takes the sequence's logits and draws the next id. Appends to `text` what
  /// can be printed: valid UTF-8.
  void accept(std::string &text);

  Sequence &sequence() { return target; }
  StopReason stopReason() const { return reason; }
  /// Without the end token.
  const std::vector<int32_t> &ids() const { return generated; }

private:
  void end(StopReason why, std::string &text);

  GenerationOptions options;
  const Tokenizer *tokenizer;
  Sequence &target;
  Sampler sampler;
  std::optional<StreamDecoder> decoder;
  StopTextFilter filter;
  StopReason reason = StopReason::None;
  std::vector<int32_t> generated;
};

} // namespace lamina::program

#endif // LAMINA_RUNTIME_PROGRAM_GENERATION_H
