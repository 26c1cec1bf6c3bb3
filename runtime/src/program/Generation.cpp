//===- Generation.cpp - One answer ----------------------------------------===//

#include "program/Generation.h"

#include <algorithm>

namespace lamina::program {

const char *getName(StopReason reason) {
  switch (reason) {
  case StopReason::None:
    return "interrupt";
  case StopReason::EndToken:
    return "end";
  case StopReason::Length:
    return "length";
  case StopReason::StopText:
    return "stop";
  case StopReason::ContextFull:
    return "context";
  }
  return "";
}

bool StopTextFilter::push(std::string_view text, std::string &out) {
  held += text;
  size_t first = held.npos;
  for (const std::string &stop : stops)
    first = std::min(first, held.find(stop));
  if (first != held.npos) {
    out += held.substr(0, first);
    held.clear();
    return true;
  }
  // The longest end that begins a stop text stays.
  size_t keep = 0;
  for (const std::string &stop : stops)
    for (size_t size = std::min(stop.size() - 1, held.size()); size > keep;
         --size)
      if (held.compare(held.size() - size, size, stop, 0, size) == 0)
        keep = size;
  out += held.substr(0, held.size() - keep);
  held.erase(0, held.size() - keep);
  return false;
}

void StopTextFilter::flush(std::string &out) {
  out += held;
  held.clear();
}

Generation::Generation(const GenerationOptions &chosen,
                       const Tokenizer *tokenizer, const Engine &engine,
                       Sequence &sequence, bool startsText)
    : options(chosen), tokenizer(tokenizer), target(sequence),
      sampler(chosen.sampling, engine.vocabulary()), filter(chosen.stops) {
  DecodeOptions decoding;
  decoding.isTextStart = startsText;
  if (tokenizer)
    decoder.emplace(*tokenizer, decoding);
}

void Generation::end(StopReason why, std::string &text) {
  reason = why;
  // The last characters may complete a stop text.
  if (decoder && filter.push(decoder->flush(), text))
    reason = StopReason::StopText;
  filter.flush(text);
}

void Generation::accept(std::string &text) {
  int32_t id = sampler.sample(target.logits, target.index, target.ids.size());
  if (!options.ignoreEos && tokenizer && tokenizer->isEndOfGeneration(id))
    return end(StopReason::EndToken, text);
  generated.push_back(id);
  if (decoder && filter.push(decoder->push(id), text)) {
    reason = StopReason::StopText;
    return;
  }
  if (options.maxNew > 0 &&
      generated.size() == static_cast<size_t>(options.maxNew))
    return end(StopReason::Length, text);
  if (target.ids.size() == static_cast<size_t>(options.context))
    return end(StopReason::ContextFull, text);
  target.ids.push_back(id);
}

} // namespace lamina::program
