//===- StoredPromptsTest.cpp - Prompts equal to those of jinja2 -----------===//
//
// The prompts were rendered by jinja2, set up as in transformers, by
// utils/compare-chat-templates.py.
//
//===----------------------------------------------------------------------===//

#include "Rendering.h"

#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

#include <gtest/gtest.h>

using namespace lamina;

static std::string readData(const std::string &name) {
  auto buffer =
      llvm::MemoryBuffer::getFile(LAMINA_TEST_DATA "/" + name, false, false);
  EXPECT_TRUE(bool(buffer)) << name;
  return buffer ? (*buffer)->getBuffer().str() : std::string();
}

static llvm::json::Value readJson(const std::string &name) {
  auto value = llvm::json::parse(readData(name));
  if (value)
    return std::move(*value);
  ADD_FAILURE() << name << ": " << llvm::toString(value.takeError());
  return nullptr;
}

static std::string getText(const llvm::json::Object &object,
                           llvm::StringRef key) {
  return object.getString(key).value_or("").str();
}

static ChatTemplateInputs readInputs(const llvm::json::Object &conversation) {
  ChatTemplateInputs inputs;
  inputs.bosToken = getText(conversation, "bos_token");
  inputs.eosToken = getText(conversation, "eos_token");
  inputs.date = getText(conversation, "date");
  inputs.addGenerationPrompt =
      conversation.getBoolean("add_generation_prompt").value_or(true);
  for (const llvm::json::Value &message : *conversation.getArray("messages"))
    inputs.messages.push_back({getText(*message.getAsObject(), "role"),
                               getText(*message.getAsObject(), "content")});
  return inputs;
}

/// A stored null is a template that fails in jinja2.
static void expectPrompt(const llvm::json::Value &expected,
                         const Rendering &rendering, const std::string &name) {
  std::optional<llvm::StringRef> prompt = expected.getAsString();
  if (!prompt) {
    EXPECT_FALSE(rendering.segments) << name << ": " << rendering.text();
    return;
  }
  EXPECT_EQ(rendering.text(), prompt->str())
      << name << ": line " << rendering.error.line << ": "
      << rendering.error.message;
}

TEST(StoredPrompts, OfTemplates) {
  llvm::json::Value conversations =
      readJson("chat-templates/conversations.json");
  llvm::json::Value expected = readJson("chat-templates/expected.json");
  ASSERT_TRUE(conversations.getAsArray() && expected.getAsObject());
  size_t prompts = 0;
  for (const auto &[name, stored] : *expected.getAsObject()) {
    std::string source =
        readData("chat-templates/" + llvm::StringRef(name).str() + ".jinja");
    for (const llvm::json::Value &value : *conversations.getAsArray()) {
      const llvm::json::Object &conversation = *value.getAsObject();
      std::string what = getText(conversation, "name");
      const llvm::json::Value *prompt = stored.getAsObject()->get(what);
      ASSERT_TRUE(prompt) << what;
      expectPrompt(*prompt, render(source, readInputs(conversation)),
                   llvm::StringRef(name).str() + ": " + what);
      ++prompts;
    }
  }
  EXPECT_GE(prompts, 40u);
}

TEST(StoredPrompts, OfSnippets) {
  llvm::json::Value conversations =
      readJson("chat-templates/conversations.json");
  llvm::json::Value snippets = readJson("chat-templates/snippets.json");
  ASSERT_TRUE(conversations.getAsArray() && snippets.getAsArray());
  ChatTemplateInputs inputs =
      readInputs(*(*conversations.getAsArray())[1].getAsObject());
  EXPECT_GE(snippets.getAsArray()->size(), 150u);
  for (const llvm::json::Value &value : *snippets.getAsArray()) {
    const llvm::json::Object &snippet = *value.getAsObject();
    std::string source = getText(snippet, "template");
    expectPrompt(*snippet.get("expected"), render(source, inputs), source);
  }
}

// The template inside of the model file, and the prompt that the golden ids of
// the model were made from.
TEST(StoredPrompts, OfSmolLM2) {
  llvm::json::Value chat = readJson("smollm2/chat.json");
  ASSERT_TRUE(chat.getAsObject());
  Rendering rendering = render(readData("chat-templates/smollm2.jinja"),
                               readInputs(*chat.getAsObject()));
  EXPECT_EQ(rendering.text(), getText(*chat.getAsObject(), "prompt"));
  ASSERT_TRUE(rendering.segments);
  ASSERT_EQ(rendering.segments->size(), 3u);
  EXPECT_EQ((*rendering.segments)[1].text,
            "What is the capital of France, and which river flows through it?");
  EXPECT_TRUE((*rendering.segments)[1].fromUser);
}

// Whatever a prefix of a template is, it is refused or rendered.
TEST(StoredPrompts, OfPrefixes) {
  llvm::json::Value expected = readJson("chat-templates/expected.json");
  llvm::json::Value conversations =
      readJson("chat-templates/conversations.json");
  ASSERT_TRUE(expected.getAsObject() && conversations.getAsArray());
  ChatTemplateInputs inputs =
      readInputs(*(*conversations.getAsArray())[1].getAsObject());
  for (const auto &[name, stored] : *expected.getAsObject()) {
    std::string source =
        readData("chat-templates/" + llvm::StringRef(name).str() + ".jinja");
    size_t rendered = 0;
    for (size_t size = 0; size < source.size(); ++size) {
      Rendering rendering = render(source.substr(0, size), inputs);
      rendered += rendering.segments.has_value();
      EXPECT_NE(rendering.segments.has_value(),
                !rendering.error.message.empty())
          << source.substr(0, size);
    }
    EXPECT_GE(rendered, 1u) << "the empty prefix renders";
    EXPECT_LT(rendered, source.size());
  }
}
