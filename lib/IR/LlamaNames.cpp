//===- LlamaNames.cpp - Names of results in the assembly ------------------===//

#include "lamina/IR/LlamaOps.h"

using namespace mlir;
using namespace lamina;

void EmbedOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getEmbedded(), "x");
}
void SelectRowsOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getSelected(), "rows");
}
void ShardRowsOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getRows(), "h");
}
void RmsNormOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getNormed(), "n");
}
void ResidualRmsNormOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getNormed(), "n");
  setName(getNewResidual(), "h");
}
void AddOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getSum(), "h");
}
void SiluMulOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getGated(), "gated");
}
void RopeOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getRotated(), "rotated");
}
void AttentionOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getAttended(), "attended");
}
void AllReduceOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getReduced(), "sum");
}
void ReduceScatterOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getReduced(), "sum");
}
void AllReduceResidualRmsNormOp::getAsmResultNames(
    OpAsmSetValueNameFn setName) {
  setName(getNormed(), "n");
  setName(getNewResidual(), "h");
}
void AllGatherOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getGathered(), "gathered");
}
void GatherOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getGathered(), "gathered");
}

/// The product with `@wq` is `%q`, with `@gate` it is `%gate`.
void LinearOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  StringRef name = getWeight();
  if (name.size() == 2 && name.front() == 'w')
    name = name.drop_front();
  if (getNumResults() == 1)
    setName(getProducts().front(), name);
  else
    for (Value product : getProducts())
      setName(product, "p");
}
