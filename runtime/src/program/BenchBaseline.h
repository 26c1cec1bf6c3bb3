//===- BenchBaseline.h - An earlier --bench --json, to compare with -------===//

#ifndef LAMINA_RUNTIME_PROGRAM_BENCHBASELINE_H
#define LAMINA_RUNTIME_PROGRAM_BENCHBASELINE_H

#include "lamina/Support/Diagnostics.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lamina::program {

class BenchReport;

struct BenchRatio {
  std::string key; ///< of the JSON
  double now, before;
};

/// What `--bench --json` wrote before: an object of numbers and strings.
class BenchBaseline {
public:
  /// Reports a file that cannot be read (5), is too long (6), or is not of this
  /// kind (3), and returns nothing.
  static std::optional<BenchBaseline> read(const std::string &path,
                                           InputErrors &errors);
  /// The same for the text of the file `path`.
  static std::optional<BenchBaseline>
  parse(const std::string &path, std::string_view text, InputErrors &errors);

  /// Prefill, decode, and the limits of the machine at both times: a ratio of
  /// the model that is that of the machine says nothing of the program.
  std::vector<BenchRatio> findRatios(const BenchReport &report) const;

  /// Adds a sentence for each setting that differs, and for a load then: such
  /// ratios do not compare like with like.
  void appendDifferences(const BenchReport &report,
                         std::vector<std::string> &warnings) const;

private:
  bool check(InputErrors &errors) const;

  std::string file;
  std::map<std::string, double, std::less<>> numbers;
  std::map<std::string, std::string, std::less<>> strings;
};

} // namespace lamina::program

#endif // LAMINA_RUNTIME_PROGRAM_BENCHBASELINE_H
