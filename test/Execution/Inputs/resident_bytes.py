#!/usr/bin/env python3
"""resident_bytes.py WORK: weights have the size in memory that they have in GGUF.

For each type, a model whose matrices are of that type and all zeros (a sparse
file), compiled and run. What its program reports as packed must be the matrices'
bytes in GGUF, with their rows rounded up to 32; and once it answers, the whole
process must be less than 1.3 times as large.
"""
import json
import pathlib
import signal
import struct
import subprocess
import sys

# GGUF number, elements and bytes of a block.
TYPES = {
    "f32": (0, 1, 4), "f16": (1, 1, 2), "bf16": (30, 1, 2),
    "q8_0": (8, 32, 34), "q4_0": (2, 32, 18), "q4_1": (3, 32, 20), "q5_0": (6, 32, 22),
    "q5_1": (7, 32, 24), "q4_k": (12, 256, 144), "q5_k": (13, 256, 176), "q6_k": (14, 256, 210),
}  # fmt: skip
FEATURES, INNER, HEADS, KV_HEADS, VOCABULARY = 2048, 8192, 16, 4, 300
KEYS = FEATURES // HEADS * KV_HEADS
ALIGNMENT = 32
UINT32, FLOAT32, STRING = 4, 6, 8
SETTINGS = [
    ("general.architecture", STRING, b"llama"),
    ("llama.block_count", UINT32, 1),
    ("llama.context_length", UINT32, 128),
    ("llama.embedding_length", UINT32, FEATURES),
    ("llama.feed_forward_length", UINT32, INNER),
    ("llama.attention.head_count", UINT32, HEADS),
    ("llama.attention.head_count_kv", UINT32, KV_HEADS),
    ("llama.attention.layer_norm_rms_epsilon", FLOAT32, 1e-5),
]
MATRICES = {
    "token_embd.weight": (VOCABULARY, FEATURES),
    "output.weight": (VOCABULARY, FEATURES),
    "blk.0.attn_q.weight": (FEATURES, FEATURES),
    "blk.0.attn_k.weight": (KEYS, FEATURES),
    "blk.0.attn_v.weight": (KEYS, FEATURES),
    "blk.0.attn_output.weight": (FEATURES, FEATURES),
    "blk.0.ffn_gate.weight": (INNER, FEATURES),
    "blk.0.ffn_up.weight": (INNER, FEATURES),
    "blk.0.ffn_down.weight": (FEATURES, INNER),
}
VECTORS = ("output_norm.weight", "blk.0.attn_norm.weight", "blk.0.ffn_norm.weight")


def count_bytes(kind, rows, columns):
    _, elements, size = TYPES[kind]
    return rows * (columns // elements) * size


def round_up(number, multiple):
    return -(-number // multiple) * multiple


def string(text):
    return struct.pack("<Q", len(text)) + text


def write_model(path, kind):
    """A GGUF file, sparse behind its header."""
    tensors = [(name, kind, shape) for name, shape in MATRICES.items()]
    tensors += [(name, "f32", (1, FEATURES)) for name in VECTORS]
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(SETTINGS))
    for key, number, value in SETTINGS:
        header += string(key.encode()) + struct.pack("<I", number)
        header += string(value) if number == STRING else struct.pack(
            "<I" if number == UINT32 else "<f", value)  # fmt: skip
    offset = 0
    for name, element, (rows, columns) in tensors:
        shape = [columns] if name in VECTORS else [columns, rows]
        header += string(name.encode()) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        header += struct.pack("<IQ", TYPES[element][0], offset)
        offset = round_up(offset + count_bytes(element, rows, columns), ALIGNMENT)
    with open(path, "wb") as file:
        file.write(header)
        file.truncate(round_up(len(header), ALIGNMENT) + offset)


def read_resident_bytes(process):
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    sys.exit("error: the program ended before it was measured")


def measure(program):
    """Returns the resident bytes after the first token, and the statistics."""
    process = subprocess.Popen(
        [program, "--ids", "1 2 3", "-n", "24", "--print-ids", "--ignore-eos", "--stats", "--json"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    if process.stdout.read(1):
        process.send_signal(signal.SIGSTOP)
        resident = read_resident_bytes(process)
        process.send_signal(signal.SIGCONT)
    _, errors = process.communicate()
    if process.returncode != 0:
        sys.exit(f"error: {program}: exit code {process.returncode}: {errors.decode()}")
    return resident, json.loads(errors)


def check(kind, work):
    model, program = work / f"{kind}.gguf", work / f"{kind}.program"
    write_model(model, kind)
    subprocess.run(["lamina", "compile", model, "-o", program], check=True)
    resident, statistics = measure(program)
    model.unlink()
    expected = sum(
        count_bytes(kind, round_up(rows, 32), columns)
        for name, (rows, columns) in MATRICES.items()
        if name != "token_embd.weight"
    )
    packed = statistics["packed_weight_bytes"]
    weights = sum(rows * columns for rows, columns in MATRICES.values()) - VOCABULARY * FEATURES
    print(
        f"{kind}: {packed} bytes packed, {packed / weights:.3f} a weight; "
        f"{resident / packed:.2f} of it resident"
    )
    if packed != expected:
        print(f"error: {kind}: {packed} bytes packed, expected {expected}")
        return False
    # AddressSanitizer has memory of its own.
    if not packed <= resident < 1.3 * packed and b"__asan_init" not in program.read_bytes():
        print(f"error: {kind}: {resident} bytes resident, expected 1 to 1.3 times {packed}")
        return False
    return True


def main():
    work = pathlib.Path(sys.argv[1])
    work.mkdir(parents=True, exist_ok=True)
    right = [check(kind, work) for kind in TYPES]
    sys.exit(0 if all(right) else 8)


if __name__ == "__main__":
    main()
