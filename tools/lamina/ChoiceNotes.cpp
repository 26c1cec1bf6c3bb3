//===- ChoiceNotes.cpp - Why a wanted rewrite did not happen --------------===//

#include "ChoiceNotes.h"

#include "mlir/IR/Remarks.h"
#include "llvm/Support/raw_ostream.h"

#include <set>

using namespace mlir;

namespace {

class NotePrinter : public remark::detail::MLIRRemarkStreamerBase {
public:
  void streamOptimizationRemark(const remark::detail::Remark &remark) final {
    for (const remark::detail::Remark::Arg &argument : remark.getArgs())
      if (argument.key == "Reason" && said.insert(argument.val).second)
        llvm::errs() << "note: --shard-residual: the residual stays whole: "
                     << argument.val << "\n";
  }

private:
  std::set<std::string> said; // once, for however many numbers of ranks
};

} // namespace

void lamina::noteChoices(MLIRContext &context) {
  remark::RemarkCategories categories;
  categories.missed = "llama-shard-residual";
  // It fails only where an engine is there already, which prints them.
  (void)remark::enableOptimizationRemarks(
      context, std::make_unique<NotePrinter>(),
      std::make_unique<remark::RemarkEmittingPolicyAll>(), categories);
}
