"""Compares the .td files of the dialect with its tests.

- Every op describes itself: a summary without a full stop, a description with an
  example in ```mlir that uses the op. The example stands, but for blanks and
  comments, in test/IR/ops*.mlir.
- Constraints are labelled (C1), (C2), ... without a gap. For each label of an op,
  attribute or type `name`, test/IR/invalid*.mlir has a symbol `@name_cN` (or
  `@name_cN_...`) in a part with an `expected-error`, and no symbol has a label
  that does not exist.

The records come from `llvm-tblgen --dump-json`.
"""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPS = "include/lamina/IR/LlamaOps.td"
DIALECT = "llama"

errors = []


def read_records():
    prefix = subprocess.check_output(["llvm-config-22", "--prefix"], text=True).strip()
    command = [f"{prefix}/bin/llvm-tblgen", "--dump-json", "-I", "include"]
    command += ["-I", f"{prefix}/include", OPS]
    return json.loads(subprocess.check_output(command, cwd=ROOT))


def described(records):
    """Yields (kind, mnemonic, record) for ops, attributes and types of ours."""
    for kind, key in (("Op", "opName"), ("AttrDef", "mnemonic"), ("TypeDef", "mnemonic")):
        for name in records["!instanceof"].get(kind, []):
            record = records[name]
            owner = record.get("opDialect") or record.get("dialect") or {}
            dialect = records.get(owner.get("def"), {}).get("name")
            if dialect == DIALECT and record.get(key):
                yield kind, record[key], record


def normalise(text):
    return " ".join(re.sub(r"//.*", "", text).split())


def check_text(mnemonic, record, ops_tests):
    if not record.get("summary") or record["summary"].rstrip().endswith("."):
        errors.append(f"{OPS}: {mnemonic}: needs a summary without a full stop")
    examples = re.findall(r"```mlir\n(.*?)```", record.get("description") or "", re.S)
    examples = [e for e in examples if re.search(rf"\b{DIALECT}\.{mnemonic}\b", e)]
    if not examples:
        errors.append(f"{OPS}: {mnemonic}: no example in ```mlir uses the op")
    for example in examples:
        if normalise(example) not in ops_tests:
            errors.append(f"test/IR/ops*.mlir: lacks the example of {mnemonic}")


def labels_of(mnemonic, record):
    found = re.findall(r"^\s*- \(C(\d+)\)", record.get("description") or "", re.M)
    numbers = [int(number) for number in found]
    if numbers != list(range(1, len(numbers) + 1)):
        errors.append(f"{mnemonic}: constraints {numbers}, expected 1, 2, ... in order")
    return {f"{mnemonic}_c{number}" for number in numbers}


def negative_tests():
    """Maps each symbol of test/IR/invalid*.mlir to whether an error is expected."""
    symbols = {}
    for path in sorted((ROOT / "test/IR").glob("invalid*.mlir")):
        for part in re.split(r"^// -----", path.read_text(), flags=re.M):
            for symbol in re.findall(r"@(\w+_c\d+\w*)", part):
                symbols[symbol] = "expected-error" in part or symbols.get(symbol, False)
    return symbols


def main():
    ops_tests = " ".join(
        normalise(path.read_text()) for path in sorted((ROOT / "test/IR").glob("ops*.mlir"))
    )
    tests = negative_tests()
    tested = {re.match(r"\w+?_c\d+(?=_|$)", symbol).group() for symbol in tests}
    labels = set()
    for kind, mnemonic, record in described(read_records()):
        labels |= labels_of(mnemonic, record)
        if kind == "Op":
            check_text(mnemonic, record, ops_tests)
    if not labels:
        errors.append("found no constraint, expected labels such as (C1)")
    for label in sorted(labels - tested):
        errors.append(f"test/IR/invalid*.mlir: no test @{label}")
    for label in sorted(tested - labels):
        errors.append(f"test/IR/invalid*.mlir: @{label}, but there is no such constraint")
    for symbol in sorted(symbol for symbol, expects in tests.items() if not expects):
        errors.append(f"test/IR/invalid*.mlir: @{symbol}: no expected-error")
    for error in errors:
        print(f"error: {error}")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
