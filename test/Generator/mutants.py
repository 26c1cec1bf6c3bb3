#!/usr/bin/env python3
"""Breaks the passes in known ways and expects the random programs to notice.

Each mutant is one edit of one source file. It is compiled alone, linked into a
copy of lamina-generate-tests in front of the libraries, and run; a mutant that
passes is an error. Prints which oracle caught each.

Usage: mutants.py [--build=build/dev] [--count=2000] [name ...]
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

HOIST = "lib/Transforms/HoistFirstNorm.cpp"
FUSE = "lib/Transforms/FuseAllReduceResidualRmsNorm.cpp"
SITES = "lib/Transforms/FusionSites.cpp"
SHARD = "lib/Transforms/Shard.cpp"
MERGE = "lib/Transforms/MergeProjections.cpp"
UNROLL = "lib/Transforms/UnrollLayers.cpp"
EXPAND = "lib/Transforms/ExpandFused.cpp"
EVALUATOR = "lib/Interpreter/LlamaEvaluator.cpp"
FOLDS = "lib/IR/LlamaFolds.cpp"

# name, file, text, what takes its place
MUTANTS = [
    ("final-norm-with-another-eps-absorbed", HOIST,
     "if (final.getEpsAttr() != first.getEpsAttr())", "if (false)"),
    ("final-norm-with-another-mode-absorbed", HOIST,
     "if (final.getNormAttr() != first.getNormAttr())", "if (false)"),
    ("next-norm-one-layer-behind", HOIST,
     "LayerRangeAttr::get(context, symbol, 1, own)",
     "LayerRangeAttr::get(context, symbol, 0, own - 1)"),
    ("hoisted-norm-of-last-layer", HOIST,
     "rewriter.getI64IntegerAttr(0), first.getEpsAttr()",
     "rewriter.getI64IntegerAttr(layers - 1), first.getEpsAttr()"),
    ("layer-without-residual-add-rotated", HOIST,
     "if (!add || add->getBlock() != &loop.getBody().front())", "if (false)"),
    ("residual-added-on-each-rank", EVALUATOR,
     "add(program.arithmetic, get(op.getResidual()), *sum));",
     "add(program.arithmetic, get(op.getResidual()), rank == 0 ? *sum :\n"
     "          add(program.arithmetic, get(op.getResidual()), *sum)));"),
    ("bias-dropped-by-the-fusion", FUSE,
     "match.sum.getBiasAttr(), match.sum.getBiasLayer(),\n"
     "      match.sum.getBiasIndexAttr(),",
     "FlatSymbolRefAttr(), Value(),\n      IntegerAttr(),"),
    ("bias-dropped-by-the-sharding", SHARD,
     "makeWhole(product, whole, own, at", "makeWhole(product, whole, {}, at"),
    ("residual-and-update-swapped-in-types", FUSE,
     "norm.getType(), residualType, match.update,\n        match.residual,",
     "norm.getType(), residualType, match.residual,\n        match.residual,"),
    ("eps-of-the-fused-op-doubled", FUSE,
     "match.sum.getBiasIndexAttr(), norm.getEpsAttr(), norm.getNormAttr(),",
     "match.sum.getBiasIndexAttr(),\n"
     "      rewriter.getF64FloatAttr(2 * norm.getEps().convertToDouble()),\n"
     "      norm.getNormAttr(),"),
    ("leaves-within-a-rank-reversed", SHARD,
     "SmallVector<int64_t>(leaves.drop_front(prefix)), true}",
     "SmallVector<int64_t>(llvm::reverse(leaves.drop_front(prefix))), true}"),
    ("tree-reversed", SHARD,
     "return {SmallVector<int64_t>(leaves.take_front(prefix)),\n"
     "            SmallVector<int64_t>(leaves.drop_front(prefix)), true};",
     "return {SmallVector<int64_t>(llvm::reverse(leaves.take_front(prefix))),\n"
     "            SmallVector<int64_t>(leaves.drop_front(prefix)), true};"),
    ("leaves-within-a-rank-forgotten", SHARD,
     "SmallVector<int64_t>(leaves.drop_front(prefix)), true}", "{}, true}"),
    ("tree-flattened", SHARD,
     "return {SmallVector<int64_t>(leaves.take_front(prefix)),",
     "return {{ranks},"),
    ("uneven-shares-called-exact", SHARD,
     "product == ranks && units % ranks == 0", "product == ranks"),
    ("sum-with-other-users-fused", SITES, "if (!sum->hasOneUse())", "if (false)"),
    ("collective-in-between-ignored", SITES, "if (mayBeCollective(op))",
     "if (false)"),
    ("norm-in-another-block-fused", SITES,
     "if (match.add->getBlock() != norm->getBlock())", "if (false)"),
    ("late-layer-ignored", SITES,
     "if (!isDefinedBefore(norm.getLayer(), match.add))", "if (false)"),
    ("swapped-add-not-matched", SITES,
     "{add.getResidual(), add.getUpdate()}};",
     "{add.getUpdate(), add.getResidual()}};"),
    ("products-with-other-leaves-merged", MERGE,
     "if (a.op.getLeaves() != b.op.getLeaves())", "if (false)"),
    ("layers-unrolled-backwards", UNROLL,
     "cloneLayer(loop, carried, layer, rewriter)",
     "cloneLayer(loop, carried, end - 1 - layer, rewriter)"),
    ("expansion-drops-the-bias", EXPAND,
     "fused.getPartial(), fused.getBiasAttr(), fused.getBiasLayer(),\n"
     "      fused.getBiasIndexAttr(),",
     "fused.getPartial(), FlatSymbolRefAttr(), Value(),\n      IntegerAttr(),"),
    ("expansion-adds-the-update-twice", EXPAND,
     "fused.getResidual(), update);", "update, update);"),
    ("residual-not-put-first", FOLDS,
     "if (!isUpdate(op.getResidual()) || isUpdate(op.getUpdate()))",
     "if (true)"),
]


def fail(message):
    sys.exit(f"error: {message}")


def run(command, cwd):
    return subprocess.run(command, cwd=cwd, shell=True, text=True,
                          capture_output=True)


def build(mutant, root, build_dir, folder):
    """Returns the path of the tool with the mutant in it."""
    name, file, old, new = mutant
    source = (root / file).read_text()
    if source.count(old) != 1:
        fail(f"{name}: {source.count(old)} places in {file}, expected one")
    # Beside the original, so that its headers are found.
    mutated = folder / f"{name}.cpp"
    mutated.write_text(source.replace(old, new))
    commands = json.loads((build_dir / "compile_commands.json").read_text())
    command = next(c["command"] for c in commands
                   if c["file"].endswith("/" + file))
    command = re.sub(r" -o \S+ -c \S+",
                     f" -Wno-error -I{(root / file).parent} -o {folder}/{name}.o"
                     f" -c {mutated}", command)
    done = run(command, build_dir)
    if done.returncode:
        fail(f"{name}: does not compile: {done.stderr.strip()[:2000]}")
    link = run("ninja -t commands lamina-generate-tests", build_dir).stdout
    link = link.strip().splitlines()[-1].removeprefix(": && ")
    link = link.removesuffix(" && :")
    link = link.replace(" -o bin/lamina-generate-tests",
                        f" {folder}/{name}.o -o {folder}/{name}")
    done = run(link, build_dir)
    if done.returncode:
        fail(f"{name}: does not link: {done.stderr.strip()[:2000]}")
    return folder / name


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=root / "build/dev", type=pathlib.Path)
    parser.add_argument("--count", default=2000, type=int)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    chosen = [m for m in MUTANTS if not options.names or m[0] in options.names]
    survived = 0
    for mutant in chosen:
        with tempfile.TemporaryDirectory() as folder:
            tool = build(mutant, root, options.build.resolve(),
                         pathlib.Path(folder))
            done = subprocess.run([tool, "--seed=1", "--max-failures=1",
                                   f"--count={options.count}"],
                                  text=True, capture_output=True)
        if done.returncode == 0:
            print(f"{mutant[0]}: NOT CAUGHT", flush=True)
            survived += 1
            continue
        lines = done.stderr.splitlines()
        first = next((l for l in lines if l.startswith("error: ")),
                     f"crash, exit {done.returncode}")
        print(f"{mutant[0]}: caught by {first.removeprefix('error: ')[:160]}",
              flush=True)
    print(f"{len(chosen) - survived} passed, {survived} failed")
    return 8 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
