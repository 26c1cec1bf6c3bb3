//===- Remarks.cpp - What the passes say, as data -------------------------===//

#include "Remarks.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace lamina::generator;

namespace {

/// Returns the first name in a location.
std::string getFirstName(Location loc) {
  if (auto name = dyn_cast<NameLoc>(loc))
    return name.getName().str();
  if (auto fused = dyn_cast<FusedLoc>(loc))
    for (Location part : fused.getLocations())
      if (std::string name = getFirstName(part); !name.empty())
        return name;
  return {};
}

struct Collector : remark::detail::MLIRRemarkStreamerBase {
  explicit Collector(RemarkLog &log) : log(log) {}

  void streamOptimizationRemark(const remark::detail::Remark &remark) final {
    RemarkRecord record;
    record.category = remark.getCategoryName().str();
    record.name = remark.getRemarkName().str();
    record.location = getFirstName(remark.getLocation());
    for (const auto &argument : remark.getArgs())
      record.arguments[argument.key] = argument.val;
    log.push_back(std::move(record));
  }

  RemarkLog &log;
};

} // namespace

void lamina::generator::collectRemarks(MLIRContext &context, RemarkLog &log) {
  remark::RemarkCategories categories;
  // A kind without a filter of its own is off, even with `all`.
  categories.passed = categories.missed = categories.analysis = ".*";
  (void)remark::enableOptimizationRemarks(
      context, std::make_unique<Collector>(log),
      std::make_unique<remark::RemarkEmittingPolicyAll>(), categories);
}
