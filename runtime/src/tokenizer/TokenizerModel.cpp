//===- TokenizerModel.cpp - What a tokenizer is made of -------------------===//

#include "tokenizer/TokenizerModel.h"

#include <cmath>

using namespace lamina;

namespace {

/// Checks one model; keeps the first complaint.
class ModelCheck {
public:
  explicit ModelCheck(const TokenizerModel &model)
      : model(model), count(int64_t(model.tokens.size())) {}

  std::optional<std::string> run() {
    checkArrays();
    checkTokenLists();
    checkNamed("bos", model.bosId, model.addsBos);
    checkNamed("eos", model.eosId, model.addsEos);
    checkNamed("unknown", model.unknownId, false);
    checkNamed("padding", model.padId, false);
    return error;
  }

private:
  void fail(std::string text) {
    if (!error)
      error = std::move(text);
  }
  std::string range() const {
    return ", expected an id from 0 to " + std::to_string(count - 1);
  }
  bool isToken(int32_t id) const { return id >= 0 && id < count; }

  void checkArrays() {
    if (count == 0 || count > kMaxTokens)
      fail("tokens: " + std::to_string(count) + ", expected 1 to " +
           std::to_string(kMaxTokens));
    if (int64_t(model.types.size()) != count)
      fail("token types: " + std::to_string(model.types.size()) +
           ", expected " + std::to_string(count));
    for (TokenType type : model.types)
      if (type < TokenType::Normal || type > TokenType::Byte)
        fail("token types: " + std::to_string(int(type)) + ", expected 1 to 6");
    if (int64_t(model.scores.size()) != (model.mergesByScore ? count : 0))
      fail("scores: " + std::to_string(model.scores.size()) + ", expected " +
           std::to_string(count) + " or none");
    for (float score : model.scores)
      if (!std::isfinite(score))
        fail("scores: not a finite number");
  }

  void checkTokenLists() {
    for (size_t i = 0; i < model.merges.size(); ++i) {
      const TokenMerge &merge = model.merges[i];
      if (!isToken(merge.left) || !isToken(merge.right) ||
          !isToken(merge.result))
        fail("merge " + std::to_string(i) + ": an id outside the vocabulary" +
             range());
    }
    int32_t previous = -1;
    for (const AddedToken &token : model.addedTokens) {
      if (!isToken(token.id) || token.id <= previous)
        fail("added token " + std::to_string(token.id) +
             ": out of range or out of order" + range());
      else if (size_t size = model.tokens[size_t(token.id)].size();
               size == 0 || size > kMaxAddedTokenBytes)
        fail("added token " + std::to_string(token.id) + ": " +
             std::to_string(size) + " bytes, expected 1 to " +
             std::to_string(kMaxAddedTokenBytes));
      previous = token.id;
    }
    previous = -1;
    for (int32_t id : model.endOfGenerationIds) {
      if (!isToken(id) || id <= previous)
        fail("end-of-generation id " + std::to_string(id) +
             ": out of range or out of order" + range());
      previous = id;
    }
  }

  void checkNamed(const char *name, int32_t id, bool isNeeded) {
    if (id == -1 && isNeeded)
      fail(std::string(name) + " id: none, and it is to be added" + range());
    if (id != -1 && !isToken(id))
      fail(std::string(name) + " id: " + std::to_string(id) + range());
  }

  const TokenizerModel &model;
  int64_t count;
  std::optional<std::string> error;
};

} // namespace

std::optional<std::string> lamina::findModelError(const TokenizerModel &model) {
  return ModelCheck(model).run();
}
