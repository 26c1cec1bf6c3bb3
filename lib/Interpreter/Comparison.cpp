//===- Comparison.cpp - Comparing the results of two programs -------------===//

#include "lamina/Interpreter/Comparison.h"
#include "lamina/IR/LlamaOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <limits>

using namespace lamina;
using namespace mlir;

/// Returns the type of an argument as it is drawn.
static Type getDrawnType(Type type, int64_t tokens) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return type;
  SmallVector<int64_t> shape(tensor.getShape());
  for (int64_t &size : shape)
    size = ShapedType::isDynamic(size) ? tokens : size;
  Attribute encoding = tensor.getEncoding();
  return RankedTensorType::get(
      shape, tensor.getElementType(),
      isa_and_nonnull<PartialAttr>(encoding) ? encoding : Attribute());
}

std::string lamina::describeArguments(func::FuncOp function, int64_t tokens) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "(";
  llvm::interleaveComma(function.getArgumentTypes(), os,
                        [&](Type type) { os << getDrawnType(type, tokens); });
  os << ")";
  return text;
}

/// Returns the bits of `value`, the same for every NaN.
static uint64_t getBits(double value) {
  return std::isnan(value) ? ~uint64_t(0) : llvm::bit_cast<uint64_t>(value);
}

Difference lamina::compareTensors(const Tensor &reference,
                                  const Tensor &other) {
  Difference difference;
  if (reference.shape != other.shape || reference.element != other.element) {
    difference.maximum = std::numeric_limits<double>::infinity();
    return difference;
  }
  difference.isComparable = true;
  difference.isBitEqual = true;
  for (auto [a, b] : llvm::zip_equal(reference.data, other.data)) {
    if (getBits(a) == getBits(b))
      continue;
    difference.isBitEqual = false;
    double delta = a == b ? 0.0 : std::fabs(a - b);
    if (std::isnan(delta))
      delta = std::numeric_limits<double>::infinity();
    difference.maximum = std::max(difference.maximum, delta);
  }
  return difference;
}

/// Returns the largest finite |element|.
static double getLargest(const Tensor &tensor) {
  double largest = 0.0;
  for (double value : tensor.data)
    if (std::isfinite(value))
      largest = std::max(largest, std::fabs(value));
  return largest;
}

double lamina::getStatedBound(const Tensor &stated, const Tensor &exact,
                              double unitRoundoff) {
  double error = 0.0;
  for (auto [a, b] : llvm::zip(stated.data, exact.data))
    if (std::isfinite(a) && std::isfinite(b))
      error = std::max(error, std::fabs(a - b));
  return 8.0 * error + 16.0 * unitRoundoff * getLargest(exact);
}

double lamina::getExactBound(const Tensor &exact) {
  return 0x1p-34 * getLargest(exact);
}

double lamina::getCoarsestUnitRoundoff(func::FuncOp function) {
  double coarsest = 0x1p-24;
  auto visit = [&](Type type) {
    Type element = getElementTypeOrSelf(type);
    if (element.isBF16())
      coarsest = std::max(coarsest, 0x1p-8);
    else if (element.isF16())
      coarsest = std::max(coarsest, 0x1p-11);
  };
  function->getParentOp()->walk([&](Operation *op) {
    llvm::for_each(op->getResultTypes(), visit);
    for (Region &region : op->getRegions())
      for (Block &block : region)
        llvm::for_each(block.getArgumentTypes(), visit);
  });
  return coarsest;
}
