//===- ChoiceNotes.cpp - Why a wanted rewrite did not happen --------------===//

#include "ChoiceNotes.h"

#include "mlir/IR/Remarks.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace {

class NotePrinter : public remark::detail::MLIRRemarkStreamerBase {
public:
  void streamOptimizationRemark(const remark::detail::Remark &remark) final {
    for (const remark::detail::Remark::Arg &argument : remark.getArgs())
      if (argument.key == "Reason")
        llvm::errs() << "note: --shard-residual: the residual stays whole: "
                     << argument.val << "\n";
  }
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
