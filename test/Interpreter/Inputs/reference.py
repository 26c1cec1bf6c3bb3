"""Checks what lamina-interpret printed for a function of ops.mlir.

usage: lamina-interpret ops.mlir --function=NAME ... | reference.py NAME stated|f64

`stated` results must be equal in every bit (by their SHA-256), `f64` results to
12 digits of the values printed.
"""

import hashlib
import math
import struct
import sys

from numerics import *

T = 3  # tokens


def widen(rows):
    return [list(map(float, row)) for row in rows]


# Each function returns its results as (element, rows of numbers), as `stated`
# rounds them, or with `exact` in f64.


def rms_norm(exact):
    x, w = argument(0, T, 35), vector("w", 35)
    results = []
    for mode, element in (("hf", "f32"), ("single", "bf16"), ("zero_centered", "f16")):
        rows = []
        for row in x:
            if exact:
                q = 1 / math.sqrt(sum(v * v for v in row) / 35 + 1e-05)
                rows.append([v * q * (g + (mode == "zero_centered")) for v, g in zip(row, w)])
                continue
            mean = f32(sum16(row, row) / 35.0)
            q = f32(1.0 / f32(math.sqrt(f32(mean + f32(1e-05)))))
            y = [f32(v * q) for v in row]
            if mode == "hf":
                y = [f32(rnd(element, v) * g) for v, g in zip(y, w)]
            elif mode == "single":
                y = [f32(v * g) for v, g in zip(y, w)]
            else:
                y = [f32(v * f32(1.0 + g)) for v, g in zip(y, w)]
            rows.append([rnd(element, v) for v in y])
        results.append((element, rows))
    return results


def elementwise(exact):
    a, b = argument(0, T, 6, "bf16"), argument(1, T, 6, "bf16")
    one = lambda v: v if exact else rnd("bf16", v)
    narrow = (lambda v: v) if exact else f32
    total = [[one(narrow(x + y)) for x, y in zip(r, s)] for r, s in zip(a, b)]
    if exact:
        gated = [[g / (1 + math.exp(-g)) * u for g, u in zip(r, s)] for r, s in zip(a, b)]
    else:
        gated = [
            [one(f32(f32(g / f32(1.0 + exp(-g))) * u)) for g, u in zip(r, s)]
            for r, s in zip(a, b)
        ]
    return [("bf16", total), ("bf16", gated)]


def products(x, w, bias, leaves, element, leaf, exact):
    rows = []
    for a in x:
        row = []
        for o, v in enumerate(w):
            if exact:
                s = sum(p * q for p, q in zip(a, v))
            else:
                count = math.prod(leaves)
                n = len(a) // count
                s = tree([leaf(a[i * n : i * n + n], v[i * n : i * n + n]) for i in range(count)], leaves)
            if bias:
                s = s + bias[o] if exact else f32(s + bias[o])
            row.append(s if exact else rnd(element, s))
        rows.append(row)
    return (element, rows)


def linear(exact):
    x32, x16 = argument(0, T, 12), argument(1, T, 12, "bf16")
    wf, wb, wh = weight("wf", 4, 12), weight("wb", 4, 12, "bf16"), weight("wh", 4, 12, "f16")
    bias = vector("bias", 4)
    return [
        products(x32, wf, None, [2, 2], "f32", ascending, exact),
        products(x32, wb, bias, [3], "f32", ascending, exact),
        products(x16, wb, bias, [2, 2], "bf16", paired, exact),  # leaves of 3: padded
        products(x16, wh, None, [], "bf16", ascending, exact),
    ]


def q8_0(values):
    d = rnd("f16", f32(max(map(abs, values)) / 127.0))
    return d, [float(max(-127, min(127, round(f32(v / d))))) for v in values]


def q4_1(values):
    low, top = min(values), max(values)
    d, m = rnd("f16", f32(f32(top - low) / 15.0)), rnd("f16", low)
    return d, m, [float(max(0, min(15, round(f32(f32(v - m) / d))))) for v in values]


def block_linear(exact):
    x32, x16 = argument(0, T, 64), argument(1, T, 64, "bf16")
    results = []
    for x, dot, element in ((x32, ascending, "f32"), (x16, paired, "bf16")):
        for name in ("q8", "q4"):
            rows = []
            for a in x:
                row = []
                for w in drawn_weight(name, 3, 64):
                    sums = []
                    for b in (0, 32):  # leaves [2]: one block each
                        part, acc = a[b : b + 32], 0.0
                        if name == "q8":
                            d, q = q8_0(w[b : b + 32])
                            m = 0.0
                            acc = fma(dot(part, q), d, acc)
                        else:
                            d, m, q = q4_1(w[b : b + 32])
                            acc = fma(dot(part, q), d, acc)
                            acc = fma(m, sum16(part), acc)
                        if exact:
                            acc = sum(v * (d * k + m) for v, k in zip(part, q))
                        sums.append(acc)
                    s = sum(sums) if exact else tree(sums, [2])
                    row.append(s if exact else rnd(element, s))
                rows.append(row)
            results.append((element, rows))
    return results


def to_int8(part):
    """Scale and integers of 32 activations."""
    largest = max(map(abs, part))
    if largest < 2.0**-120:
        return 0.0, [0] * len(part)
    v = f32(127.0 / largest)
    return f32(largest / 127.0), [round(f32(a * v)) for a in part]


def int8_linear(exact):
    x32, x16 = argument(0, T, 64), argument(1, T, 64, "bf16")
    results = []
    for x, name in ((x32, "q8"), (x32, "q4"), (x16, "q4")):
        rows = []
        for a in x:
            row = []
            for w in drawn_weight(name, 3, 64):
                acc = 0.0
                for b in (0, 32):  # no leaves
                    part, m = a[b : b + 32], 0.0
                    if name == "q8":
                        d, q = q8_0(w[b : b + 32])
                    else:
                        d, m, q = q4_1(w[b : b + 32])
                    if exact:
                        acc += sum(v * (d * k + m) for v, k in zip(part, q))
                        continue
                    sa, qa = to_int8(part)
                    acc = fma(f32(sum(int(k) * v for k, v in zip(q, qa)) * d), sa, acc)
                    if name == "q4":
                        acc = fma(m, f32(sa * sum(qa)), acc)
                row.append(acc)
            rows.append(row)
        results.append(("f32", rows))
    return results


FREQUENCIES = (1.0, 0.03)


def rotate(x, element, halves, exact):
    rows = []
    for t, row in enumerate(x):
        y = list(row)
        for head in range(0, len(row), 4):
            for i in range(2):
                ia, ib = (head + i, head + i + 2) if halves else (head + 2 * i, head + 2 * i + 1)
                a, b, angle = row[ia], row[ib], t * FREQUENCIES[i]
                if exact:
                    s, c = math.sin(angle), math.cos(angle)
                    y[ia], y[ib] = a * c - b * s, a * s + b * c
                    continue
                s, c = map(f32, sin_cos(angle))
                y[ia] = rnd(element, fma(a, c, -f32(b * s)))
                y[ib] = rnd(element, fma(b, c, f32(a * s)))
        rows.append(y)
    return (element, rows)


def rope(exact):
    x = argument(0, T, 8, "f16")
    return [rotate(x, "f16", True, exact), rotate(x, "f16", False, exact)]


def attend(q, k, v, scale, exact):
    """One head of one row against the keys k and values v."""
    if exact:
        scores = [sum(a * b for a, b in zip(q, key)) * scale for key in k]
        weights = [math.exp(s - max(scores)) for s in scores]
        return [sum(w * value[c] for w, value in zip(weights, v)) / sum(weights) for c in range(len(q))]
    segments = []
    for begin in range(0, len(k), 256):
        scores = [f32(sum16(q, key) * scale) for key in k[begin : begin + 256]]
        m = max(scores)
        e = [exp(f32(s - m)) for s in scores]
        o = [0.0] * len(q)
        for weight, value in zip(e, v[begin : begin + 256]):
            o = [fma(weight, value[c], o[c]) for c in range(len(q))]
        segments.append((m, sum16(e), o))
    m = max(s[0] for s in segments)
    l, o = 0.0, [0.0] * len(q)
    for mg, lg, og in segments:
        f = exp(f32(mg - m))
        l = fma(lg, f, l)
        o = [fma(og[c], f, o[c]) for c in range(len(q))]
    return [f32(value / l) for value in o]


def attention_over(tokens, exact):
    q = argument(0, tokens, 4)
    k, v = argument(1, tokens, 2), argument(2, tokens, 2)
    if not exact:
        k = [[rnd("bf16", x) for x in row] for row in k]
        v = [[rnd("bf16", x) for x in row] for row in v]
    rows = []
    for t in range(tokens):
        heads = [attend(q[t][h : h + 2], k[: t + 1], v[: t + 1], f32(0.7) if not exact else 0.7, exact) for h in (0, 2)]
        rows.append(heads[0] + heads[1])
    return [("f32", rows)]


def attention(exact):
    return attention_over(T, exact)


def attention_long(exact):
    """Two segments: only the last rows are returned."""
    rows = attention_over(258, exact)[0][1]
    return [("f32", rows)]


def embed(exact):
    key = seed_key(0, "argument 0", 0)
    table = weight("table", 7, 4, "f16")
    rows = [table[mix(key ^ t) % 7] for t in range(T)]
    rounded = rows if exact else [[rnd("bf16", v) for v in row] for row in rows]
    return [("bf16", rounded), ("bf16", rounded)]


FORMATS = {"f32": "<f", "f16": "<e"}


def to_bytes(element, value):
    if element == "bf16":
        return struct.pack("<f", value)[2:]
    return struct.pack(FORMATS[element], value)


def check(line, index, element, rows, exact):
    values = [v for row in rows for v in row]
    shape = f"tensor<{len(rows)}x{len(rows[0])}x{'f64' if exact else element}>"
    assert line.startswith(f"result {index}: {shape} "), (line, shape)
    first = [float(v) for v in line[line.index("[") + 1 : line.index("]")].split(", ")]
    for got, want in zip(first, values):
        assert abs(got - want) <= 1e-12 + (0 if exact else 1e-2), (got, want)
    if not exact:
        digest = hashlib.sha256(b"".join(to_bytes(element, v) for v in values)).hexdigest()
        assert f"sha256={digest} " in line, (line, values[:8])


def main():
    name, exact = sys.argv[1], sys.argv[2] == "f64"
    lines = sys.stdin.read().splitlines()
    results = globals()[name](exact)
    assert len(lines) == len(results), lines
    for index, (element, rows) in enumerate(results):
        check(lines[index], index, element, rows, exact)
    print(f"{name}: {len(results)} results checked")


main()
