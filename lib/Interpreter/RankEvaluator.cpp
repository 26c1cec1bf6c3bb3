//===- RankEvaluator.cpp - Control flow and upstream ops ------------------===//

#include "RankEvaluator.h"
#include "Describe.h"
#include "lamina/Support/CheckedMath.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace lamina;
using namespace mlir;

/// Deepest nesting of calls; a program of this project has two or three.
static constexpr int kMaxCallDepth = 64;

LogicalResult RankEvaluator::fail(Operation *op, Outcome how,
                                  const llvm::Twine &text) {
  if (outcome == Outcome::ok) {
    outcome = how;
    message = describeLocation(op->getLoc()) + ": '" +
              op->getName().getStringRef().str() + "': " + text.str();
  }
  return failure();
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<RuntimeValue>>
RankEvaluator::call(func::FuncOp function, ArrayRef<RuntimeValue> arguments) {
  if (function.isExternal())
    return fail(function, Outcome::unsupported,
                "a declaration, expected a function with a body");
  if (depth == kMaxCallDepth)
    return fail(function, Outcome::unsupported,
                "calls nest deeper than " + llvm::Twine(kMaxCallDepth) +
                    ", expected no recursion");
  Environment own;
  Environment *caller = std::exchange(env, &own);
  ++depth;
  for (auto [parameter, argument] :
       llvm::zip_equal(function.getArguments(), arguments))
    own[parameter] = argument;
  FailureOr<SmallVector<RuntimeValue>> results =
      function.getBody().hasOneBlock()
          ? evaluateBlock(function.getBody().front())
          : FailureOr<SmallVector<RuntimeValue>>(
                fail(function, Outcome::unsupported,
                     "several blocks, expected one"));
  --depth;
  env = caller;
  return results;
}

FailureOr<SmallVector<RuntimeValue>>
RankEvaluator::evaluateBlock(Block &block) {
  for (Operation &op : block.without_terminator())
    if (failed(evaluate(&op)))
      return failure();
  return llvm::map_to_vector(block.getTerminator()->getOperands(),
                             [&](Value value) { return (*env)[value]; });
}

LogicalResult RankEvaluator::evaluate(Operation *op) {
  return isa_and_nonnull<LlamaDialect>(op->getDialect()) ? evaluateLlama(op)
                                                         : evaluateUpstream(op);
}

LogicalResult RankEvaluator::evaluateUpstream(Operation *op) {
  for (Type type : op->getResultTypes())
    if (!getElement(type) && !type.isIntOrIndex())
      return fail(op, Outcome::unsupported,
                  "a result that is no f32, f16, bf16 or i32 tensor, float or "
                  "integer");
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<func::CallOp, scf::IfOp, arith::ConstantOp, tensor::CastOp,
            tensor::DimOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp>(
          [&](auto concrete) { return visit(concrete); })
      .Case<arith::ExtFOp, arith::TruncFOp>([&](auto) { return convert(op); })
      .Case([&](arith::AddFOp sum) {
        set(sum.getResult(),
            add(program.arithmetic, get(sum.getLhs()), get(sum.getRhs())));
        return success();
      })
      .Default([&](Operation *) {
        return fail(op, Outcome::unsupported,
                    "an op that the interpreter does not evaluate");
      });
}

LogicalResult RankEvaluator::visit(func::CallOp op) {
  auto callee =
      program.symbols.lookup<func::FuncOp>(op.getCalleeAttr().getAttr());
  auto results =
      call(callee, llvm::map_to_vector(op.getOperands(),
                                       [&](Value v) { return (*env)[v]; }));
  if (failed(results))
    return failure();
  for (auto [result, value] : llvm::zip_equal(op.getResults(), *results))
    (*env)[result] = value;
  return success();
}

LogicalResult RankEvaluator::visit(scf::IfOp op) {
  bool condition = (*env)[op.getCondition()].integer != 0;
  Region &region = condition ? op.getThenRegion() : op.getElseRegion();
  if (region.empty())
    return success();
  auto results = evaluateBlock(region.front());
  if (failed(results))
    return failure();
  for (auto [result, value] : llvm::zip_equal(op.getResults(), *results))
    (*env)[result] = value;
  return success();
}

//===----------------------------------------------------------------------===//
// Arithmetic and tensors
//===----------------------------------------------------------------------===//

LogicalResult RankEvaluator::visit(arith::ConstantOp op) {
  if (auto integer = dyn_cast<IntegerAttr>(op.getValue())) {
    (*env)[op.getResult()].integer = integer.getInt();
    return success();
  }
  Tensor tensor(*getElement(op.getType()), {});
  if (auto scalar = dyn_cast<FloatAttr>(op.getValue())) {
    tensor.data = {scalar.getValueAsDouble()};
    set(op.getResult(), std::move(tensor));
    return success();
  }
  auto dense = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!dense)
    return fail(op, Outcome::unsupported, "a value that is not dense");
  tensor.shape = dense.getType().getShape().vec();
  tensor.data.clear();
  if (tensor.element == Element::i32)
    for (const APInt &value : dense.getValues<APInt>())
      tensor.data.push_back(static_cast<double>(value.getSExtValue()));
  else
    for (APFloat value : dense.getValues<APFloat>()) {
      bool losesInfo = false; // widening loses nothing
      value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                    &losesInfo);
      tensor.data.push_back(value.convertToDouble());
    }
  set(op.getResult(), std::move(tensor));
  return success();
}

/// extf and truncf.
LogicalResult RankEvaluator::convert(Operation *op) {
  Tensor converted = get(op->getOperand(0));
  Element from = converted.element;
  converted.element = *getElement(op->getResult(0).getType());
  for (double &value : converted.data)
    value = store(program.arithmetic, from, converted.element, value);
  set(op->getResult(0), std::move(converted));
  return success();
}

LogicalResult RankEvaluator::visit(tensor::CastOp op) {
  TensorRef source = (*env)[op.getSource()].tensor;
  auto type = dyn_cast<RankedTensorType>(op.getType());
  if (!type)
    return fail(op, Outcome::unsupported, "an unranked result");
  for (auto [want, got] : llvm::zip_equal(type.getShape(), source->shape))
    if (!ShapedType::isDynamic(want) && want != got)
      return fail(op, Outcome::malformed,
                  "a dimension of " + llvm::Twine(got) + ", expected " +
                      llvm::Twine(want));
  set(op.getResult(), std::move(source));
  return success();
}

LogicalResult RankEvaluator::visit(tensor::DimOp op) {
  const Tensor &source = get(op.getSource());
  int64_t index = (*env)[op.getIndex()].integer;
  if (index < 0 || index >= static_cast<int64_t>(source.shape.size()))
    return fail(op, Outcome::malformed,
                "dimension " + llvm::Twine(index) + " of " +
                    llvm::Twine(source.shape.size()));
  (*env)[op.getResult()].integer = source.shape[index];
  return success();
}

LogicalResult RankEvaluator::visit(tensor::ExpandShapeOp op) {
  Tensor expanded = get(op.getSrc());
  size_t count = expanded.data.size();
  auto dynamic = op.getOutputShape().begin();
  expanded.shape.clear();
  for (int64_t size : op.getStaticOutputShape())
    expanded.shape.push_back(
        ShapedType::isDynamic(size) ? (*env)[*dynamic++].integer : size);
  auto isNegative = [](int64_t size) { return size < 0; };
  auto product = checkedProduct<int64_t>(expanded.shape);
  if (llvm::any_of(expanded.shape, isNegative) || !product ||
      static_cast<size_t>(*product) != count)
    return fail(op, Outcome::malformed,
                "an output shape [" +
                    llvm::join(llvm::map_range(
                                   expanded.shape,
                                   [](int64_t n) { return std::to_string(n); }),
                               ", ") +
                    "], expected " + llvm::Twine(count) + " elements");
  set(op.getResult(), std::move(expanded));
  return success();
}

LogicalResult RankEvaluator::visit(tensor::CollapseShapeOp op) {
  Tensor collapsed = get(op.getSrc());
  std::vector<int64_t> shape;
  for (const ReassociationIndices &group : op.getReassociationIndices()) {
    auto size = checkedProduct<int64_t>(llvm::map_range(
        group, [&](int64_t dimension) { return collapsed.shape[dimension]; }));
    if (!size)
      return fail(op, Outcome::malformed, "a dimension of 2^63 or more");
    shape.push_back(*size);
  }
  collapsed.shape = std::move(shape);
  set(op.getResult(), std::move(collapsed));
  return success();
}
