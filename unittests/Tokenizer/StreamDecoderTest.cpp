//===- StreamDecoderTest.cpp - Tests of StreamDecoder.h -------------------===//

#include "tokenizer/StreamDecoder.h"

#include "TestTokenizers.h"
#include "tokenizer/Utf8.h"

#include <gmock/gmock.h>

using namespace lamina;
using ::testing::ElementsAre;

namespace {

std::vector<std::string> stream(const Tokenizer &tokenizer, const Ids &ids,
                                const DecodeOptions &options = {}) {
  StreamDecoder decoder(tokenizer, options);
  std::vector<std::string> pieces;
  for (int32_t id : ids) {
    pieces.push_back(decoder.push(id));
    EXPECT_TRUE(isValidUtf8(pieces.back()));
  }
  pieces.push_back(decoder.flush());
  return pieces;
}

/// The byte token of stories260K.
int32_t byteToken(unsigned char byte) { return 3 + byte; }

TEST(StreamDecoder, HoldsBackIncompleteCharacters) {
  EXPECT_THAT(stream(stories(), {byteToken(0xE2), byteToken(0x82),
                                 byteToken(0xAC), byteToken('x')}),
              ElementsAre("", "", "\u20AC", "x", ""));
}

TEST(StreamDecoder, ReplacesWhatIsNoCharacter) {
  EXPECT_THAT(stream(stories(), {byteToken(0xFF), byteToken(0xE2),
                                 byteToken(0x82), byteToken('x')}),
              ElementsAre("\uFFFD", "", "", "\uFFFDx", ""));
  EXPECT_THAT(stream(stories(), {byteToken(0xF0), byteToken(0x9F)}),
              ElementsAre("", "", "\uFFFD"));
}

TEST(StreamDecoder, StripsTheSpaceInFrontOnlyAtTheStart) {
  Ids ids = stories().encode("the the");
  ASSERT_EQ(ids[0], stories().model().bosId);
  auto text = [&](const DecodeOptions &options) {
    std::string all;
    for (const std::string &piece : stream(stories(), ids, options))
      all += piece;
    return all;
  };
  EXPECT_EQ(text({}), "the the");
  EXPECT_EQ(text({true, /*isTextStart=*/false}), " the the");
  EXPECT_EQ(text({/*skipSpecial=*/false, true}), "<s> the the");
}

TEST(StreamDecoder, SkipsSpecialTokensAndForeignIds) {
  EXPECT_THAT(stream(smollm2(), {1, 81, 2, -1, 1 << 30}),
              ElementsAre("", "a", "", "", "", ""));
  EXPECT_THAT(stream(smollm2(), {2}, {/*skipSpecial=*/false}),
              ElementsAre("<|im_end|>", ""));
}

// What is streamed is what decode gives, with U+FFFD for what is no UTF-8.
TEST(StreamDecoder, AgreesWithDecode) {
  uint32_t state = 1;
  for (int round = 0; round < 200; ++round) {
    Ids ids;
    for (int i = 0; i < 30; ++i) {
      state = state * 1664525 + 1013904223;
      ids.push_back(int32_t((state >> 8) % 49152));
    }
    std::string all;
    for (const std::string &piece : stream(smollm2(), ids))
      all += piece;
    EXPECT_EQ(all, replaceInvalidUtf8(smollm2().decode(ids)));
  }
}

} // namespace
