//===- Options.cpp - The command line of a program ------------------------===//

#include "program/Options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>
#include <string_view>

namespace lamina::program {

namespace {

/// Reads `text` to the option; on failure returns what was expected.
using Reader =
    std::function<std::optional<std::string>(Options &, const std::string &)>;

struct Option {
  const char *name;
  const char *value; ///< null: takes none
  const char *help;  ///< null: for lamina, not for users
  Reader read;
  bool repeats = false;
};

template <typename Integer>
Reader readInteger(Integer Options::*field, Integer low, Integer high) {
  return [=](Options &options,
             const std::string &text) -> std::optional<std::string> {
    Integer value = 0;
    const char *end = text.data() + text.size();
    auto [stop, failure] = std::from_chars(text.data(), end, value);
    if (failure != std::errc() || stop != end || value < low || value > high)
      return "an integer from " + std::to_string(low) + " to " +
             std::to_string(high);
    options.*field = value;
    return std::nullopt;
  };
}

/// Reads a finite number; `openLow` leaves `low` itself out.
Reader readFloat(float SamplingOptions::*field, float low, float high,
                 bool openLow) {
  return [=](Options &options,
             const std::string &text) -> std::optional<std::string> {
    float value = 0;
    const char *end = text.data() + text.size();
    auto [stop, failure] = std::from_chars(text.data(), end, value);
    bool inRange = value <= high && (openLow ? value > low : value >= low);
    if (failure != std::errc() || stop != end || !inRange) {
      char range[64];
      snprintf(range, sizeof(range), "a number %s %d to %d",
               openLow ? "above" : "from", static_cast<int>(low),
               static_cast<int>(high));
      return std::string(range);
    }
    options.sampling.*field = value;
    return std::nullopt;
  };
}

Reader readText(std::optional<std::string> Options::*field) {
  return [=](Options &options,
             const std::string &text) -> std::optional<std::string> {
    options.*field = text;
    return std::nullopt;
  };
}

Reader readNonEmpty(std::optional<std::string> Options::*field,
                    const char *what) {
  return [=](Options &options,
             const std::string &text) -> std::optional<std::string> {
    if (text.empty())
      return std::string(what);
    options.*field = text;
    return std::nullopt;
  };
}

Reader setFlag(bool Options::*field) {
  return
      [=](Options &options, const std::string &) -> std::optional<std::string> {
        options.*field = true;
        return std::nullopt;
      };
}

std::optional<std::string> readTopK(Options &options, const std::string &text) {
  const char *end = text.data() + text.size();
  int32_t value = 0;
  auto [stop, failure] = std::from_chars(text.data(), end, value);
  if (failure != std::errc() || stop != end || value < 0)
    return "an integer from 0 (all) to 2147483647";
  options.sampling.topK = value;
  return std::nullopt;
}

std::optional<std::string> readSeed(Options &options, const std::string &text) {
  const char *end = text.data() + text.size();
  uint64_t value = 0;
  auto [stop, failure] = std::from_chars(text.data(), end, value);
  if (failure != std::errc() || stop != end)
    return "an integer from 0 to 18446744073709551615";
  options.sampling.seed = value;
  return std::nullopt;
}

std::optional<std::string> readStop(Options &options, const std::string &text) {
  if (text.empty())
    return "a text that is not empty";
  options.stops.push_back(text);
  return std::nullopt;
}

/// Reads `576,2048`.
std::optional<std::string> readFeatures(Options &options,
                                        const std::string &text) {
  const char *at = text.data(), *end = at + text.size();
  do {
    int64_t value = 0;
    auto [stop, failure] = std::from_chars(at, end, value);
    bool isValid = failure == std::errc() && value >= 1 && value <= 1 << 20 &&
                   (stop == end || *stop == ',');
    if (!isValid)
      return "integers from 1 to 1048576, with commas";
    options.benchFeatures.push_back(value);
    at = stop + 1;
  } while (at <= end);
  return std::nullopt;
}

std::optional<std::string> readCpu(Options &options, const std::string &text) {
  if (text != "v2" && text != "v3" && text != "v4" && text != "bf16")
    return "v2, v3, v4 or bf16";
  options.cpu = text;
  return std::nullopt;
}

std::optional<std::string> readDevice(Options &options,
                                      const std::string &text) {
  if (text != "auto" && text != "cpu" && text != "cuda")
    return "auto, cpu or cuda";
  options.device = text;
  return std::nullopt;
}

/// All options, in the order of --help.
const std::vector<Option> &getOptions() {
  constexpr int32_t large = std::numeric_limits<int32_t>::max();
  static const std::vector<Option> options = {
      {"-p", "TEXT", "the prompt", readText(&Options::prompt)},
      {"-f", "FILE", "the prompt is in FILE (one final newline is not part)",
       readNonEmpty(&Options::promptFile, "a file")},
      {"--prompts", "FILE",
       "many prompts, one a line, in one batch; prints a line of JSON each",
       readNonEmpty(&Options::promptsFile, "a file")},
      {"--ids", "IDS", "the prompt as token ids, as in \"1 403 407\"",
       readText(&Options::promptIds)},
      {"--chat", nullptr, "talk; one line of input is one message",
       setFlag(&Options::chat)},
      {"--system", "TEXT", "the system message", readText(&Options::system)},
      {"--raw", nullptr, "continue the prompt; do not use the chat template",
       setFlag(&Options::raw)},
      {"--parse-special", nullptr,
       "special tokens spelled in the prompt are tokens",
       setFlag(&Options::parseSpecial)},
      {"-n", "N", "tokens to generate (until a stop, bounded by the context)",
       readInteger<int32_t>(&Options::maxNew, 1, large)},
      {"--temp", "T", "temperature; 0 takes the best token (0)",
       readFloat(&SamplingOptions::temperature, 0, 100, false)},
      {"--top-k", "K", "keep the K best tokens; 0 keeps all (0)", readTopK},
      {"--top-p", "P", "keep the best tokens of probability P (1)",
       readFloat(&SamplingOptions::topP, 0, 1, true)},
      {"--min-p", "P", "keep tokens with P times the best probability (0)",
       readFloat(&SamplingOptions::minP, 0, 1, false)},
      {"--seed", "N", "of the sampler (0)", readSeed},
      {"--stop", "TEXT", "end before TEXT; may be repeated", readStop, true},
      {"--ignore-eos", nullptr, "do not end at the model's end token",
       setFlag(&Options::ignoreEos)},
      {"--print-ids", nullptr, "print the generated ids, not their text",
       setFlag(&Options::printIds)},
      {"--stats", nullptr, "print times and sizes to stderr",
       setFlag(&Options::stats)},
      {"--json", nullptr, "print --info, --stats or --bench as JSON",
       setFlag(&Options::json)},
      {"--info", nullptr, "print what this program is, and end",
       setFlag(&Options::info)},
      {"--dump", "FILE",
       "write the logits and taps of the prompt to a safetensors file, and end",
       readNonEmpty(&Options::dump, "a file")},
      {"--model", "DIR", "the folder of the weights (as recorded)",
       readNonEmpty(&Options::model, "a folder")},
      {"--verify-weights", nullptr, "check every byte of the weights",
       setFlag(&Options::verifyWeights)},
      {"--threads", "N",
       "threads of all ranks in a process (as many as it may use)",
       readInteger<int32_t>(&Options::threads, 1, 1024)},
      {"--tp", "N", "ranks, of those that the program has (the least)",
       readInteger<int32_t>(&Options::ranks, 1, 1024)},
      {"--comm-timeout", "S", "seconds that a rank waits for another (30)",
       readInteger<int32_t>(&Options::commTimeout, 1, 86400)},
      {"--collectives-table", "FILE",
       "what --bench --collectives -o wrote: which algorithm a size gets",
       readNonEmpty(&Options::collectivesTable, "a file")},
      {"--context", "N", "positions of a sequence (all of the model's)",
       readInteger<int32_t>(&Options::context, 1, large)},
      {"--chunk", "N", "rows of a prefill step (512)",
       readInteger<int32_t>(&Options::chunk, 1, 65536)},
      {"--bench", nullptr,
       "measure prefill and decode (-n tokens), beside the machine's limits",
       setFlag(&Options::bench)},
      {"--bench-prompt", "N", "tokens of a prefill that is measured (512)",
       readInteger<int32_t>(&Options::benchPrompt, 1, large)},
      {"--bench-depth", "N", "positions that decoding starts behind (0)",
       readInteger<int32_t>(&Options::benchDepth, 0, large)},
      {"--bench-repeat", "N", "runs, of which the median counts (5)",
       readInteger<int32_t>(&Options::benchRepeat, 1, 1000)},
      {"--collectives", nullptr,
       "with --bench: measure the sums over ranks, by each algorithm",
       setFlag(&Options::benchCollectives)},
      {"--bench-features", "LIST",
       "with --collectives: features, as in 576,2048 (the model's)",
       readFeatures},
      {"-o", "FILE", "with --collectives: write the table, as JSON",
       readNonEmpty(&Options::output, "a file")},
      {"--compare", "FILE",
       "with --bench: print ratios to FILE, what --bench --json printed before",
       readNonEmpty(&Options::compare, "a file")},
      {"--batch", "N", "sequences at one time: of --prompts (8), --bench (1)",
       readInteger<int32_t>(&Options::batch, 1, 4096)},
      {"--cpu", "LEVEL",
       "x86 level: v2, v3, v4 or bf16 (the best; or LAMINA_CPU)", readCpu},
      {"--device", "NAME",
       "cpu, cuda, or auto: a GPU if there is one that can be used (auto)",
       readDevice},
      {"--fill-packed", nullptr, nullptr, setFlag(&Options::fillPacked)},
      {"--write-packed", "FILE", nullptr,
       readNonEmpty(&Options::writePacked, "a file")},
      {"--version", nullptr, "print the version, and end",
       setFlag(&Options::version)},
      {"--help", nullptr, "print this, and end", setFlag(&Options::help)},
  };
  return options;
}

const Option *findOption(std::string_view name) {
  if (name == "-h")
    name = "--help";
  for (const Option &option : getOptions())
    if (name == option.name)
      return &option;
  return nullptr;
}

size_t getEditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t above = row[j];
      row[j] = std::min(
          {above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string describeUnknown(const std::string &name) {
  std::string message = name + ": unknown option";
  const char *nearest = nullptr;
  size_t least = 3;
  for (const Option &option : getOptions())
    if (size_t distance = getEditDistance(name.substr(0, 32), option.name);
        option.help && distance < least) {
      least = distance;
      nearest = option.name;
    }
  return nearest ? message + ", did you mean " + nearest + "?" : message;
}

/// Options that cannot stand together.
std::optional<std::string> findConflict(const Options &options) {
  int prompts = options.prompt.has_value() + options.promptFile.has_value() +
                options.promptsFile.has_value() +
                options.promptIds.has_value() + options.chat;
  if (prompts > 1)
    return "-p, -f, --prompts, --ids and --chat: more than one is given";
  if (options.json && !options.info && !options.stats && !options.bench)
    return "--json: needs --info, --stats or --bench";
  if (options.bench && (prompts > 0 || options.dump))
    return "--bench: makes its own prompt; a prompt or --dump is given";
  if (options.compare && !options.bench)
    return "--compare: needs --bench";
  if (options.benchCollectives && (!options.bench || options.compare))
    return "--collectives: needs --bench without --compare";
  if ((options.output || !options.benchFeatures.empty()) &&
      !options.benchCollectives)
    return "-o, --bench-features: need --collectives";
  if (options.dump && (options.promptsFile || options.chat))
    return "--dump: needs one prompt";
  if (options.chat && (options.raw || options.printIds))
    return "--chat: cannot be combined with --raw or --print-ids";
  if (options.system && (options.raw || options.promptIds))
    return "--system: needs the chat template";
  return std::nullopt;
}

} // namespace

std::optional<Options> parseOptions(const std::vector<std::string> &arguments,
                                    std::string &error) {
  Options options;
  std::vector<const Option *> seen;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string name = arguments[i];
    if (name == "--" && i + 1 == arguments.size())
      break;
    std::optional<std::string> value;
    size_t equals = name.find('=');
    if (name.size() > 2 && name[0] == '-' && name[1] == '-' &&
        equals != name.npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    const Option *option = findOption(name);
    if (!option) {
      error = name.empty() || name[0] != '-' || name == "--"
                  ? "'" + name.substr(0, 60) +
                        "': not an option; a prompt follows -p"
                  : describeUnknown(name.substr(0, 60));
      return std::nullopt;
    }
    if (!option->repeats &&
        std::find(seen.begin(), seen.end(), option) != seen.end()) {
      error = name + ": given twice";
      return std::nullopt;
    }
    seen.push_back(option);
    if (option->value && !value) {
      if (i + 1 == arguments.size()) {
        error = name + ": no value, expected " + option->value;
        return std::nullopt;
      }
      value = arguments[++i];
    } else if (!option->value && value) {
      error = name + ": takes no value";
      return std::nullopt;
    }
    if (auto expected = option->read(options, value.value_or(""))) {
      error = name + ": '" + value->substr(0, 60) + "', expected " + *expected;
      return std::nullopt;
    }
  }
  if (auto conflict = findConflict(options)) {
    error = *conflict;
    return std::nullopt;
  }
  return options;
}

std::string getHelp(const std::string &programName) {
  std::string text = "usage: " + programName +
                     " [options]\n\n"
                     "Answers a prompt: -p, -f, --ids, or standard input. A "
                     "model with a chat template\ngets it as one message of "
                     "the user, unless --raw is given.\n\n";
  for (const Option &option : getOptions()) {
    if (!option.help)
      continue;
    std::string line = std::string("  ") + option.name;
    if (option.value)
      line += std::string(" ") + option.value;
    line.resize(std::max<size_t>(line.size() + 1, 22), ' ');
    text += line + option.help + "\n";
  }
  return text;
}

} // namespace lamina::program
