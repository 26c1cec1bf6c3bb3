//===- RankCount.cpp - The number of ranks as a pass option ---------------===//

#include "lamina/Transforms/RankCount.h"

#include "lamina/IR/LlamaDialect.h"
#include "llvm/Support/raw_ostream.h"

using namespace lamina;

llvm::raw_ostream &lamina::operator<<(llvm::raw_ostream &os, RankCount ranks) {
  return os << ranks.value;
}

bool llvm::cl::parser<RankCount>::parse(Option &option, StringRef name,
                                        StringRef text, RankCount &value) {
  if (text.getAsInteger(10, value.value) || value.value < 1 ||
      value.value > kMaxRanks)
    return option.error("'" + text + "' for " + name +
                        ": expected a number of ranks from 1 to " +
                        Twine(kMaxRanks));
  return false;
}

void llvm::cl::parser<RankCount>::anchor() {}
