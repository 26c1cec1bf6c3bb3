//===- CollectiveTable.cpp - Which algorithm is fastest, as measured ------===//

#include "lamina/Support/CollectiveTable.h"

#include "lamina/Support/JsonScanner.h"

#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <map>
#include <tuple>

using namespace lamina;

namespace {

/// The table that ships has about 30 KiB.
constexpr uint64_t kMaxBytes = 1 << 20;
/// Of ranks, features and rows: their squares fit in 64 bits.
constexpr double kMaxSize = 1 << 30;

constexpr int32_t kAlgorithms[] = {LAMRT_ONE_SHOT, LAMRT_TWO_SHOT,
                                   LAMRT_SEPARATE};
constexpr int32_t kReductions[] = {LAMRT_ALL_REDUCE,
                                   LAMRT_ALL_REDUCE_RESIDUAL_RMS_NORM};

/// The members of one object; those that are read are taken out.
struct Members {
  std::map<std::string, std::string> strings;
  std::map<std::string, double> numbers;
};

class TableReader {
public:
  TableReader(const std::string &file, std::string_view text,
              InputErrors &errors)
      : file(file), errors(errors), scanner(file, text, errors) {}

  bool read(CollectiveTable &table);

private:
  bool readMember(const std::string &key, size_t start, Members &members);
  bool takeHeader(Members &members, CollectiveTable &table);
  bool takeSize(size_t index, Members &members, CollectiveTable &table);
  bool takeTimes(Members &members, const std::string &place,
                 const CollectiveTable &table, const lamrt_choice &size,
                 CollectiveTimes &times, std::map<std::string, int32_t> &known);
  bool fail(const std::string &place, const std::string &field,
            const std::string &found, const std::string &expected);
  bool takeText(Members &members, const std::string &place,
                const std::string &key, std::string &out);
  bool takeAmount(Members &members, const std::string &place,
                  const std::string &key, double least, double &out);
  template <typename Integer>
  bool takeCount(Members &members, const std::string &place,
                 const std::string &key, double most, Integer &out);
  template <typename Names>
  bool takeName(Members &members, const std::string &place,
                const std::string &key, Names &&names, int32_t &out);
  bool expectNoMore(const Members &members, const std::string &place);

  const std::string &file;
  InputErrors &errors;
  JsonScanner scanner;
};

std::string format(double value) {
  char text[32];
  snprintf(text, sizeof(text), "%.10g", value);
  return text;
}

bool TableReader::fail(const std::string &place, const std::string &field,
                       const std::string &found, const std::string &expected) {
  InputError error;
  error.file = file;
  error.place = jsonPointer(place, field);
  error.field = field;
  error.found = found;
  error.expected = expected;
  errors.report(error);
  return false;
}

bool TableReader::readMember(const std::string &key, size_t start,
                             Members &members) {
  std::string string;
  double number = 0;
  bool isString = scanner.takeString(string);
  if (!isString && !scanner.takeNumber(number))
    return scanner.fail("a number or a string without escapes");
  bool isNew = !members.strings.count(key) && !members.numbers.count(key);
  if (!isNew)
    return scanner.failAt(start, "each key once");
  if (isString)
    members.strings[key] = string;
  else
    members.numbers[key] = number;
  return true;
}

bool TableReader::takeText(Members &members, const std::string &place,
                           const std::string &key, std::string &out) {
  auto node = members.strings.extract(key);
  if (!node)
    return fail(place, key, members.numbers.count(key) ? "a number" : "missing",
                "a string");
  out = node.mapped();
  return true;
}

/// A number that is at least `least`.
bool TableReader::takeAmount(Members &members, const std::string &place,
                             const std::string &key, double least,
                             double &out) {
  std::string expected = "a number from " + format(least) + " on";
  auto node = members.numbers.extract(key);
  if (!node)
    return fail(place, key, members.strings.count(key) ? "a string" : "missing",
                expected);
  out = node.mapped();
  return out >= least || fail(place, key, format(out), expected);
}

/// An integer from 1 to `most`.
template <typename Integer>
bool TableReader::takeCount(Members &members, const std::string &place,
                            const std::string &key, double most, Integer &out) {
  double value = 0;
  if (!takeAmount(members, place, key, 1, value))
    return false;
  if (value > most || value != std::floor(value))
    return fail(place, key, format(value),
                "an integer from 1 to " + format(most));
  out = static_cast<Integer>(value);
  return true;
}

/// One of `names`, which maps names to numbers.
template <typename Names>
bool TableReader::takeName(Members &members, const std::string &place,
                           const std::string &key, Names &&names,
                           int32_t &out) {
  std::string name;
  if (!takeText(members, place, key, name))
    return false;
  std::string expected;
  for (const auto &[known, number] : names) {
    if (name == known) {
      out = number;
      return true;
    }
    expected += (expected.empty() ? "" : " or ") + known;
  }
  return fail(place, key, quoted(name), expected);
}

bool TableReader::expectNoMore(const Members &members,
                               const std::string &place) {
  for (const auto &[key, value] : members.strings)
    return fail(place, key, "a string", "no such key");
  for (const auto &[key, value] : members.numbers)
    return fail(place, key, "a number", "no such key");
  return true;
}

/// Stores the times of a size, and the algorithms among which it may choose.
bool TableReader::takeTimes(Members &members, const std::string &place,
                            const CollectiveTable &table,
                            const lamrt_choice &size, CollectiveTimes &times,
                            std::map<std::string, int32_t> &known) {
  for (int32_t algorithm : kAlgorithms) {
    if (size.operation == LAMRT_ALL_REDUCE && algorithm == LAMRT_SEPARATE &&
        table.device == RankDevice::Cpu)
      continue; // then the key is unknown
    std::string name = getAlgorithmName(algorithm), key = name + "_ns";
    if (!table.estimate.empty()) {
      known[name] = algorithm;
      continue;
    }
    bool isNeeded = algorithm == LAMRT_ONE_SHOT;
    if (!isNeeded && !members.numbers.count(key) && !members.strings.count(key))
      continue;
    if (!takeAmount(members, place, key, 1, times.nanoseconds[algorithm]))
      return false;
    known[name] = algorithm;
  }
  constexpr const char *kRatio = "fused_to_separate";
  if (!table.estimate.empty() ||
      (!members.numbers.count(kRatio) && !members.strings.count(kRatio)))
    return true;
  return takeAmount(members, place, kRatio, 0, times.fusedToSeparate);
}

bool TableReader::takeSize(size_t index, Members &members,
                           CollectiveTable &table) {
  std::string place = jsonPointer("/sizes", index);
  lamrt_choice size = {};
  CollectiveTimes times;
  std::map<std::string, int32_t> operations, known;
  for (int32_t operation : kReductions)
    operations[getReductionName(operation)] = operation;
  if (!takeName(members, place, "operation", operations, size.operation) ||
      !takeCount(members, place, "ranks", 1024, size.ranks) ||
      !takeCount(members, place, "features", kMaxSize, size.features) ||
      !takeCount(members, place, "rows", kMaxSize, size.rows) ||
      !takeTimes(members, place, table, size, times, known) ||
      !takeName(members, place, "choice", known, size.algorithm) ||
      !expectNoMore(members, place))
    return false;
  table.choices.push_back(size);
  table.times.push_back(times);
  return true;
}

bool TableReader::takeHeader(Members &members, CollectiveTable &table) {
  if (members.strings.count("device") || members.numbers.count("device")) {
    int32_t device = 0;
    std::map<std::string, int32_t> devices;
    for (RankDevice known : {RankDevice::Cpu, RankDevice::Cuda})
      devices[getDeviceName(known)] = static_cast<int32_t>(known);
    if (!takeName(members, "", "device", devices, device))
      return false;
    table.device = static_cast<RankDevice>(device);
  }
  bool isEstimate =
      members.strings.count("estimate") || members.numbers.count("estimate");
  if (isEstimate && !takeText(members, "", "estimate", table.estimate))
    return false;
  if (isEstimate && table.estimate.empty())
    return fail("", "estimate", "empty", "what it is from");
  if (!isEstimate && table.device == RankDevice::Cuda &&
      !takeText(members, "", "gpu_model", table.gpuModel))
    return false;
  if (!isEstimate && !takeText(members, "", "cpu_model", table.cpuModel))
    return false;
  if (!takeText(members, "", "date", table.date) ||
      !takeText(members, "", "command", table.command))
    return false;
  if (!isEstimate &&
      (!takeAmount(members, "", "threads", 1, table.threads) ||
       !takeAmount(members, "", "load_average", 0, table.loadAverage) ||
       !takeAmount(members, "", "rounds", 1, table.rounds)))
    return false;
  return expectNoMore(members, "");
}

bool TableReader::read(CollectiveTable &table) {
  Members members;
  std::vector<Members> sizes;
  bool hasSizes = false;
  auto visit = [&](const std::string &key, size_t start) {
    if (key != "sizes")
      return readMember(key, start, members);
    if (hasSizes)
      return scanner.failAt(start, "each key once");
    hasSizes = true;
    return scanner.readArray([&](size_t) {
      Members &size = sizes.emplace_back();
      return scanner.readObject([&](const std::string &name, size_t at) {
        return readMember(name, at, size);
      });
    });
  };
  if (!scanner.readObject(visit) || !scanner.readEnd() ||
      !takeHeader(members, table))
    return false;
  for (size_t i = 0; i < sizes.size(); ++i)
    if (!takeSize(i, sizes[i], table))
      return false;
  if (table.choices.empty())
    return fail("", "sizes", hasSizes ? "empty" : "missing",
                "at least one size");
  std::map<std::tuple<int32_t, int32_t, int64_t, int64_t>, size_t> seen;
  for (size_t i = 0; i < table.choices.size(); ++i) {
    const lamrt_choice &size = table.choices[i];
    auto [other, isNew] = seen.insert(
        {{size.operation, size.ranks, size.features, size.rows}, i});
    if (!isNew)
      return fail(jsonPointer("/sizes", i), "rows",
                  "the size of " + jsonPointer("/sizes", other->second),
                  "each size once");
  }
  return true;
}

/// As a JSON string that the reader takes: without quotes and backslashes.
std::string toJsonString(const std::string &text) {
  std::string result = "\"";
  for (char c : text)
    result += c == '"' || c == '\\' ? '\'' : c < 0x20 && c >= 0 ? ' ' : c;
  return result + "\"";
}

} // namespace

const char *lamina::getAlgorithmName(int32_t algorithm) {
  return algorithm == LAMRT_ONE_SHOT   ? "one_shot"
         : algorithm == LAMRT_TWO_SHOT ? "two_shot"
                                       : "separate";
}

const char *lamina::getDeviceName(RankDevice device) {
  return device == RankDevice::Cuda ? "cuda" : "cpu";
}

const char *lamina::getReductionName(int32_t operation) {
  return operation == LAMRT_ALL_REDUCE ? "all_reduce"
                                       : "all_reduce_residual_rms_norm";
}

std::optional<CollectiveTable> CollectiveTable::parse(const std::string &path,
                                                      std::string_view text,
                                                      InputErrors &errors) {
  CollectiveTable table;
  if (!TableReader(path, text, errors).read(table))
    return std::nullopt;
  return table;
}

std::optional<CollectiveTable> CollectiveTable::read(const std::string &path,
                                                     InputErrors &errors) {
  std::optional<std::string> text = readWhole(path, kMaxBytes, errors);
  if (!text)
    return std::nullopt;
  return parse(path, *text, errors);
}

/// A test shows that both are well-formed.
static CollectiveTable parseShipped(const char *text) {
  InputErrors errors;
  return CollectiveTable::parse("collectives.json", text, errors)
      .value_or(CollectiveTable());
}

const CollectiveTable &CollectiveTable::shipped(RankDevice device) {
  if (device == RankDevice::Cuda) {
    static const CollectiveTable cuda = parseShipped(kShippedCudaCollectives);
    return cuda;
  }
  static const CollectiveTable cpu = parseShipped(kShippedCollectives);
  return cpu;
}

std::string CollectiveTable::toJson() const {
  std::string text = "{";
  if (device == RankDevice::Cuda)
    text += "\"device\": \"cuda\",\n ";
  if (!estimate.empty())
    text += "\"estimate\": " + toJsonString(estimate) + ",\n ";
  else if (device == RankDevice::Cuda)
    text += "\"gpu_model\": " + toJsonString(gpuModel) + ",\n ";
  if (estimate.empty())
    text += "\"cpu_model\": " + toJsonString(cpuModel) + ",\n ";
  text += "\"date\": " + toJsonString(date) +
          ",\n \"command\": " + toJsonString(command) + ",\n ";
  if (estimate.empty())
    text += "\"threads\": " + format(threads) +
            ", \"load_average\": " + format(loadAverage) +
            ", \"rounds\": " + format(rounds) + ",\n ";
  text += "\"sizes\": [";
  for (size_t i = 0; i < choices.size(); ++i) {
    const lamrt_choice &size = choices[i];
    char line[200];
    snprintf(line, sizeof(line),
             "%s\n  {\"operation\": \"%s\", \"ranks\": %d, \"features\": "
             "%" PRId64 ", \"rows\": %" PRId64,
             i ? "," : "", getReductionName(size.operation), size.ranks,
             size.features, size.rows);
    text += line;
    for (int32_t algorithm : kAlgorithms)
      if (double time = times[i].nanoseconds[algorithm]; time > 0)
        text += std::string(", \"") + getAlgorithmName(algorithm) +
                "_ns\": " + format(std::round(time));
    if (double ratio = times[i].fusedToSeparate; ratio > 0)
      text +=
          ", \"fused_to_separate\": " + format(std::round(ratio * 1000) / 1000);
    text += std::string(", \"choice\": \"") + getAlgorithmName(size.algorithm) +
            "\"}";
  }
  return text + "]}\n";
}
