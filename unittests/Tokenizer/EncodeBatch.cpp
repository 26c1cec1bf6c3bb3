//===- EncodeBatch.cpp - Many strings to ids, for comparisons -------------===//
//
// lamina-encode-batch MODEL [--parse-special]
//
// MODEL is a directory with tokenizer.json, or a GGUF file. Standard input is a
// sequence of strings, each a length (32 bits, little endian) and its bytes.
// Prints for each the ids, a tab, and the bytes they decode to in hexadecimal.
//
//===----------------------------------------------------------------------===//

#include "lamina/Import/TokenizerFiles.h"
#include "tokenizer/Tokenizer.h"

#include <cstdio>
#include <cstring>

using namespace lamina;

static std::optional<TokenizerModel> readModel(const std::string &path,
                                               InputErrors &errors) {
  constexpr std::string_view suffix = ".gguf";
  bool isGguf = path.size() > suffix.size() &&
                path.substr(path.size() - suffix.size()) == suffix;
  if (!isGguf)
    return readTokenizerDirectory(path, errors);
  std::optional<GgufFile> file = readGguf(path, errors);
  if (!file)
    return std::nullopt;
  return readGgufTokenizer(*file, errors);
}

/// Reads the next string; false at the end of the input.
static bool readText(std::string &text) {
  unsigned char size[4];
  if (std::fread(size, 1, sizeof(size), stdin) != sizeof(size))
    return false;
  text.resize(size[0] | (size[1] << 8) | (size[2] << 16) |
              (size_t(size[3]) << 24));
  return std::fread(text.data(), 1, text.size(), stdin) == text.size();
}

int main(int argc, char **argv) {
  if (argc < 2) {
    std::fputs("usage: lamina-encode-batch MODEL [--parse-special]\n", stderr);
    return int(ExitCode::Usage);
  }
  EncodeOptions options;
  options.parseSpecial = argc > 2 && !std::strcmp(argv[2], "--parse-special");

  InputErrors errors;
  std::optional<TokenizerModel> model = readModel(argv[1], errors);
  if (!model) {
    std::fputs(errors.toString().c_str(), stderr);
    return int(errors.exitCode());
  }
  std::string reason;
  std::optional<Tokenizer> tokenizer =
      Tokenizer::create(std::move(*model), &reason);
  if (!tokenizer) {
    std::fprintf(stderr, "error: %s\n", reason.c_str());
    return int(ExitCode::InternalError);
  }

  std::string text;
  while (readText(text)) {
    std::vector<int32_t> ids = tokenizer->encode(text, options);
    for (size_t i = 0; i < ids.size(); ++i)
      std::printf(i ? " %d" : "%d", ids[i]);
    std::putchar('\t');
    for (unsigned char byte : tokenizer->decode(ids, {/*skipSpecial=*/false}))
      std::printf("%02x", byte);
    std::putchar('\n');
  }
  return 0;
}
