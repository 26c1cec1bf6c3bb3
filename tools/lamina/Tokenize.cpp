//===- Tokenize.cpp - lamina tokenize -------------------------------------===//

#include "Commands.h"
#include "Options.h"
#include "lamina/Import/TokenizerFiles.h"
#include "tokenizer/Tokenizer.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

using namespace lamina;
using llvm::StringRef;

namespace {

/// Reads the tokenizer of a model, which needs no weights.
std::optional<Tokenizer> openTokenizer(const std::string &path,
                                       InputErrors &errors) {
  std::optional<TokenizerModel> model;
  if (llvm::sys::fs::is_directory(path)) {
    model = readTokenizerDirectory(path, errors);
  } else if (StringRef(llvm::sys::path::filename(path)).ends_with(".json")) {
    StringRef folder = llvm::sys::path::parent_path(path);
    model = readTokenizerDirectory(folder.empty() ? "." : folder.str(), errors);
  } else if (std::optional<GgufFile> file = readGguf(path, errors)) {
    model = readGgufTokenizer(*file, errors);
  }
  if (!model)
    return std::nullopt;
  std::string reason;
  std::optional<Tokenizer> tokenizer =
      Tokenizer::create(std::move(*model), &reason);
  if (!tokenizer)
    errors.report({ExitCode::Malformed, path, "", "tokenizer", reason, "", ""});
  return tokenizer;
}

/// Reads a file, or standard input for `-`, of at most kMaxTextBytes: a device
/// may have no end. Prints what is wrong and returns the exit code.
int readFile(const std::string &path, std::string &text) {
  std::string name = path == "-" ? "standard input" : path;
  llvm::Expected<llvm::sys::fs::file_t> file =
      path == "-" ? llvm::Expected<llvm::sys::fs::file_t>(
                        llvm::sys::fs::getStdinHandle())
                  : llvm::sys::fs::openNativeFileForRead(path);
  if (!file)
    return fail(ExitCode::InputOutput,
                name + ": " + llvm::toString(file.takeError()));
  std::vector<char> buffer(1 << 16);
  while (true) {
    llvm::Expected<size_t> count = llvm::sys::fs::readNativeFile(*file, buffer);
    if (!count)
      return fail(ExitCode::InputOutput,
                  name + ": " + llvm::toString(count.takeError()));
    if (*count == 0)
      return 0;
    text.append(buffer.data(), *count);
    if (text.size() > kMaxTextBytes)
      return fail(ExitCode::Limit, name + ": text: more than " +
                                       std::to_string(kMaxTextBytes) +
                                       " bytes, expected a shorter one");
  }
}

/// Sets the text: the operand, the file of `-f`, or standard input. Prints what
/// is wrong and returns the exit code.
int readText(const CommandLine &line, std::string &text) {
  std::string file = line.options.getLastArgValue(OPT_f).str();
  if (file.empty() && line.options.hasArg(OPT_f))
    return failUsage(line.command, "-f: \"\", expected a file");
  if (line.operands.size() == 2) {
    text = line.operands[1];
    return file.empty() ? 0
                        : failUsage(line.command, "-f: given beside a text, "
                                                  "expected one of the two");
  }
  if (file.empty() && llvm::sys::Process::StandardInIsUserInput())
    return failUsage(line.command,
                     "no text, expected one, or -f FILE, or a pipe");
  return readFile(file.empty() ? "-" : file, text);
}

int encode(const CommandLine &line, const Tokenizer &tokenizer,
           const std::string &text, std::vector<int32_t> &ids) {
  EncodeOptions options;
  options.parseSpecial = line.options.hasArg(OPT_parse_special);
  uint64_t dropped = 0;
  ids = tokenizer.encode(text, options, &dropped);
  if (dropped == 0)
    return 0;
  return fail(ExitCode::CheckFailed,
              "text: " + std::to_string(dropped) +
                  " bytes are in no token of the vocabulary");
}

/// Reads the ids that `--decode` is given. Prints what is wrong.
bool parseIds(const CommandLine &line, const Tokenizer &tokenizer,
              StringRef text, std::vector<int32_t> &ids) {
  llvm::SmallVector<StringRef> words;
  llvm::SplitString(text, words, " \t\r\n,[]");
  for (StringRef word : words) {
    std::optional<int64_t> id = parseInteger(
        line, "id", word, 0, int64_t(tokenizer.model().tokens.size()) - 1);
    if (!id)
      return false;
    ids.push_back(int32_t(*id));
  }
  return true;
}

/// The bytes that the ids stand for, and on a terminal the end of the line.
std::string formatDecoded(const Tokenizer &tokenizer,
                          const std::vector<int32_t> &ids) {
  DecodeOptions options;
  options.skipSpecial = false;
  return tokenizer.decode(ids, options) +
         (llvm::sys::Process::StandardOutIsDisplayed() ? "\n" : "");
}

std::string formatIds(const std::vector<int32_t> &ids) {
  std::string text;
  for (int32_t id : ids)
    text += (text.empty() ? "" : " ") + std::to_string(id);
  return text + "\n";
}

std::string formatPieces(const Tokenizer &tokenizer,
                         const std::vector<int32_t> &ids) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  for (int32_t id : ids)
    stream << id << '\t' << quoted(tokenizer.tokenText(id), SIZE_MAX) << '\n';
  return text;
}

std::string formatJson(const Tokenizer &tokenizer,
                       const std::vector<int32_t> &ids) {
  llvm::json::Array numbers, pieces;
  for (int32_t id : ids) {
    numbers.push_back(id);
    std::string_view piece = tokenizer.tokenText(id);
    pieces.push_back(llvm::json::fixUTF8({piece.data(), piece.size()}));
  }
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << llvm::json::Value(llvm::json::Object{{"ids", std::move(numbers)},
                                                 {"pieces", std::move(pieces)}})
         << '\n';
  return text;
}

} // namespace

int lamina::runTokenize(const std::vector<std::string> &arguments) {
  std::optional<CommandLine> line = parseCommandLine("tokenize", arguments);
  if (!line)
    return int(ExitCode::Usage);
  if (line->operands.empty() || line->operands.size() > 2)
    return failUsage(line->command,
                     line->operands.empty()
                         ? "no model, expected a folder or a GGUF file"
                         : "more than one text, expected one argument");
  InputErrors errors;
  std::optional<Tokenizer> tokenizer =
      openTokenizer(line->operands.front(), errors);
  if (!tokenizer)
    return fail(errors);
  std::string text;
  if (int code = readText(*line, text))
    return code;
  std::vector<int32_t> ids;
  bool isDecoding = line->options.hasArg(OPT_decode);
  if (isDecoding) {
    if (!parseIds(*line, *tokenizer, text, ids))
      return int(ExitCode::Usage);
  } else if (int code = encode(*line, *tokenizer, text, ids)) {
    return code;
  }
  if (line->options.hasArg(OPT_json))
    return printAnswer(formatJson(*tokenizer, ids));
  if (line->options.hasArg(OPT_pieces))
    return printAnswer(formatPieces(*tokenizer, ids));
  return printAnswer(isDecoding ? formatDecoded(*tokenizer, ids)
                                : formatIds(ids));
}
