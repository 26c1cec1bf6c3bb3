//===- RankEvaluator.h - One rank's run of a program ------------*- C++ -*-===//

#ifndef LAMINA_LIB_INTERPRETER_RANKEVALUATOR_H
#define LAMINA_LIB_INTERPRETER_RANKEVALUATOR_H

#include "Kernels.h"
#include "Rendezvous.h"
#include "WeightTable.h"
#include "lamina/IR/LlamaOps.h"
#include "lamina/Interpreter/Interpreter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace lamina {

/// A value at run time: a tensor (also a floating-point scalar, of no
/// dimensions), or an integer.
struct RuntimeValue {
  TensorRef tensor;
  int64_t integer = 0;
};

/// What the ranks share and only read.
struct Program {
  mlir::func::FuncOp entry;
  const mlir::SymbolTable &symbols;
  const WeightTable &weights;
  Arithmetic arithmetic;
  int64_t ranks;
  /// The attributes of each collective.
  llvm::DenseMap<mlir::Operation *, mlir::DictionaryAttr> collectives;
};

/// Runs a program as one rank. Every `visit` returns failure after `fail`, or
/// silently where the ranks never meet.
class RankEvaluator {
public:
  RankEvaluator(const Program &program, Rendezvous &rendezvous, int64_t rank)
      : program(program), rendezvous(rendezvous), rank(rank) {}

  mlir::FailureOr<llvm::SmallVector<RuntimeValue>>
  run(llvm::ArrayRef<RuntimeValue> arguments) {
    return call(program.entry, arguments);
  }

  /// How a failed run failed; `ok` if it only waited for ever.
  Outcome outcome = Outcome::ok;
  std::string message;

private:
  using Environment = llvm::DenseMap<mlir::Value, RuntimeValue>;

  // Control flow and upstream ops: RankEvaluator.cpp.
  mlir::FailureOr<llvm::SmallVector<RuntimeValue>>
  call(mlir::func::FuncOp function, llvm::ArrayRef<RuntimeValue> arguments);
  /// Evaluates the ops of `block`; the terminator's operands are its value.
  mlir::FailureOr<llvm::SmallVector<RuntimeValue>>
  evaluateBlock(mlir::Block &block);
  mlir::LogicalResult evaluate(mlir::Operation *op);
  mlir::LogicalResult evaluateUpstream(mlir::Operation *op);
  mlir::LogicalResult visit(mlir::func::CallOp op);
  mlir::LogicalResult visit(mlir::scf::IfOp op);
  mlir::LogicalResult visit(mlir::arith::ConstantOp op);
  mlir::LogicalResult visit(mlir::tensor::CastOp op);
  mlir::LogicalResult visit(mlir::tensor::DimOp op);
  mlir::LogicalResult visit(mlir::tensor::ExpandShapeOp op);
  mlir::LogicalResult visit(mlir::tensor::CollapseShapeOp op);
  mlir::LogicalResult convert(mlir::Operation *op);

  // The llama ops: LlamaEvaluator.cpp.
  mlir::LogicalResult evaluateLlama(mlir::Operation *op);
  mlir::LogicalResult visit(LayersOp op);
  mlir::LogicalResult visit(EmbedOp op);
  mlir::LogicalResult visit(SelectRowsOp op);
  mlir::LogicalResult visit(ShardRowsOp op);
  mlir::LogicalResult visit(RmsNormOp op);
  mlir::LogicalResult visit(ResidualRmsNormOp op);
  mlir::LogicalResult visit(LinearOp op);
  mlir::LogicalResult visit(SiluMulOp op);
  mlir::LogicalResult visit(AddOp op);
  mlir::LogicalResult visit(RopeOp op);
  mlir::LogicalResult visit(AttentionOp op);
  mlir::LogicalResult visit(AllReduceOp op);
  mlir::LogicalResult visit(ReduceScatterOp op);
  mlir::LogicalResult visit(AllReduceResidualRmsNormOp op);
  mlir::LogicalResult visit(AllGatherOp op);
  mlir::LogicalResult visit(GatherOp op);
  mlir::LogicalResult visit(TapOp) { return mlir::success(); } // no meaning

  /// Sums `partial` over the ranks for either collective, in `element`.
  template <typename Op>
  TensorRef reduce(Op op, Element element);
  /// Joins the parts that the ranks have of a value of type `type`.
  TensorRef join(mlir::Operation *op, mlir::RankedTensorType type,
                 TensorRef part);
  /// Returns the rows of `whole` that this rank has of a value in rows.
  Tensor takeOwnRows(const Tensor &whole) {
    return sliceRows(whole, getRowSpan(whole.rows(), rank, program.ranks));
  }
  /// Returns the norm of `input` with the weight of `op`.
  template <typename Op>
  mlir::FailureOr<Tensor> norm(Op op, const Tensor &input);
  mlir::LogicalResult linearPart(LinearOp op, unsigned part,
                                 const WeightLayer &source,
                                 llvm::ArrayRef<float> bias);
  mlir::FailureOr<AttentionParameters> getParameters(AttentionOp op);

  /// Returns the layer of a reference, 0 without one.
  int64_t getLayer(mlir::Value layer, mlir::IntegerAttr index);
  /// Returns the vector named `symbol`; empty for a null symbol.
  mlir::FailureOr<std::vector<float>>
  getVector(mlir::Operation *op, mlir::FlatSymbolRefAttr symbol, int64_t layer);
  /// Returns an error unless this rank has all tensor operands of `op`, with
  /// one number of rows.
  mlir::LogicalResult checkOperands(mlir::Operation *op);
  mlir::LogicalResult checkRows(mlir::Operation *op);

  const Tensor &get(mlir::Value value) { return *(*env)[value].tensor; }
  void set(mlir::Value value, Tensor tensor) {
    (*env)[value].tensor = std::make_shared<const Tensor>(std::move(tensor));
  }
  void set(mlir::Value value, TensorRef tensor) {
    (*env)[value].tensor = std::move(tensor);
  }
  /// Records the first failure of this rank, as text about `op`.
  mlir::LogicalResult fail(mlir::Operation *op, Outcome outcome,
                           const llvm::Twine &text);

  const Program &program;
  Rendezvous &rendezvous;
  int64_t rank;
  Environment *env = nullptr;
  RankCache cache;
  int depth = 0;
};

} // namespace lamina

#endif // LAMINA_LIB_INTERPRETER_RANKEVALUATOR_H
