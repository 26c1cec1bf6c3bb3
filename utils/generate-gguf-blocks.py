#!/usr/bin/env python3
"""Writes test/data/gguf-blocks: blocks of every GGUF type, and their values by the
package `gguf`.

    pip install gguf==0.19.0 numpy xxhash
    utils/generate-gguf-blocks.py [FOLDER]

blocks.gguf          a table [16, 256] of each type, and an identity matrix
values.safetensors   what gguf.dequantize makes of each table, F32
embed-TYPE.mlir      the rows of a table, of stage `fused`
linear-TYPE.mlir     the products of a table with the columns of the identity
                     matrix: the columns of the table, through packed panels

Every bit pattern of the blocks is drawn at random; the f16 scales are finite, and
many of them zeros, subnormals, negative or the largest. The same folder comes
out each time.
"""
import json
import pathlib
import struct
import sys

import gguf
import numpy as np
import xxhash
from gguf import GGMLQuantizationType as Type

ROWS, COLUMNS = 16, 256
ROOT = pathlib.Path(__file__).resolve().parents[1]

# Offsets of the f16 scales in a block; of f16 and bf16, every element is one.
SCALES = {
    Type.Q8_0: [0], Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2],
    Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208], Type.F16: [0], Type.BF16: [0],
}  # fmt: skip
SPECIAL = {
    # +-0, the smallest and largest subnormals, the smallest normal, the largest, 1, -1/3
    "f16": [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x83FF, 0x0400, 0x7BFF, 0xFBFF, 0x3C00, 0xB555],
    "bf16": [0x0000, 0x8000, 0x0001, 0x8001, 0x007F, 0x807F, 0x0080, 0x7F7F, 0xFF7F, 0x3F80, 0xBEAB],
}  # fmt: skip


def draw_floats(random, count, kind):
    """Finite bit patterns: a third special, a third small, a third any."""
    infinity = 0x7C00 if kind == "f16" else 0x7F80
    any_finite = random.integers(0, infinity, count) | random.integers(0, 2, count) << 15
    small = random.integers(0x1400, 0x3000, count) | random.integers(0, 2, count) << 15
    special = np.array(SPECIAL[kind])[random.integers(0, len(SPECIAL[kind]), count)]
    choice = random.integers(0, 3, count)
    return np.select([choice == 0, choice == 1], [special, small], any_finite).astype("<u2")


def draw_table(random, kind):
    """The bytes of a table, [ROWS, bytes a row]."""
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    count = ROWS * COLUMNS // elements
    blocks = random.integers(0, 256, (count, size), dtype=np.uint8)
    for offset in SCALES[kind]:
        name = "bf16" if kind == Type.BF16 else "f16"
        floats = draw_floats(random, count, name).view(np.uint8).reshape(count, 2)
        blocks[:, offset : offset + 2] = floats
    return blocks.reshape(ROWS, -1)


def make_identity():
    """q4_0 with a scale of 1: 0 is the nibble 8, 1 the nibble 9."""
    matrix = np.full((COLUMNS, COLUMNS // 32, 32), 8, np.uint8)
    matrix.reshape(COLUMNS, COLUMNS)[np.arange(COLUMNS), np.arange(COLUMNS)] = 9
    nibbles = matrix[..., :16] | matrix[..., 16:] << 4
    scale = np.broadcast_to(np.array([0x3C00], "<u2").view(np.uint8), (*nibbles.shape[:2], 2))
    return np.concatenate([scale, nibbles], axis=-1).reshape(COLUMNS, -1)


def write_gguf(path):
    random = np.random.Generator(np.random.PCG64(2024))
    writer = gguf.GGUFWriter(path, "blocks")
    for kind in SCALES:
        writer.add_tensor(kind.name.lower(), draw_table(random, kind), raw_dtype=kind)
    writer.add_tensor("identity", make_identity(), raw_dtype=Type.Q4_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, values in tensors.items():
        begin = len(data)
        data += np.ascontiguousarray(values, "<f4").tobytes()
        header[name] = {
            "dtype": "F32", "shape": list(values.shape), "data_offsets": [begin, len(data)]
        }  # fmt: skip
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def hash_file(data, header_size):
    """The hashes of `lamrt_file` in runtime.h, as i64."""
    sampled = xxhash.xxh3_64()
    for i in range(64):
        begin = i * len(data) // 64 // 4096 * 4096
        sampled.update(data[begin : begin + 4096])
    return [
        struct.unpack("<q", struct.pack("<Q", number))[0]
        for number in (xxhash.xxh3_64_intdigest(data[:header_size]), sampled.intdigest())
    ]


def describe_weight(symbol, name, rows, kind, offset):
    element = kind.name.lower()
    if kind not in (Type.F16, Type.BF16):
        element = f"!llama.block<{element}>"
    return (
        f"  llama.weight private @{symbol} : tensor<{rows}x{COLUMNS}x{element}> "
        f'from "{name}" at <["blocks.gguf"], [0], [{offset}]>\n'
    )


STEP = """  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>, %wanted: tensor<?xi32>) -> tensor<?x{columns}xf32> {{
{body}  }}
}}
"""
EMBED = """    %rows = llama.embed %ids, @table : tensor<?x256xf32>
    %result = llama.select_rows %rows, %wanted : tensor<?x256xf32> -> tensor<?x256xf32>
    return %result : tensor<?x256xf32>
"""
LINEAR = """    %units = llama.embed %ids, @identity : tensor<?x256xf32>
    %rows = llama.select_rows %units, %wanted : tensor<?x256xf32> -> tensor<?x256xf32>
    %result = llama.linear %rows, @table leaves [] : (tensor<?x256xf32>) -> tensor<?x16xf32>
    return %result : tensor<?x16xf32>
"""


def write_modules(folder):
    data = (folder / "blocks.gguf").read_bytes()
    reader = gguf.GGUFReader(folder / "blocks.gguf")
    header_hash, sample_hash = hash_file(data, reader.data_offset)
    head = (
        "module attributes {lamina.files = [{"
        f"header_hash = {header_hash} : i64, header_size = {reader.data_offset} : i64, "
        f'name = "blocks.gguf", sample_hash = {sample_hash} : i64, size = {len(data)} : i64}}], '
        "lamina.max_context = 256 : i64, llama.ranks = 1 : i64} {\n"
    )
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    identity = tensors.pop("identity")
    for name, tensor in tensors.items():
        table = describe_weight("table", name, ROWS, tensor.tensor_type, tensor.data_offset)
        units = describe_weight("identity", "identity", COLUMNS, Type.Q4_0, identity.data_offset)
        embed = head + table + STEP.format(columns=COLUMNS, body=EMBED)
        linear = head + units + table + STEP.format(columns=ROWS, body=LINEAR)
        (folder / f"embed-{name}.mlir").write_text(embed)
        (folder / f"linear-{name}.mlir").write_text(linear)


def main():
    folder = pathlib.Path(sys.argv[1] if sys.argv[1:] else ROOT / "test/data/gguf-blocks")
    folder.mkdir(parents=True, exist_ok=True)
    write_gguf(folder / "blocks.gguf")
    values = {
        tensor.name: gguf.dequantize(tensor.data, tensor.tensor_type).reshape(ROWS, COLUMNS)
        for tensor in gguf.GGUFReader(folder / "blocks.gguf").tensors
        if tensor.name != "identity"
    }
    assert all(np.isfinite(table).all() for table in values.values())
    write_safetensors(folder / "values.safetensors", values)
    write_modules(folder)


if __name__ == "__main__":
    main()
