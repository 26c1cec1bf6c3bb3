//===- LlamaEvaluator.cpp - The ops of the llama dialect ------------------===//

#include "RankEvaluator.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace lamina;
using namespace mlir;

/// Dynamic numbers of rows that differ have one type.
LogicalResult RankEvaluator::checkRows(Operation *op) {
  std::optional<int64_t> rows, ownRows; // of values in rows
  for (Value operand : op->getOperands()) {
    if (!isa<RankedTensorType>(operand.getType()))
      continue;
    std::optional<int64_t> &known =
        isInRows(operand.getType()) ? ownRows : rows;
    int64_t found = get(operand).rows();
    if (known && found != *known)
      return fail(op, Outcome::malformed,
                  "operands with " + llvm::Twine(*known) + " and " +
                      llvm::Twine(found) + " rows, expected the same number");
    known = found;
  }
  if (!rows || !ownRows)
    return success();
  int64_t expected = getRowSpan(*rows, rank, program.ranks).size();
  if (*ownRows == expected)
    return success();
  return fail(op, Outcome::malformed,
              llvm::Twine(*ownRows) + " of " + llvm::Twine(*rows) +
                  " rows on rank " + llvm::Twine(rank) + ", expected " +
                  llvm::Twine(expected));
}

LogicalResult RankEvaluator::checkOperands(Operation *op) {
  for (Value operand : op->getOperands())
    if (isa<RankedTensorType>(operand.getType()) && !(*env)[operand].tensor)
      return fail(op, Outcome::malformed,
                  "rank " + llvm::Twine(rank) +
                      " reads a value that only rank 0 has");
  return isa<SelectRowsOp>(op) ? success() : checkRows(op);
}

LogicalResult RankEvaluator::evaluateLlama(Operation *op) {
  if (auto layers = dyn_cast<LayersOp>(op))
    return visit(layers);
  if (failed(checkOperands(op)))
    return failure();
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<EmbedOp, SelectRowsOp, ShardRowsOp, RmsNormOp, ResidualRmsNormOp,
            LinearOp, SiluMulOp, AddOp, RopeOp, AttentionOp, AllReduceOp,
            ReduceScatterOp, AllReduceResidualRmsNormOp, AllGatherOp, GatherOp,
            TapOp>([&](auto concrete) { return visit(concrete); })
      .Default([&](Operation *) {
        return fail(op, Outcome::unsupported,
                    "an op that the interpreter does not evaluate");
      });
}

LogicalResult RankEvaluator::visit(LayersOp op) {
  SmallVector<RuntimeValue> values = llvm::map_to_vector(
      op.getInits(), [&](Value init) { return (*env)[init]; });
  Block &body = op.getBody().front();
  for (int64_t layer = 0; layer < static_cast<int64_t>(op.getCount());
       ++layer) {
    (*env)[body.getArgument(0)].integer = layer;
    for (auto [argument, value] :
         llvm::zip_equal(body.getArguments().drop_front(), values))
      (*env)[argument] = value;
    auto yielded = evaluateBlock(body);
    if (failed(yielded))
      return failure();
    values = std::move(*yielded);
  }
  for (auto [result, value] : llvm::zip_equal(op.getFinals(), values))
    (*env)[result] = value;
  return success();
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

int64_t RankEvaluator::getLayer(Value layer, IntegerAttr index) {
  if (index)
    return index.getInt();
  return layer ? (*env)[layer].integer : 0;
}

FailureOr<std::vector<float>> RankEvaluator::getVector(Operation *op,
                                                       FlatSymbolRefAttr symbol,
                                                       int64_t layer) {
  if (!symbol)
    return std::vector<float>();
  if (!program.weights.find(symbol).getLayers())
    layer = 0;
  std::vector<float> elements = program.weights.getVector(symbol, layer);
  if (elements.empty())
    return fail(op, Outcome::malformed,
                "layer " + llvm::Twine(layer) + " of @" + symbol.getValue() +
                    ", which has none such");
  return elements;
}

//===----------------------------------------------------------------------===//
// Rows in and out
//===----------------------------------------------------------------------===//

/// Returns element `i` of a weight: exact with f64, else as f32 in `element`.
static double getEmbedded(Arithmetic arithmetic, const WeightValues &weight,
                          size_t i, Element element) {
  // Rounded also where the storage type is the result's, so that a row of
  // subnormals is the same whole and as a partial sum.
  if (arithmetic == Arithmetic::stated)
    return roundTo(element, weight.values[i]);
  if (std::holds_alternative<Element>(weight.storage))
    return weight.values[i];
  size_t block = i / weight.subBlock;
  double value = static_cast<double>(weight.scales[block]) * weight.q[i];
  return weight.minimums.empty() ? value : value - weight.minimums[block];
}

LogicalResult RankEvaluator::visit(EmbedOp op) {
  WeightOp weight = program.weights.find(op.getWeightAttr());
  auto values = program.weights.getValues({weight, 0});
  const Tensor &ids = get(op.getIds());
  int64_t features = values->columns;
  Span mine{0, values->rows};
  if (SplitAttr split = weight.getSplitAttr())
    mine = getRankSpan(values->rows, split.getUnit(), rank, program.ranks);
  Tensor embedded(*getElement(op.getType()),
                  {static_cast<int64_t>(ids.data.size()), features});
  for (int64_t t = 0; t < embedded.rows(); ++t) {
    int64_t id = static_cast<int64_t>(ids.data[t]);
    if (id < 0 || id >= values->rows)
      return fail(op, Outcome::malformed,
                  "id " + llvm::Twine(id) + ", expected 0 to " +
                      llvm::Twine(values->rows - 1));
    bool isMine = id >= mine.begin && id < mine.end;
    for (int64_t c = 0; c < features; ++c)
      embedded.row(t)[c] =
          isMine ? getEmbedded(program.arithmetic, *values, id * features + c,
                               embedded.element)
                 : -0.0;
  }
  set(op.getResult(), std::move(embedded));
  return success();
}

LogicalResult RankEvaluator::visit(SelectRowsOp op) {
  const Tensor &input = get(op.getInput());
  const Tensor &wanted = get(op.getWanted());
  Tensor selected(input.element,
                  {static_cast<int64_t>(wanted.data.size()), input.columns()});
  for (int64_t i = 0; i < selected.rows(); ++i) {
    int64_t t = static_cast<int64_t>(wanted.data[i]);
    if (t < 0 || t >= input.rows())
      return fail(op, Outcome::malformed,
                  "row " + llvm::Twine(t) + " of " + llvm::Twine(input.rows()));
    std::copy(input.row(t), input.row(t) + input.columns(), selected.row(i));
  }
  set(op.getResult(), std::move(selected));
  return success();
}

LogicalResult RankEvaluator::visit(ShardRowsOp op) {
  set(op.getResult(), takeOwnRows(get(op.getWhole())));
  return success();
}

//===----------------------------------------------------------------------===//
// Norms, products and element-wise ops
//===----------------------------------------------------------------------===//

template <typename Op>
FailureOr<Tensor> RankEvaluator::norm(Op op, const Tensor &input) {
  auto weight = getVector(op, op.getWeightAttr(),
                          getLayer(op.getLayer(), op.getIndexAttr()));
  if (failed(weight))
    return failure();
  return rmsNorm(program.arithmetic, input, *weight,
                 op.getEps().convertToDouble(), op.getNorm(),
                 *getElement(op.getNormed().getType()));
}

LogicalResult RankEvaluator::visit(RmsNormOp op) {
  FailureOr<Tensor> normed = norm(op, get(op.getInput()));
  if (failed(normed))
    return failure();
  set(op.getNormed(), std::move(*normed));
  return success();
}

LogicalResult RankEvaluator::visit(ResidualRmsNormOp op) {
  set(op.getNewResidual(),
      add(program.arithmetic, get(op.getResidual()), get(op.getUpdate())));
  FailureOr<Tensor> normed = norm(op, get(op.getNewResidual()));
  if (failed(normed))
    return failure();
  set(op.getNormed(), std::move(*normed));
  return success();
}

LogicalResult RankEvaluator::linearPart(LinearOp op, unsigned part,
                                        const WeightLayer &source,
                                        ArrayRef<float> bias) {
  WeightSlice slice{program.weights.getValues(source), {}, {}};
  slice.out = {0, slice.weight->rows};
  slice.in = {0, slice.weight->columns};
  if (SplitAttr split = WeightOp(source.weight).getSplitAttr()) {
    Span &span = split.getKind() == SplitKind::columns ? slice.out : slice.in;
    span = getRankSpan(span.size(), split.getUnit(), rank, program.ranks);
  }
  const Tensor &input = get(op.getInput());
  int64_t chunks = Tensor::getCount(op.getLeaves());
  // 32 features of int8 activations have one scale.
  int64_t unit = op.getInt8() ? 32 : slice.weight->subBlock;
  if (input.columns() != slice.in.size())
    return fail(op, Outcome::malformed,
                llvm::Twine(input.columns()) + " input features on rank " +
                    llvm::Twine(rank) + ", expected " +
                    llvm::Twine(slice.in.size()));
  if (slice.in.begin % unit || slice.in.size() % (chunks * unit))
    return fail(op, Outcome::malformed,
                "leaves that are no whole chunks of " + llvm::Twine(unit) +
                    " features on rank " + llvm::Twine(rank));
  if (!bias.empty())
    bias = bias.slice(slice.out.begin, slice.out.size());
  Value product = op.getProducts()[part];
  set(product, linear(program.arithmetic, input, slice, bias, op.getLeaves(),
                      op.getInt8(), *getElement(product.getType())));
  return success();
}

LogicalResult RankEvaluator::visit(LinearOp op) {
  int64_t layer = getLayer(op.getLayer(), op.getIndexAttr());
  SmallVector<WeightLayer> sources =
      program.weights.resolve(program.weights.find(op.getWeightAttr()), layer);
  if (sources.size() != op.getProducts().size())
    return fail(op, Outcome::malformed,
                "layer " + llvm::Twine(layer) + " of @" + op.getWeight() +
                    ", which has none such");
  auto bias = getVector(op, op.getBiasAttr(), layer);
  if (failed(bias))
    return failure();
  ArrayRef<float> rest(*bias);
  for (auto [part, source] : llvm::enumerate(sources)) {
    int64_t out = source.weight.getOut();
    if (failed(linearPart(op, part, source,
                          rest.empty() ? rest : rest.take_front(out))))
      return failure();
    rest = rest.empty() ? rest : rest.drop_front(out);
  }
  return success();
}

LogicalResult RankEvaluator::visit(SiluMulOp op) {
  set(op.getResult(),
      siluMul(program.arithmetic, get(op.getGate()), get(op.getUp())));
  return success();
}

LogicalResult RankEvaluator::visit(AddOp op) {
  set(op.getResult(),
      add(program.arithmetic, get(op.getResidual()), get(op.getUpdate())));
  return success();
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

LogicalResult RankEvaluator::visit(RopeOp op) {
  set(op.getResult(),
      rope(program.arithmetic, get(op.getInput()), get(op.getPositions()),
           op.getFrequencies().getInverseFrequencies().asArrayRef(),
           op.getPairing()));
  return success();
}

FailureOr<AttentionParameters> RankEvaluator::getParameters(AttentionOp op) {
  AttentionParameters parameters;
  parameters.layer = getLayer(op.getLayer(), op.getIndexAttr());
  parameters.headDim = op.getHeadDim();
  parameters.group = op.getHeads() / op.getKvHeads();
  parameters.scale = op.getScale().convertToDouble();
  parameters.kv = *getElement(op.getKv());
  auto getHeads = [&](Value value) {
    Span columns = getColumnSpan(cast<RankedTensorType>(value.getType()), rank,
                                 program.ranks);
    return Span{columns.begin / parameters.headDim,
                columns.end / parameters.headDim};
  };
  parameters.heads = getHeads(op.getQuery());
  parameters.kvHeads = getHeads(op.getKey());
  for (int64_t h = parameters.heads.begin; h < parameters.heads.end; ++h) {
    int64_t kvHead = h / parameters.group;
    if (kvHead < parameters.kvHeads.begin || kvHead >= parameters.kvHeads.end)
      return fail(op, Outcome::malformed,
                  "query head " + llvm::Twine(h) + " is on rank " +
                      llvm::Twine(rank) + ", its key-value head " +
                      llvm::Twine(kvHead) + " is not");
  }
  return parameters;
}

LogicalResult RankEvaluator::visit(AttentionOp op) {
  FailureOr<AttentionParameters> parameters = getParameters(op);
  if (failed(parameters))
    return failure();
  AttentionInputs inputs{get(op.getQuery()), get(op.getKey()),
                         get(op.getValue()), get(op.getPositions()),
                         get(op.getSequences())};
  std::string error =
      writeCache(program.arithmetic, inputs, *parameters, cache);
  Tensor attended;
  if (error.empty())
    error = attend(program.arithmetic, inputs, *parameters, cache, attended);
  if (!error.empty())
    return fail(op, Outcome::malformed, error);
  set(op.getResult(), std::move(attended));
  return success();
}

//===----------------------------------------------------------------------===//
// Collectives
//===----------------------------------------------------------------------===//

template <typename Op>
TensorRef RankEvaluator::reduce(Op op, Element element) {
  auto bias = getVector(op, op.getBiasAttr(),
                        getLayer(op.getBiasLayer(), op.getBiasIndexAttr()));
  if (failed(bias))
    return nullptr;
  return rendezvous.meet(rank, op, program.collectives.lookup(op),
                         {(*env)[op.getPartial()].tensor, /*isInRows=*/false},
                         [&](ArrayRef<TensorRef> partials) {
                           return allReduce(program.arithmetic, partials, *bias,
                                            op.getSum(), op.getTree(), element);
                         });
}

TensorRef RankEvaluator::join(Operation *op, RankedTensorType type,
                              TensorRef part) {
  bool areRows = isInRows(type);
  return rendezvous.meet(
      rank, op, program.collectives.lookup(op), {std::move(part), areRows},
      [&](ArrayRef<TensorRef> parts) {
        return areRows ? joinRows(parts) : joinColumns(parts, type);
      });
}

LogicalResult RankEvaluator::visit(AllReduceOp op) {
  TensorRef sum = reduce(op, *getElement(op.getType()));
  set(op.getResult(), sum);
  return success(sum != nullptr);
}

LogicalResult RankEvaluator::visit(ReduceScatterOp op) {
  TensorRef sum = reduce(op, *getElement(op.getType()));
  if (!sum)
    return failure();
  set(op.getResult(), takeOwnRows(*sum));
  return success();
}

LogicalResult RankEvaluator::visit(AllReduceResidualRmsNormOp op) {
  TensorRef sum = reduce(op, *getElement(op.getResidual().getType()));
  if (!sum)
    return failure();
  RankedTensorType residual = op.getResidual().getType();
  set(op.getNewResidual(), add(program.arithmetic, get(op.getResidual()),
                               isInRows(residual) ? takeOwnRows(*sum) : *sum));
  FailureOr<Tensor> normed = norm(op, get(op.getNewResidual()));
  if (failed(normed))
    return failure();
  auto whole = std::make_shared<const Tensor>(std::move(*normed));
  set(op.getNormed(), isInRows(residual) ? join(op, residual, whole) : whole);
  return success((*env)[op.getNormed()].tensor != nullptr);
}

LogicalResult RankEvaluator::visit(AllGatherOp op) {
  TensorRef whole =
      join(op, op.getParts().getType(), (*env)[op.getParts()].tensor);
  set(op.getResult(), whole);
  return success(whole != nullptr);
}

LogicalResult RankEvaluator::visit(GatherOp op) {
  TensorRef whole =
      join(op, op.getColumns().getType(), (*env)[op.getColumns()].tensor);
  set(op.getResult(), rank == 0 ? whole : nullptr);
  return success(whole != nullptr);
}
