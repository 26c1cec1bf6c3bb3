//===- ShardResidual.cpp - Keep the residual in rows of the ranks ---------===//
//
// fused(p, h) -> all_gather(fused(p, shard_rows(h)))
// shard_rows(all_gather(x)) -> x, and an all_gather that nobody reads goes
//
//===----------------------------------------------------------------------===//

#include "FusionSites.h"
#include "ResidualStreams.h"
#include "lamina/IR/LlamaDistribution.h"
#include "lamina/Transforms/Passes.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"

namespace lamina {
#define GEN_PASS_DEF_SHARDRESIDUALPASS
#include "lamina/Transforms/Passes.h.inc"
} // namespace lamina

using namespace mlir;
using namespace lamina;

namespace {

constexpr StringLiteral kCategory = "llama-shard-residual";

/// With fewer rows a rank, the parts of the ranks differ by a factor or more.
constexpr int64_t kRowsWorthSharing = 2;

remark::RemarkOpts getRemarkOptions(StringRef name, Operation *op) {
  return remark::RemarkOpts::name(name).category(kCategory).function(
      getFunctionName(op));
}

//===----------------------------------------------------------------------===//
// The choice
//===----------------------------------------------------------------------===//

/// Returns why `stream` stays whole, if it does; emits the remark.
bool isLeftWhole(const ResidualStream &stream, int64_t ranks) {
  AllReduceResidualRmsNormOp first = stream.sites.front();
  int64_t tokens = first.getResidual().getType().getDimSize(0);
  auto miss = [&](StringRef name) {
    return remark::missed(first.getLoc(), getRemarkOptions(name, first));
  };
  if (ranks == 1) {
    miss("OneRank") << remark::reason("the one rank has all rows")
                    << remark::suggest("choose several ranks");
    return true;
  }
  if (!ShapedType::isDynamic(tokens) && tokens / kRowsWorthSharing < ranks) {
    miss("FewRows") << remark::reason("{0} rows on {1} ranks: some would have "
                                      "none, and wait for the others at every "
                                      "site",
                                      tokens, ranks)
                    << remark::suggest("let the number of tokens be dynamic");
    return true;
  }
  if (isa_and_nonnull<SelectRowsOp>(findRowSource(first.getResidual()))) {
    miss("SelectedRows")
        << remark::reason("the residual has the wanted rows of a step: they "
                          "are few, and programs keep no part of them")
        << remark::suggest("select the rows behind the last site");
    return true;
  }
  // A gather sends what a site saves, and is one collective more.
  if (stream.reader &&
      stream.gathersRun >= stream.sitesRun - stream.gathersRun) {
    miss("OtherReaders")
        << remark::reason("{0} reads the whole residual too: {1} gathers a "
                          "step for other readers, {2} sites that would share "
                          "less",
                          stream.reader->getName().getStringRef(),
                          stream.gathersRun, stream.sitesRun)
        << remark::suggest("let fewer ops read the residual");
    return true;
  }
  return false;
}

void reportSharded(const ResidualStream &stream, int64_t ranks) {
  AllReduceResidualRmsNormOp first = stream.sites.front();
  RankedTensorType type = first.getResidual().getType();
  int64_t rowBytes =
      multiplySaturating(type.getDimSize(1), type.getElementTypeBitWidth() / 8);
  remark::passed(first.getLoc(), getRemarkOptions("Sharded", first))
      << "each rank keeps its rows of the residual, and shares normed rows "
         "only; a step of one row is done by rank 0"
      << remark::metric("Ranks", ranks)
      << remark::metric("Sites", stream.sitesRun)
      << remark::metric("Gathers", stream.gathersRun)
      << remark::metric(
             "SentBytesSavedPerToken",
             multiplySaturating(multiplySaturating(rowBytes, ranks - 1),
                                stream.sitesRun - stream.gathersRun))
      << remark::metric("ResidualBytesSavedPerToken",
                        rowBytes - llvm::divideCeil(rowBytes, ranks));
}

//===----------------------------------------------------------------------===//
// The rewrite
//===----------------------------------------------------------------------===//

/// Rewrites the ops of a stream one by one; every step keeps the meaning.
class StreamSharder {
public:
  StreamSharder(const ResidualStream &stream, RankedTensorType whole)
      : stream(stream), rewriter(whole.getContext()), whole(whole),
        rows(withDistribution(whole, RowsAttr::get(whole.getContext()))) {}

  void run();

private:
  /// Makes `operand`, a whole value, its rows. They are taken where the value
  /// is made, so that nobody keeps the whole of it for them.
  void shard(OpOperand &operand);
  /// Gives `value` rows; who reads it whole reads an all_gather, which is put
  /// at the insertion point.
  void gather(Value value, Location loc);
  void shardLoop(LayersOp loop, unsigned number);
  void fold();

  const ResidualStream &stream;
  IRRewriter rewriter;
  RankedTensorType whole, rows;
  SmallVector<ShardRowsOp> shards;
  SmallVector<AllGatherOp> gathers;
};

void StreamSharder::shard(OpOperand &operand) {
  Operation *user = operand.getOwner();
  rewriter.setInsertionPointAfterValue(operand.get());
  auto made =
      ShardRowsOp::create(rewriter, user->getLoc(), rows, operand.get());
  rewriter.modifyOpInPlace(user, [&] { operand.set(made.getRows()); });
  shards.push_back(made);
}

void StreamSharder::gather(Value value, Location loc) {
  value.setType(rows);
  auto made = AllGatherOp::create(rewriter, loc, whole, value);
  rewriter.replaceAllUsesExcept(value, made.getGathered(), made);
  gathers.push_back(made);
}

void StreamSharder::shardLoop(LayersOp loop, unsigned number) {
  shard(loop->getOpOperand(number));
  shard(loop.getYield()->getOpOperand(number));
  rewriter.setInsertionPointToStart(&loop.getBody().front());
  gather(loop.getRegionIterArgs()[number], loop.getLoc());
  rewriter.setInsertionPointAfter(loop);
  gather(loop.getResult(number), loop.getLoc());
}

/// Takes what each `shard_rows` was gathered of, then the gathers away that
/// nobody reads.
void StreamSharder::fold() {
  for (ShardRowsOp made : shards) {
    auto joined = made.getWhole().getDefiningOp<AllGatherOp>();
    if (joined && llvm::is_contained(gathers, joined))
      rewriter.replaceOp(made, joined.getParts());
  }
  for (AllGatherOp made : gathers)
    if (made.getGathered().use_empty())
      rewriter.eraseOp(made);
}

void StreamSharder::run() {
  for (AllReduceResidualRmsNormOp site : stream.sites) {
    shard(site.getResidualMutable());
    rewriter.setInsertionPointAfter(site);
    gather(site.getNewResidual(), site.getLoc());
  }
  for (auto [loop, number] : stream.loops)
    shardLoop(loop, number);
  fold();
}

struct ShardResidualPass
    : lamina::impl::ShardResidualPassBase<ShardResidualPass> {
  void runOnOperation() override {
    int64_t ranks = getRanks(getOperation()).value_or(1);
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (const ResidualStream &stream : findResidualStreams(function)) {
        if (isLeftWhole(stream, ranks))
          continue;
        reportSharded(stream, ranks);
        AllReduceResidualRmsNormOp first = stream.sites.front();
        StreamSharder(stream, first.getResidual().getType()).run();
      }
  }
};

} // namespace
