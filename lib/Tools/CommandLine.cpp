//===- CommandLine.cpp - LLVM's command line in this project's form -------===//

#include "lamina/Tools/CommandLine.h"

#include "lamina/Support/OutputFile.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

#include <sys/mman.h>
#include <unistd.h>

using namespace lamina;
using llvm::StringRef;
namespace cl = llvm::cl;

/// Returns all that was written to `descriptor`.
static std::string readAll(int descriptor) {
  std::string text;
  char chunk[4096];
  lseek(descriptor, 0, SEEK_SET);
  for (ssize_t count; (count = read(descriptor, chunk, sizeof(chunk))) > 0;)
    text.append(chunk, size_t(count));
  return text;
}

std::string lamina::captureStandardError(llvm::function_ref<void()> action) {
  int saved = dup(STDERR_FILENO);
  int file = memfd_create("standard error", MFD_CLOEXEC);
  if (saved < 0 || file < 0) {
    // Without a place to capture to, it is printed as it is.
    action();
    close(saved);
    close(file);
    return {};
  }
  dup2(file, STDERR_FILENO);
  action();
  dup2(saved, STDERR_FILENO);
  std::string text = readAll(file);
  close(saved);
  close(file);
  return text;
}

static std::string inQuotes(StringRef text) {
  return quoted(std::string_view(text.data(), text.size()));
}

/// Turns what an option says of its value into `<found>, expected <what>`.
static std::string describeValue(StringRef said) {
  StringRef rest = said;
  if (said == "requires a value!")
    return "no value, expected one";
  if (rest.consume_front("Cannot find option named '")) {
    rest.consume_back("'!");
    return inQuotes(rest) + ", expected one of the values that --help lists";
  }
  size_t end = said.rfind('\'');
  if (!rest.consume_front("'") || end == 0 || end == StringRef::npos)
    return said.rtrim("!.").str();
  StringRef value = said.slice(1, end);
  rest = said.drop_front(end + 1);
  size_t expected = rest.find("expected ");
  if (expected != StringRef::npos)
    return inQuotes(value) + ", " + rest.drop_front(expected).str();
  if (rest.contains("boolean"))
    return inQuotes(value) + ", expected true or false";
  if (rest.contains("invalid"))
    return inQuotes(value) + ", expected a number";
  return inQuotes(value) + ":" + rest.rtrim("!.").str();
}

static std::string describeUnknownOption(StringRef name) {
  return name.str() + ": unknown option, expected one that --help lists";
}

/// Describes one line of LLVM's; empty if it says nothing.
static std::string describeLine(StringRef line, StringRef prefix) {
  // The name of the program, or the place in a text that is the user's option.
  if (size_t at = line.find("for the -"); at != StringRef::npos) {
    auto [name, said] = line.drop_front(at + 8).split(" option: ");
    name = name.ltrim('-');
    StringRef before = prefix == "--" && name.size() == 1 ? "-" : prefix;
    return (before + name + ": " + describeValue(said)).str();
  }
  if (size_t at = line.find("Unknown command line argument '");
      at != StringRef::npos) {
    StringRef name = line.drop_front(at).split('\'').second.split("'.  ").first;
    return describeUnknownOption(name);
  }
  if (line.contains("Too many positional arguments"))
    return "arguments: more than one file, expected one";
  if (size_t at = line.find("no such option "); at != StringRef::npos)
    return (prefix + line.drop_front(at + 15) +
            ": unknown, expected one that --help lists")
        .str();
  size_t at = line.find(": error: ");
  return (at == StringRef::npos ? line : line.drop_front(at + 9)).str();
}

std::string lamina::describeUsageError(StringRef said, StringRef prefix) {
  llvm::SmallVector<StringRef> lines;
  said.split(lines, '\n', -1, /*KeepEmpty=*/false);
  std::string error, help;
  for (StringRef line : lines) {
    if (size_t at = line.find("Did you mean "); at != StringRef::npos)
      help = "\nhelp: did you mean " + line.drop_front(at + 13).str();
    else if (error.empty())
      error = describeLine(line.trim(), prefix);
  }
  return (error.empty() ? "command line: not valid" : error) + help;
}

int lamina::failUsage(StringRef message, StringRef usage) {
  llvm::errs() << "error: " << message << '\n';
  if (!message.contains("\nhelp: "))
    llvm::errs() << "help: " << usage << '\n';
  return int(ExitCode::Usage);
}

bool lamina::parseCommandLine(int argc, char **argv, StringRef overview,
                              StringRef usage) {
  std::string message;
  llvm::raw_string_ostream messages(message);
  bool isParsed = false;
  std::string printed = captureStandardError([&] {
    isParsed = cl::ParseCommandLineOptions(argc, argv, overview, &messages);
  });
  if (isParsed) {
    llvm::errs() << printed;
    return true;
  }
  failUsage(describeUsageError(printed + message), usage);
  return false;
}

/// Whether the option, without its dashes, is one that LLVM or MLIR knows.
static bool isRegistered(StringRef name) {
  return cl::getRegisteredOptions().contains(name) ||
         mlir::PassInfo::lookup(name) || mlir::PassPipelineInfo::lookup(name);
}

ForeignCommandLine
lamina::readForeignCommandLine(llvm::ArrayRef<char *> arguments,
                               llvm::ArrayRef<StringRef> flags,
                               llvm::ArrayRef<StringRef> values) {
  ForeignCommandLine line;
  for (size_t i = 1; i < arguments.size(); ++i) {
    StringRef argument = arguments[i];
    if (argument == "-" || !argument.starts_with("-")) {
      line.files.push_back(argument.str());
      continue;
    }
    auto [name, value] = argument.ltrim('-').split('=');
    bool hasValue = argument.contains('=');
    line.isHelp |= name == "help" || name == "h";
    line.isVersion |= name == "version";
    if (llvm::is_contained(values, name)) {
      i += !hasValue;
      if (i == arguments.size() && line.error.empty())
        line.error = argument.str() + ": no value, expected one";
    } else if (!llvm::is_contained(flags, name) && !isRegistered(name) &&
               line.error.empty()) {
      line.error = describeUnknownOption(argument.split('=').first);
    }
  }
  return line;
}

int lamina::printAnswer(StringRef text) {
  InputErrors errors;
  if (writeOutput("-", std::string_view(text.data(), text.size()), errors))
    return 0;
  llvm::errs() << errors.toString();
  return int(errors.exitCode());
}

void lamina::hideOptionsDefinedSoFar() {
  for (auto &entry : cl::getRegisteredOptions()) {
    auto isOwn = [](const cl::OptionCategory *category) {
      return category->getName() == "Generic Options" ||
             category->getName() == "Color Options";
    };
    cl::Option *option = entry.second;
    if (llvm::none_of(option->Categories, isOwn) &&
        option->getOptionHiddenFlag() == cl::NotHidden)
      option->setHiddenFlag(cl::Hidden);
  }
}

std::string lamina::getVersionLine(StringRef tool) {
  return (tool + " " LAMINA_VERSION " (LLVM " LLVM_VERSION_STRING ")\n").str();
}

void lamina::setVersion(StringRef tool) {
  cl::SetVersionPrinter(
      [line = getVersionLine(tool)](llvm::raw_ostream &os) { os << line; });
}
