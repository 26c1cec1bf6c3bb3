//===- Options.cpp - The command line of lamina ---------------------------===//

#include "Options.h"

#include "lamina/Support/OutputFile.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/Option/Option.h"
#include "llvm/Support/raw_ostream.h"

using namespace lamina;
using namespace llvm;
using namespace llvm::opt;

#define OPTTABLE_STR_TABLE_CODE
#include "Options.inc"
#undef OPTTABLE_STR_TABLE_CODE

#define OPTTABLE_PREFIXES_TABLE_CODE
#include "Options.inc"
#undef OPTTABLE_PREFIXES_TABLE_CODE

#define OPTTABLE_SUBCOMMAND_IDS_TABLE_CODE
#include "Options.inc"
#undef OPTTABLE_SUBCOMMAND_IDS_TABLE_CODE

#define OPTTABLE_SUBCOMMANDS_CODE
#include "Options.inc"
#undef OPTTABLE_SUBCOMMANDS_CODE

static constexpr OptTable::Info optionInfos[] = {
#define OPTION(...) LLVM_CONSTRUCT_OPT_INFO(__VA_ARGS__),
#include "Options.inc"
#undef OPTION
};

namespace {

class LaminaOptTable : public GenericOptTable {
public:
  LaminaOptTable()
      : GenericOptTable(OptionStrTable, OptionPrefixesTable, optionInfos,
                        /*IgnoreCase=*/false, OptionSubCommands,
                        OptionSubCommandIDsTable) {}
};

const OptTable::SubCommand *findCommand(StringRef name) {
  for (const OptTable::SubCommand &command : OptionSubCommands)
    if (name == command.Name)
      return &command;
  return nullptr;
}

/// Whether Options.td gives the option to the command.
bool belongsTo(unsigned id, StringRef command) {
  const OptTable::Info &info = optionInfos[id - 1];
  for (unsigned number : info.getSubCommandIDs(OptionSubCommandIDsTable))
    if (command == OptionSubCommands[number].Name)
      return true;
  return false;
}

/// The arguments that are neither options nor values of options, in order. An
/// empty one is an operand too, which OptTable passes over.
std::vector<std::string> listOperands(const InputArgList &options,
                                      ArrayRef<const char *> arguments) {
  SmallPtrSet<const char *, 4> inputs, values;
  for (const Arg *argument : options) {
    bool isInput = argument->getOption().getKind() == Option::InputClass;
    for (const char *value : argument->getValues())
      (isInput ? inputs : values).insert(value);
  }
  std::vector<std::string> operands;
  for (const char *argument : arguments)
    if (inputs.contains(argument) || (!*argument && !values.contains(argument)))
      operands.push_back(argument);
  return operands;
}

/// Returns whether `argument` may stand in a command line of `command`.
bool checkOption(StringRef command, const Arg &argument,
                 const InputArgList &options) {
  const Option &option = argument.getOption();
  if (option.getKind() == Option::UnknownClass) {
    std::string nearest;
    std::string message =
        argument.getSpelling().str() + ": no such option of lamina";
    if (getOptionTable().findNearest(argument.getSpelling(), nearest) <= 2)
      message += ", did you mean " + StringRef(nearest).rtrim('=').str() + "?";
    failUsage(command, message);
    return false;
  }
  if (!belongsTo(option.getUnaliasedOption().getID(), command)) {
    failUsage(command,
              getSpelling(argument) + ": no option of lamina " + command.str());
    return false;
  }
  size_t count = llvm::count_if(options, [&](const Arg *other) {
    return other->getOption().getUnaliasedOption().getID() ==
           option.getUnaliasedOption().getID();
  });
  if (count > 1) {
    failUsage(command, getSpelling(argument) + ": given " +
                           std::to_string(count) + " times, expected once");
    return false;
  }
  return true;
}

} // namespace

std::string lamina::getSpelling(const Arg &argument) {
  return StringRef(argument.getSpelling()).rtrim('=').str();
}

const OptTable &lamina::getOptionTable() {
  static const LaminaOptTable table;
  return table;
}

std::optional<CommandLine>
lamina::parseCommandLine(StringRef command,
                         const std::vector<std::string> &arguments) {
  // What is behind `--` is no option.
  auto end = llvm::find(arguments, "--");
  std::vector<const char *> pointers;
  for (auto it = arguments.begin(); it != end; ++it)
    pointers.push_back(it->c_str());
  unsigned missingIndex = 0, missingCount = 0;
  CommandLine line{
      command.str(),
      getOptionTable().ParseArgs(pointers, missingIndex, missingCount),
      {}};
  if (missingCount) {
    failUsage(command, arguments[missingIndex] + ": no value, expected one");
    return std::nullopt;
  }
  for (const Arg *argument : line.options)
    if (argument->getOption().getKind() != Option::InputClass &&
        !checkOption(command, *argument, line.options))
      return std::nullopt;
  line.operands = listOperands(line.options, pointers);
  if (end != arguments.end())
    line.operands.insert(line.operands.end(), end + 1, arguments.end());
  return line;
}

std::optional<int64_t> lamina::parseInteger(const CommandLine &line,
                                            StringRef option, StringRef value,
                                            int64_t min, int64_t max) {
  int64_t number = 0;
  if (!value.getAsInteger(10, number) && number >= min && number <= max)
    return number;
  failUsage(line.command, option.str() + ": " + quoted(value) +
                              ", expected an integer from " +
                              std::to_string(min) + " to " +
                              std::to_string(max));
  return std::nullopt;
}

bool lamina::isOptionOf(StringRef command, StringRef argument) {
  unsigned missingIndex = 0, missingCount = 0;
  std::string text = argument.str();
  const char *pointer = text.c_str();
  InputArgList options =
      getOptionTable().ParseArgs(pointer, missingIndex, missingCount);
  return llvm::any_of(options, [&](const Arg *parsed) {
    unsigned id = parsed->getOption().getUnaliasedOption().getID();
    Option::OptionClass kind = parsed->getOption().getKind();
    return kind != Option::InputClass && kind != Option::UnknownClass &&
           id != OPT_help && belongsTo(id, command);
  });
}

bool lamina::takesNextArgument(StringRef command, StringRef argument) {
  unsigned missingIndex = 0, missingCount = 0;
  std::string text = argument.str();
  const char *pointers[] = {text.c_str(), ""};
  InputArgList options =
      getOptionTable().ParseArgs(pointers, missingIndex, missingCount);
  return llvm::any_of(options, [&](const Arg *parsed) {
    const Arg *spelled = parsed->getAlias() ? parsed->getAlias() : parsed;
    return spelled->getOption().getKind() == Option::SeparateClass &&
           belongsTo(parsed->getOption().getUnaliasedOption().getID(), command);
  });
}

int lamina::fail(ExitCode code, StringRef message, StringRef help) {
  // A file's name may have control characters; an error is one line.
  errs() << "error: " << escaped({message.data(), message.size()}) << "\n";
  if (!help.empty())
    errs() << "help: " << help << "\n";
  return static_cast<int>(code);
}

int lamina::fail(const InputErrors &errors) {
  errs() << errors.toString();
  return static_cast<int>(errors.exitCode());
}

int lamina::failUsage(StringRef command, StringRef message) {
  const OptTable::SubCommand *found = findCommand(command);
  return fail(
      ExitCode::Usage, message,
      found ? (Twine(found->Usage) + ", or lamina " + command + " --help").str()
            : "lamina COMMAND MODEL [options], or lamina --help");
}

std::string lamina::getHelp() {
  std::string text = "lamina: makes native programs of Llama models\n\n"
                     "  lamina COMMAND MODEL [options]\n\n"
                     "MODEL is a folder in Hugging Face layout, a snapshot of "
                     "its cache, or a GGUF file.\n\nCommands:\n";
  for (const OptTable::SubCommand &command : OptionSubCommands)
    text += "  " + std::string(command.Name) +
            std::string(10 - StringRef(command.Name).size(), ' ') +
            command.HelpText + "\n";
  text += "\n  lamina COMMAND --help   the options of a command\n"
          "  lamina --version\n\n"
          "Exit codes: 0 done, 1 a bug of lamina, 2 usage, 3 malformed input, "
          "4 valid but\nunsupported, 5 I/O, 6 memory or a limit, 7 device, 8 a "
          "check failed.\n";
  return text;
}

std::string lamina::getHelp(StringRef command) {
  const OptTable::SubCommand *found = findCommand(command);
  std::string text;
  raw_string_ostream stream(text);
  getOptionTable().printHelp(stream, found->Usage, found->HelpText,
                             /*ShowHidden=*/false, /*ShowAllAliases=*/false,
                             Visibility(), command);
  // The summary comes twice.
  text.erase(0, text.find("\n\n") + 2);
  if (command == "run" || command == "chat" || command == "bench")
    text += "\nEverything else behind MODEL is the program's: -p TEXT, -n N, "
            "--temp T and more;\n  lamina run MODEL --help   prints them all. "
            "What is behind -- is the program's too.\n";
  return text;
}

int lamina::printAnswer(StringRef text) {
  InputErrors errors;
  return writeOutput("-", {text.data(), text.size()}, errors) ? 0
                                                              : fail(errors);
}
