#!/usr/bin/env python3
"""Starts a new pass: writes its stanza in Passes.td, its .cpp and its test.

    utils/new-pass.py FuseSiluMul "Fuse silu_mul into the product behind it"

makes `FuseSiluMulPass` with the flag --llama-fuse-silu-mul: the stanza at the end
of include/lamina/Transforms/Passes.td, lib/Transforms/FuseSiluMul.cpp (also in the
CMakeLists.txt there) and test/Transforms/fuse-silu-mul.mlir. The test fails until
it has CHECK lines, and utils/ci/docs.sh until utils/gen-docs.sh has run.
Exit: 0 done, 2 usage, 5 a file cannot be read or written.
"""
import argparse
import pathlib
import re
import sys

STANZA = """\
def {name}Pass : Pass<"{flag}", "::mlir::ModuleOp"> {{
  let summary = "{summary}";
  let description = [{{
    Before:

    ```mlir
    ```

    After:

    ```mlir
    ```

    Leaves alone:
  }}];
  let dependentDialects = ["::lamina::LlamaDialect"];
}}

"""

SOURCE = """\
{banner}
// {summary}
//===----------------------------------------------------------------------===//

#include "lamina/IR/LlamaDialect.h"
#include "lamina/IR/LlamaOps.h"
#include "lamina/Transforms/Passes.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace lamina {{
#define GEN_PASS_DEF_{macro}
#include "lamina/Transforms/Passes.h.inc"
}} // namespace lamina

using namespace mlir;
using namespace lamina;

namespace {{

struct {name}Pass : lamina::impl::{name}PassBase<{name}Pass> {{
  void runOnOperation() override {{
    RewritePatternSet patterns(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }}
}};

}} // namespace
"""

TEST = """\
// RUN: lamina-opt %s --{flag} --split-input-file | FileCheck %s

// Positive cases first, then one `no_...` case for each match condition. Check
// the ops that the pass makes and the values that flow into them.
"""


def fail(code, text):
    print(f"error: {text}", file=sys.stderr)
    sys.exit(code)


def read(path):
    try:
        return path.read_text()
    except OSError as error:
        fail(5, f"{path}: {error.strerror}, expected a readable file")


def insert_stanza(text, path, values):
    if re.search(rf"\bdef {values['name']}Pass\b", text):
        fail(2, f"{path}: {values['name']}Pass is there already")
    end = text.rfind("#endif")
    if end < 0:
        fail(2, f"{path}: no #endif, expected an include guard")
    return text[:end] + STANZA.format(**values) + text[end:]


def insert_source(text, path, name):
    """Adds the .cpp to the list of the library, in alphabetical order."""
    sources = re.findall(r"^  (\w+\.cpp)\n", text, re.M)
    if not sources:
        fail(2, f"{path}: no list of sources, expected lines of the form `  Name.cpp`")
    later = [source for source in sources if source > f"{name}.cpp"]
    if later:
        return text.replace(f"  {later[0]}\n", f"  {name}.cpp\n  {later[0]}\n", 1)
    return text.replace(f"  {sources[-1]}\n", f"  {sources[-1]}\n  {name}.cpp\n", 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("name", help="CamelCase, verb first, without Pass")
    parser.add_argument("summary", help="one line, no full stop")
    root = pathlib.Path(__file__).resolve().parents[1]
    parser.add_argument("--root", type=pathlib.Path, default=root, help="of the project")
    args = parser.parse_args()
    if not re.fullmatch(r"([A-Z][a-z0-9]+)+", args.name) or args.name.endswith("Pass"):
        fail(2, f"name: {args.name}, expected CamelCase without Pass (FuseSiluMul)")
    if not args.summary or re.search(r'[\n"\\]|\.$', args.summary):
        fail(2, f"summary: {args.summary}, expected one line without quotes or full stop")

    words = re.sub(r"(?<!^)([A-Z])", r"-\1", args.name).lower()
    banner = f"//===- {args.name}.cpp "
    values = {
        "name": args.name,
        "summary": args.summary,
        "flag": f"llama-{words}",
        "macro": f"{args.name}Pass".upper(),
        "banner": banner + "-" * (80 - len(banner) - len("===//")) + "===//",
    }
    table = args.root / "include/lamina/Transforms/Passes.td"
    build = args.root / "lib/Transforms/CMakeLists.txt"
    source = args.root / f"lib/Transforms/{args.name}.cpp"
    test = args.root / f"test/Transforms/{words}.mlir"
    for path in (source, test):
        if path.exists():
            fail(2, f"{path}: is there already, expected a new pass")
    written = {
        table: insert_stanza(read(table), table, values),
        build: insert_source(read(build), build, args.name),
        source: SOURCE.format(**values),
        test: TEST.format(**values),
    }
    for path, text in written.items():
        try:
            path.write_text(text)
        except OSError as error:
            fail(5, f"{path}: {error.strerror}, expected a writable file")
        print(path.relative_to(args.root))


if __name__ == "__main__":
    main()
