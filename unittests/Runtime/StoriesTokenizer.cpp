//===- StoriesTokenizer.cpp - The tokenizer of stories260K ----------------===//
//
// From tok512.bin of llama2.c: the longest token's bytes as an i32, then a
// score (f32), a length (i32) and bytes for each token.
//
//===----------------------------------------------------------------------===//

#include "StoriesProgram.h"

#include "tokenizer/TokenizerModel.h"

#include <cstring>
#include <fstream>
#include <iterator>

namespace lamina::test {

std::string makeStoriesTokenizer(const std::string &chatTemplate) {
  std::ifstream stream(getDataFolder() + "tok512.bin", std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(stream), {});
  TokenizerModel model;
  model.kind = TokenizerKind::SentencePieceBpe;
  model.spacePrefix = SpacePrefix::EveryPart;
  model.replacesSpaces = model.stripsLeadingSpace = true;
  model.hasByteFallback = model.mergesByScore = model.addsBos = true;
  model.unknownId = 0;
  model.bosId = 1;
  model.eosId = 2;
  model.endOfGenerationIds = {2};
  model.chatTemplate = chatTemplate;
  for (size_t place = 4; place + 8 <= bytes.size();) {
    float score = 0;
    int32_t length = 0;
    memcpy(&score, bytes.data() + place, 4);
    memcpy(&length, bytes.data() + place + 4, 4);
    std::string text = bytes.substr(place + 8, static_cast<size_t>(length));
    place += 8 + static_cast<size_t>(length);
    auto id = static_cast<int32_t>(model.tokens.size());
    TokenType type = TokenType::Normal;
    if (id == 0) {
      text = "<unk>";
      type = TokenType::Unknown;
    } else if (id <= 2) {
      text = id == 1 ? "<s>" : "</s>";
      type = TokenType::Control;
      AddedToken added;
      added.id = id;
      added.isSpecial = true;
      model.addedTokens.push_back(added);
    } else if (id < 259) {
      type = TokenType::Byte;
    } else {
      for (size_t at = text.find(' '); at != text.npos; at = text.find(' ', at))
        text.replace(at, 1, "\xe2\x96\x81");
    }
    model.tokens.push_back(text);
    model.types.push_back(type);
    model.scores.push_back(score);
  }
  return serialize(model);
}

} // namespace lamina::test
