//===- Interpreter.cpp - Runs a function for all ranks --------------------===//

#include "lamina/Interpreter/Interpreter.h"
#include "Arguments.h"
#include "Describe.h"
#include "RankEvaluator.h"
#include "lamina/Support/CheckedMath.h"
#include "mlir/IR/BuiltinOps.h"
#include <thread>

using namespace lamina;
using namespace mlir;

namespace {

/// One rank's run and what it returned.
struct RankRun {
  RankRun(const Program &program, Rendezvous &rendezvous, int64_t rank)
      : evaluator(program, rendezvous, rank) {}

  RankEvaluator evaluator;
  llvm::SmallVector<RuntimeValue> results;
};

} // namespace

static Interpretation makeFailure(Outcome outcome, std::string message) {
  Interpretation failure;
  failure.outcome = outcome;
  failure.message = std::move(message);
  return failure;
}

/// Runs all ranks, one thread each (a single rank on the calling thread).
static void runRanks(std::vector<std::unique_ptr<RankRun>> &runs,
                     Rendezvous &rendezvous,
                     ArrayRef<llvm::SmallVector<RuntimeValue>> arguments) {
  auto runRank = [&](int64_t rank) {
    RankRun &run = *runs[rank];
    auto results = run.evaluator.run(arguments[rank]);
    if (succeeded(results))
      run.results = std::move(*results);
    rendezvous.end(rank, succeeded(results) ? "has returned" : "has stopped");
  };
  if (runs.size() == 1)
    return runRank(0);
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < static_cast<int64_t>(runs.size()); ++rank)
    threads.emplace_back(runRank, rank);
  for (std::thread &thread : threads)
    thread.join();
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

/// Returns the sum of partial sums in rank order, in f64, in their own type.
static Tensor addPartials(ArrayRef<TensorRef> parts, Arithmetic arithmetic) {
  Tensor sum = *parts.front();
  for (const TensorRef &part : parts.drop_front())
    for (auto [total, addend] : llvm::zip_equal(sum.data, part->data))
      total += addend;
  for (double &total : sum.data)
    total = arithmetic == Arithmetic::f64
                ? total
                : roundTo(sum.element, static_cast<float>(total));
  return sum;
}

/// Returns the bits of an element, the same for every NaN.
static bool isSame(double a, double b) {
  return (a == b && std::signbit(a) == std::signbit(b)) ||
         (std::isnan(a) && std::isnan(b));
}

/// Returns where two tensors differ first, or nothing.
static std::optional<size_t> findDifference(const Tensor &a, const Tensor &b) {
  if (a.shape != b.shape)
    return 0;
  for (size_t i = 0; i < a.data.size(); ++i)
    if (!isSame(a.data[i], b.data[i]))
      return i;
  return std::nullopt;
}

/// Joins one result; `parts` holds what each rank returned. Sets `error` if a
/// replicated result differs.
static Tensor joinResult(Type type, ArrayRef<TensorRef> parts,
                         Arithmetic arithmetic, std::string &error) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  Attribute encoding = tensor ? tensor.getEncoding() : Attribute();
  if (isa_and_nonnull<RootAttr>(encoding))
    return *parts.front();
  if (isa_and_nonnull<PartialAttr>(encoding))
    return addPartials(parts, arithmetic);
  if (isInRows(type))
    return joinRows(parts);
  bool isColumns = isa_and_nonnull<ColumnsAttr>(encoding);
  Tensor whole = isColumns ? joinColumns(parts, tensor) : *parts.front();
  int64_t ranks = static_cast<int64_t>(parts.size());
  for (int64_t rank = 0; rank < ranks; ++rank) {
    // Copies of a KV head, too, are the same on every rank that has one.
    Tensor expected =
        isColumns ? sliceColumns(whole, getColumnSpan(tensor, rank, ranks))
                  : whole;
    if (std::optional<size_t> i = findDifference(expected, *parts[rank])) {
      error = "element " + std::to_string(*i) + " differs on rank " +
              std::to_string(rank) + ", expected the same on every rank";
      break;
    }
  }
  return whole;
}

/// Returns a result as a tensor: integers become i64 scalars.
static TensorRef toTensor(const RuntimeValue &value, Type type) {
  if (!type.isIntOrIndex())
    return value.tensor;
  auto scalar = std::make_shared<Tensor>(Element::i64, std::vector<int64_t>());
  scalar->data[0] = static_cast<double>(value.integer);
  return scalar;
}

static Interpretation joinResults(func::FuncOp function, Arithmetic arithmetic,
                                  ArrayRef<std::unique_ptr<RankRun>> runs) {
  Interpretation interpretation;
  for (auto [i, type] : llvm::enumerate(function.getResultTypes())) {
    std::vector<TensorRef> parts;
    for (const std::unique_ptr<RankRun> &run : runs)
      parts.push_back(toTensor(run->results[i], type));
    std::string error;
    Tensor joined = joinResult(type, parts, arithmetic, error);
    if (!error.empty())
      return makeFailure(Outcome::checkFailed,
                         "result " + std::to_string(i) + ": " + error);
    bool isFloat =
        joined.element != Element::i32 && joined.element != Element::i64;
    if (arithmetic == Arithmetic::f64 && isFloat)
      joined.element = Element::f64;
    interpretation.results.push_back(std::move(joined));
  }
  return interpretation;
}

//===----------------------------------------------------------------------===//
// Entry
//===----------------------------------------------------------------------===//

/// Returns the attributes of the module's collectives.
static llvm::DenseMap<Operation *, DictionaryAttr>
findCollectives(ModuleOp module) {
  llvm::DenseMap<Operation *, DictionaryAttr> collectives;
  module.walk([&](Operation *op) {
    if (isa<AllReduceOp, ReduceScatterOp, AllReduceResidualRmsNormOp,
            AllGatherOp, GatherOp>(op))
      collectives[op] = op->getAttrDictionary();
  });
  return collectives;
}

/// Returns the failure of the lowest rank that failed, if any did.
static std::optional<Interpretation>
findFailure(ArrayRef<std::unique_ptr<RankRun>> runs,
            const Rendezvous &rendezvous) {
  for (const std::unique_ptr<RankRun> &run : runs)
    if (run->evaluator.outcome != Outcome::ok)
      return makeFailure(run->evaluator.outcome, run->evaluator.message);
  if (std::string failure = rendezvous.describeFailure(); !failure.empty())
    return makeFailure(Outcome::checkFailed, failure);
  return std::nullopt;
}

/// Elements that the weights of a module, one layer each, may have together:
/// they are all drawn into memory.
static constexpr int64_t kMaxWeightElements = int64_t(1) << 30;

/// Names the weight with which a module has more elements than that; empty if
/// it has not.
static std::string findLargeWeight(ModuleOp module) {
  int64_t total = 0;
  for (auto weight : module.getOps<WeightOp>()) {
    int64_t elements = weight.getTensorType().getNumElements();
    if (weight.getDerivedAttr())
      continue;
    if (elements > kMaxWeightElements - total)
      return "@" + weight.getSymName().str() + ": " + std::to_string(elements) +
             " elements, expected at most " +
             std::to_string(kMaxWeightElements) +
             " in all weights of a module that is interpreted";
    total += elements;
  }
  return {};
}

/// Layers that the loops of a module may have together, an inner loop once for
/// each layer around it; as `--llama-unroll-layers` allows.
static constexpr int64_t kMaxLayers = 65536;

/// Names the loop that runs more layers than that; empty without one.
static std::string findDeepLoop(ModuleOp module) {
  std::string found;
  module.walk([&](LayersOp loop) {
    std::optional<int64_t> layers = 1;
    for (LayersOp outer = loop; outer && layers;
         outer = outer->getParentOfType<LayersOp>())
      layers = checkedMul<int64_t>(*layers, outer.getCount());
    if (layers && *layers <= kMaxLayers)
      return WalkResult::advance();
    found = describeLocation(loop.getLoc()) + ": 'llama.layers': " +
            (layers ? std::to_string(*layers) : "2^63 or more") +
            " layers, expected at most " + std::to_string(kMaxLayers) +
            " in a module that is interpreted";
    return WalkResult::interrupt();
  });
  return found;
}

Interpretation lamina::interpret(func::FuncOp function,
                                 const InterpreterOptions &options) {
  auto module = function->getParentOfType<ModuleOp>();
  if (function.isExternal())
    return makeFailure(Outcome::unsupported,
                       "@" + function.getSymName().str() +
                           ": a declaration, expected a function with a body");
  SymbolTable symbols(module);
  WeightCache ownCache;
  WeightTable weights(symbols, options.weightSeed, options.modelFolder,
                      options.weights ? *options.weights : ownCache);
  int64_t ranks = 1;
  if (auto attribute =
          module->getAttrOfType<IntegerAttr>(LlamaDialect::getRanksAttrName()))
    ranks = attribute.getInt();
  if (std::string large = findLargeWeight(module); !large.empty())
    return makeFailure(Outcome::limit, large);
  if (std::string deep = findDeepLoop(module); !deep.empty())
    return makeFailure(Outcome::limit, deep);
  Outcome outcome = Outcome::ok;
  for (WeightOp weight : module.getOps<WeightOp>()) {
    if (weight.getSource())
      if (std::string wrong = weights.checkFiles(weight, outcome);
          !wrong.empty())
        return makeFailure(outcome, wrong);
  }
  std::string error;
  auto arguments =
      drawArguments(function, options, ranks, weights, symbols, error, outcome);
  if (!error.empty())
    return makeFailure(outcome,
                       "@" + function.getSymName().str() + ": " + error);
  Program program{function,           symbols, weights,
                  options.arithmetic, ranks,   findCollectives(module)};
  Rendezvous rendezvous(ranks);
  std::vector<std::unique_ptr<RankRun>> runs;
  for (int64_t rank = 0; rank < ranks; ++rank)
    runs.push_back(std::make_unique<RankRun>(program, rendezvous, rank));
  runRanks(runs, rendezvous, arguments);
  if (std::optional<Interpretation> failure = findFailure(runs, rendezvous))
    return *failure;
  return joinResults(function, options.arithmetic, runs);
}
