//===- Coverage.cpp - Which categories a run must have seen ---------------===//

#include "Coverage.h"

#include "ModuleBuilder.h"
#include "NearMiss.h"
#include "llvm/Support/Format.h"

using namespace lamina::generator;

void Coverage::print(llvm::raw_ostream &os) const {
  for (const auto &[category, count] : counts)
    os << llvm::format("%8lld  ", (long long)count) << category << '\n';
}

std::vector<std::string> Coverage::getMissing() const {
  std::vector<std::string> required = {
      // What the fusion says.
      "outcome: Fused", "outcome: AlreadyFused", "outcome: NormInOtherBlock",
      "outcome: SumInOtherBlock", "outcome: SumHasOtherUsers",
      "outcome: CollectiveBetween", "outcome: LateLayer",
      // What the other passes say.
      "llama-hoist: Hoisted", "llama-hoist: Peeled",
      "llama-hoist: SeveralNorms", "llama-hoist: WeightNotByLayer",
      "llama-hoist: DerivedWeight", "llama-hoist: NoResidualAdd",
      "llama-merge: Merged", "llama-merge: StorageDiffers",
      "llama-merge: LeavesDiffer", "llama-merge: BiasDiffers",
      "llama-merge: BiasStorageDiffers", "llama-shard: RowSplit",
      "llama-shard: NotBitEqual", "llama-unroll: Unrolled",
      "llama-shard-residual: Sharded", "llama-shard-residual: OtherReaders",
      // What the generator made.
      "hoist: two first norms", "hoist: first norm not by layer",
      "hoist: first norm of a derived weight", "hoist: no residual add",
      "hoist: no final norm", "hoist: another eps on the final norm",
      "hoist: another mode on the final norm",
      "hoist: another storage of the final norm", "hoist: final norm absorbed",
      "straight layer", "layers to 0", "layers to 1", "layers to 2",
      "layers to 3", "layers to 4", "heads 1/1", "heads 2/1", "heads 4/2",
      "heads 8/4", "heads 6/3", "shard plan refused",
      "several ranks, bit-equal", "several ranks, within the bound",
      "partial sums: sum f32", "partial sums: sum native", "model: sum f32",
      "model: sum native", "expand(fuse(P)) compared as text",
      "unrolled before and after compared as text"};
  for (llvm::StringRef types :
       {"residual f32, normed f32", "residual f32, normed bf16",
        "residual bf16, normed bf16", "residual f16, normed f16", "weight f32",
        "weight f16", "weight bf16", "weight q8_0", "weight q4_0",
        "weight q4_1", "weight q5_0", "weight q5_1", "weight q4_k",
        "weight q5_k", "weight q6_k"})
    required.push_back(("model: " + types).str());
  for (NearMiss nearMiss : getNearMisses())
    required.push_back(("partial sums: " + getName(nearMiss)).str());
  for (llvm::StringRef family : {"model: ", "partial sums: "}) {
    for (int64_t ranks : kRanks)
      required.push_back((family + "ranks " + llvm::Twine(ranks)).str());
    for (int64_t tokens : kTokens)
      required.push_back((family + "tokens " + llvm::Twine(tokens)).str());
  }
  std::vector<std::string> missing;
  for (std::string &category : required)
    if (!counts.count(category))
      missing.push_back(std::move(category));
  return missing;
}
