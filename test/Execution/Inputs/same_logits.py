#!/usr/bin/env python3
"""same_logits.py RESULTS DUMP: fails unless `result.0` of lamina-interpret and
`logits` of a program have the same shape and bits."""
import json
import struct
import sys


def read(path, name):
    """Shape and bytes of a tensor of a safetensors file."""
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    tensor = json.loads(data[8 : 8 + size])[name]
    begin, end = tensor["data_offsets"]
    return tensor["shape"], data[8 + size + begin : 8 + size + end]


def describe(expected, actual):
    """Says how `actual` differs; None if it does not."""
    shape, expected = expected
    actual_shape, actual = actual
    if shape != actual_shape or not expected:
        return f"shape {actual_shape}, expected {shape}"
    if expected == actual:
        return None
    a, b = (struct.unpack(f"<{len(x) // 4}f", x) for x in (actual, expected))
    i = next(i for i in range(len(a)) if actual[4 * i : 4 * i + 4] != expected[4 * i : 4 * i + 4])
    return f"element {i} is {a[i]!r}, expected {b[i]!r}; largest difference {max(abs(x - y) for x, y in zip(a, b))}"


if __name__ == "__main__":
    sys.exit(describe(read(sys.argv[1], "result.0"), read(sys.argv[2], "logits")))
