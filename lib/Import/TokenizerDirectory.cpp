//===- TokenizerDirectory.cpp - Tokenizer of a model directory ------------===//

#include "TokenizerJson.h"
#include "lamina/Import/TokenizerFiles.h"
#include "lamina/Support/InputFile.h"

#include <algorithm>
#include <set>
#include <sys/stat.h>

using namespace lamina;
using json::Kind;
using json::Value;

namespace {

constexpr uint64_t kMaxTokenizerBytes = uint64_t(1) << 28;
constexpr uint64_t kMaxConfigBytes = uint64_t(1) << 24;
constexpr uint64_t kMaxTemplateBytes = uint64_t(1) << 20;

bool exists(const std::string &path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0;
}

/// Reads the files that stand beside tokenizer.json.
class ConfigReader {
public:
  ConfigReader(const std::string &directory, TokenizerModel &model,
               InputErrors &errors)
      : directory(directory), model(model), errors(errors) {}

  void run(bool hasTemplate);

private:
  std::optional<json::Document> open(const char *name);
  void readModelConfig(const char *name);
  int32_t readToken(TokenizerJson &json, std::string_view key);
  void readId(const Value &value, const std::string &pointer,
              FileErrors &fileErrors, std::vector<int32_t> &ids);
  std::vector<int32_t> readIds(const Value &root, std::string_view key,
                               FileErrors &fileErrors);
  void chooseBosRule(TokenizerJson &json);
  void readChatTemplate(TokenizerJson &json);
  void readTemplateFile();

  const std::string &directory;
  TokenizerModel &model;
  InputErrors &errors;
  std::set<int32_t> ends;
};

std::optional<json::Document> ConfigReader::open(const char *name) {
  std::string path = directory + "/" + name;
  if (!exists(path))
    return std::nullopt;
  std::optional<json::Document> document =
      json::parseFile(path, kMaxConfigBytes, errors);
  if (document && document->root().kind() != Kind::Object) {
    errors.report({ExitCode::Malformed, path, "", "JSON",
                   document->root().describe(), "an object", ""});
    return std::nullopt;
  }
  return document;
}

/// The id of a special token that is given as a string or as an object with
/// its `content`; -1 where there is none.
int32_t ConfigReader::readToken(TokenizerJson &json, std::string_view key) {
  const Value *value = json.root.find(key);
  if (value && value->kind() == Kind::Object)
    value = value->find("content");
  if (!value || value->isNull())
    return -1;
  std::string pointer = jsonPointer("", key);
  if (value->kind() != Kind::String) {
    json.malformed(pointer, *value, "a token's text");
    return -1;
  }
  auto found =
      std::find(model.tokens.begin(), model.tokens.end(), value->text());
  if (found != model.tokens.end())
    return int32_t(found - model.tokens.begin());
  json.malformed(pointer, *value, "a token of tokenizer.json");
  return -1;
}

void ConfigReader::chooseBosRule(TokenizerJson &json) {
  const Value *adds = json.root.find("add_bos_token");
  std::string_view type = json.text(json.root, "", "tokenizer_class");
  if (adds && !adds->isNull()) {
    model.addsBos = json.flag(json.root, "", "add_bos_token", false);
    model.bosRule = "add_bos_token of tokenizer_config.json";
    if (model.addsBos && model.bosId < 0)
      json.malformed("/add_bos_token", *adds, "false, as there is no BOS");
  } else if (type == "LlamaTokenizer" || type == "LlamaTokenizerFast") {
    model.addsBos = model.bosId >= 0;
    model.bosRule = "tokenizer_class of tokenizer_config.json";
  }
}

void ConfigReader::readChatTemplate(TokenizerJson &json) {
  const Value *value = json.root.find("chat_template");
  if (!value || value->isNull())
    return;
  if (value->kind() == Kind::String) {
    model.chatTemplate = value->text();
    return;
  }
  if (value->kind() != Kind::Array)
    return json.malformed("/chat_template", *value,
                          "a string, or a list of named templates");
  size_t index = 0;
  for (const Value &entry : *value) {
    std::string pointer = jsonPointer("/chat_template", index++);
    if (entry.kind() != Kind::Object)
      json.malformed(pointer, entry, "an object");
    else if (json.text(entry, pointer, "name") == "default")
      model.chatTemplate = json.text(entry, pointer, "template");
  }
}

void ConfigReader::readId(const Value &value, const std::string &pointer,
                          FileErrors &fileErrors, std::vector<int32_t> &ids) {
  std::optional<int64_t> id = value.int64();
  if (id && *id >= 0 && size_t(*id) < model.tokens.size())
    ids.push_back(int32_t(*id));
  else
    fileErrors.malformed(pointer, "tokenizer", value.describe(),
                         "an id from 0 to " +
                             std::to_string(model.tokens.size() - 1));
}

/// The ids of a member that is an id, a list of ids, or null.
std::vector<int32_t> ConfigReader::readIds(const Value &root,
                                           std::string_view key,
                                           FileErrors &fileErrors) {
  std::vector<int32_t> ids;
  const Value *value = root.find(key);
  if (!value || value->isNull())
    return ids;
  std::string pointer = jsonPointer("", key);
  if (value->kind() != Kind::Array) {
    readId(*value, pointer, fileErrors, ids);
    return ids;
  }
  size_t index = 0;
  for (const Value &entry : *value)
    readId(entry, jsonPointer(pointer, index++), fileErrors, ids);
  return ids;
}

void ConfigReader::readModelConfig(const char *name) {
  std::optional<json::Document> document = open(name);
  if (!document)
    return;
  FileErrors fileErrors(document->file(), errors);
  std::vector<int32_t> bos =
      readIds(document->root(), "bos_token_id", fileErrors);
  std::vector<int32_t> eos =
      readIds(document->root(), "eos_token_id", fileErrors);
  fileErrors.finish();
  if (model.bosId < 0 && !bos.empty())
    model.bosId = bos[0];
  if (model.eosId < 0 && !eos.empty())
    model.eosId = eos[0];
  ends.insert(eos.begin(), eos.end());
}

void ConfigReader::readTemplateFile() {
  std::string path = directory + "/chat_template.jinja";
  if (!exists(path))
    return;
  std::optional<InputFile> file = InputFile::open(path, errors);
  if (!file)
    return;
  if (file->size() > kMaxTemplateBytes)
    return errors.report({ExitCode::Limit, path, "", "file",
                          std::to_string(file->size()) + " bytes",
                          "at most " + std::to_string(kMaxTemplateBytes), ""});
  std::string text(size_t(file->size()), '\0');
  if (file->read(0, text.data(), text.size(), errors))
    model.chatTemplate = std::move(text);
}

void ConfigReader::run(bool hasTemplate) {
  std::optional<json::Document> config = open("tokenizer_config.json");
  if (config) {
    FileErrors fileErrors(config->file(), errors);
    TokenizerJson json{config->root(), fileErrors, model, {}};
    int32_t bos = readToken(json, "bos_token");
    int32_t eos = readToken(json, "eos_token");
    model.bosId = hasTemplate && model.addsBos ? model.bosId : bos;
    model.eosId = hasTemplate && model.addsEos ? model.eosId : eos;
    if (eos >= 0)
      ends.insert(eos);
    readChatTemplate(json);
    fileErrors.finish();
  }
  readModelConfig("generation_config.json");
  readModelConfig("config.json");
  if (hasTemplate) {
    model.bosRule = "post_processor of tokenizer.json";
  } else if (config) {
    FileErrors fileErrors(config->file(), errors);
    TokenizerJson json{config->root(), fileErrors, model, {}};
    chooseBosRule(json);
    model.addsEos = json.flag(config->root(), "", "add_eos_token", false) &&
                    model.eosId >= 0;
    fileErrors.finish();
  }
  if (model.bosRule.empty() && model.bosId >= 0) {
    model.addsBos = model.preTokenizer == PreTokenizerKind::Llama3;
    model.bosRule = "the kind of pre-tokenizer";
  }
  readTemplateFile();
  model.endOfGenerationIds.assign(ends.begin(), ends.end());
}

} // namespace

std::optional<TokenizerModel>
lamina::readTokenizerDirectory(const std::string &directory,
                               InputErrors &errors) {
  size_t errorsBefore = errors.size();
  std::string path = directory + "/tokenizer.json";
  std::optional<json::Document> document =
      json::parseFile(path, kMaxTokenizerBytes, errors);
  if (!document)
    return std::nullopt;
  TokenizerModel model;
  FileErrors fileErrors(document->file(), errors);
  TokenizerJson json{document->root(), fileErrors, model, {}};
  if (document->root().kind() != Kind::Object) {
    json.malformed("", document->root(), "an object");
    return std::nullopt;
  }
  readVocabulary(json);
  readStages(json);
  bool hasTemplate = readPostProcessor(json);
  if (fileErrors.finish())
    ConfigReader(directory, model, errors).run(hasTemplate);
  if (errors.size() != errorsBefore)
    return std::nullopt;
  if (std::optional<std::string> reason = findModelError(model)) {
    errors.report(
        {ExitCode::Malformed, path, "", "tokenizer", *reason, "", ""});
    return std::nullopt;
  }
  return model;
}
