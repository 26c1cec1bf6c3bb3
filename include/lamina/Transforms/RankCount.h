//===- RankCount.h - The number of ranks as a pass option -----------------===//

#ifndef LAMINA_TRANSFORMS_RANKCOUNT_H
#define LAMINA_TRANSFORMS_RANKCOUNT_H

#include "llvm/Support/CommandLine.h"

#include <cstdint>

namespace lamina {

/// A number of ranks, from 1 to `kMaxRanks`. As a pass option, any other text
/// is a usage error.
struct RankCount {
  int64_t value = 1;

  bool operator==(const RankCount &other) const { return value == other.value; }
};

llvm::raw_ostream &operator<<(llvm::raw_ostream &os, RankCount ranks);

} // namespace lamina

namespace llvm::cl {

template <>
class parser<lamina::RankCount> : public basic_parser<lamina::RankCount> {
public:
  explicit parser(Option &option) : basic_parser(option) {}

  /// Returns true (an error) unless `text` is a number from 1 to `kMaxRanks`.
  bool parse(Option &option, StringRef name, StringRef text,
             lamina::RankCount &value);

  StringRef getValueName() const override { return "ranks"; }
  void printOptionDiff(const Option &option, const lamina::RankCount &value,
                       const OptionValue<lamina::RankCount> &defaultValue,
                       size_t width) const {
    printOptionName(option, width);
    outs() << "= " << value << "\n";
  }
  void anchor() override;
};

} // namespace llvm::cl

#endif // LAMINA_TRANSFORMS_RANKCOUNT_H
