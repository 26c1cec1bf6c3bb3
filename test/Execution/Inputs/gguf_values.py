#!/usr/bin/env python3
"""gguf_values.py FOLDER WORK [TYPE...]: the values of each GGUF type are those of the package
`gguf`, bit for bit.

FOLDER is test/data/gguf-blocks. Values are read in both ways that a program has,
on each x86 level of this processor, and by the interpreter:
- embed: rows of a table;
- linear: products with the columns of the identity matrix. Only zeros that are
  added to zeros lose their sign there.
"""
import json
import pathlib
import struct
import subprocess
import sys

DEVICE = 7  # exit code: this processor has no such level
LEVELS = ("v2", "v3", "v4", "bf16")


def read(path):
    """The F32 tensors of a safetensors file: name -> (shape, bit patterns)."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, tensor in json.loads(data[8 : 8 + size]).items():
        begin, end = tensor["data_offsets"]
        if tensor["dtype"] == "F32":
            bits = struct.unpack(f"<{(end - begin) // 4}I", data[8 + size + begin : 8 + size + end])
            tensors[name] = (tensor["shape"], list(bits))
    return tensors


def transpose(shape, bits):
    rows, columns = shape
    return [columns, rows], [bits[r * columns + c] for c in range(columns) for r in range(rows)]


def without_zero_signs(shape, bits):
    return shape, [0 if word == 0x80000000 else word for word in bits]


def to_float(word):
    return struct.unpack("<f", struct.pack("<I", word))[0]


def compare(what, actual, expected):
    """Prints the first difference; returns whether there is none."""
    if actual[0] != expected[0]:
        print(f"error: {what}: shape {actual[0]}, expected {expected[0]}")
        return False
    for i, (found, wanted) in enumerate(zip(actual[1], expected[1])):
        if found != wanted:
            row, column = divmod(i, expected[0][1])
            print(
                f"error: {what}: [{row}, {column}]: {to_float(found)!r} (0x{found:08x}), "
                f"expected {to_float(wanted)!r} (0x{wanted:08x})"
            )
            return False
    return True


def run(*command, allowed=(0,)):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in allowed:
        sys.exit(f"error: {' '.join(map(str, command))}: {done.returncode}: {done.stderr}")
    return done.returncode == 0


def get_results(folder, work, module, count):
    """Yields who computed it, and the result."""
    ids = [str(i) for i in range(count)]
    path = work / "results.safetensors"
    run("lamina-interpret", module, f"--weights=model:{folder}",
        f"--inputs=ids:{','.join(ids)}", "-o", path)  # fmt: skip
    yield "interpreter", read(path)["result.0"]
    program = work / "program"
    run("lamina", "compile", module, "--from=fused", "-o", program)
    for level in LEVELS:
        if run(program, "--model", folder, "--ids", " ".join(ids), "--dump", path,
               "--cpu", level, allowed=(0, DEVICE)):  # fmt: skip
            yield f"program on {level}", read(path)["logits"]


def main():
    folder, work = map(pathlib.Path, sys.argv[1:3])
    work.mkdir(parents=True, exist_ok=True)
    equal = True
    for name, table in read(folder / "values.safetensors").items():
        if sys.argv[3:] and name not in sys.argv[3:]:
            continue
        rows, columns = table[0]
        who = []
        for by, result in get_results(folder, work, folder / f"embed-{name}.mlir", rows):
            equal &= compare(f"{name}: embed: {by}", result, table)
            who.append(by)
        expected = without_zero_signs(*transpose(*table))
        for by, result in get_results(folder, work, folder / f"linear-{name}.mlir", columns):
            equal &= compare(f"{name}: linear: {by}", without_zero_signs(*result), expected)
        print(f"{name}: {rows}x{columns} by {', '.join(who)}")
    sys.exit(0 if equal else 8)


if __name__ == "__main__":
    main()
