//===- Coverage.h - Which categories a run must have seen -----------------===//

#ifndef LAMINA_TEST_GENERATOR_COVERAGE_H
#define LAMINA_TEST_GENERATOR_COVERAGE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"

#include <map>
#include <string>
#include <vector>

namespace lamina::generator {

/// How often each category occurred.
class Coverage {
public:
  void add(llvm::StringRef category) { ++counts[category.str()]; }

  void print(llvm::raw_ostream &os) const;

  /// Returns the categories that every long run must see and this one did not.
  std::vector<std::string> getMissing() const;

private:
  std::map<std::string, int64_t> counts;
};

} // namespace lamina::generator

#endif // LAMINA_TEST_GENERATOR_COVERAGE_H
