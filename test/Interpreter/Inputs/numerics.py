"""docs/numerics.md once more, in Python.

A second implementation to test the interpreter against. Values are Python
floats that are exactly f32. Overflow and NaN are left out.
"""

import math
import struct
from fractions import Fraction

MASK = (1 << 64) - 1


def f32(x):
    """f64 to f32. One rounding is as good as two after +, -, *, / and sqrt."""
    return struct.unpack("<f", struct.pack("<f", x))[0]


def round_fraction(x):
    """An exact value to f32, to nearest even."""
    if x == 0:
        return 0.0
    e = abs(x.numerator).bit_length() - x.denominator.bit_length()
    if abs(x) < Fraction(2) ** e:
        e -= 1
    unit = Fraction(2) ** (max(e, -126) - 23)
    return float(round(x / unit) * unit)


def fma(a, b, c):
    """The product of two f32 is exact in f64; the sum is rounded to odd there, so
    that the rounding to f32 is the only one that counts."""
    p = a * b
    s = p + c
    t = s - p
    error = (p - (s - t)) + (c - t)
    if error and not struct.unpack("<q", struct.pack("<d", s))[0] & 1:
        s = math.nextafter(s, math.copysign(math.inf, error))
    return f32(s)


def fma64(a, b, c):
    return float(Fraction(a) * Fraction(b) + Fraction(c))


def rnd(element, x):
    if element == "bf16":
        bits = struct.unpack("<I", struct.pack("<f", x))[0]
        if bits & 0x7FFFFFFF < 0x00800000:
            bits &= 0x80000000
        bits += 0x7FFF + (bits >> 16 & 1)
        return struct.unpack("<f", struct.pack("<I", bits & 0xFFFF0000))[0]
    if element == "f16":
        return struct.unpack("<e", struct.pack("<e", x))[0]
    return x


def flush(x):
    return 0.0 * x if abs(x) < 2.0**-126 else x


def fma_flushed(a, b, c):
    return flush(fma(flush(a), flush(b), flush(c)))


# Sums


def sum16(a, b=None):
    n = len(a)
    acc = [0.0] * 16
    for i in range(n):
        j = i % 16
        acc[j] = f32(acc[j] + a[i]) if b is None else fma(a[i], b[i], acc[j])
    for w in (8, 4, 2, 1):
        for j in range(w):
            acc[j] = f32(acc[j] + acc[j + w])
    return acc[0]


def tree(c, radices):
    if not radices:
        return c[0]
    step = len(c) // radices[0]
    s = tree(c[:step], radices[1:])
    for i in range(1, radices[0]):
        s = f32(s + tree(c[i * step : (i + 1) * step], radices[1:]))
    return s


def paired(a, w):
    a, w = a + [0.0] * (len(a) % 2), w + [0.0] * (len(w) % 2)
    s = 0.0
    for k in range(0, len(a), 2):
        s = fma_flushed(w[k + 1], a[k + 1], s)
        s = fma_flushed(w[k], a[k], s)
    return s


def ascending(a, w):
    s = 0.0
    for x, y in zip(a, w):
        s = fma(y, x, s)
    return s


# Elementary functions


def exp(x):
    x = min(max(x, -104.0), 89.0)
    n = float(round(f32(x * float.fromhex("0x1.715476p+0"))))
    r = fma(n, -float.fromhex("0x1.62e4p-1"), x)
    r = fma(n, -float.fromhex("0x1.7f7d1cp-20"), r)
    p = float.fromhex("0x1.6a2434p-10")
    for c in ("0x1.1239e2p-7", "0x1.5558f2p-5", "0x1.555492p-3", "0x1.fffffcp-2"):
        p = fma(p, r, float.fromhex(c))
    p = f32(fma(f32(p * r), r, r) + 1.0)
    return round_fraction(Fraction(p) * Fraction(2) ** int(n))


def sin_cos(x):
    n = round(x * float.fromhex("0x1.45f306dc9c883p-1"))
    r = fma64(n, -float.fromhex("0x1.921fb544p+0"), x)
    r = fma64(n, -float.fromhex("0x1.0b4611a6p-34"), r)
    r = fma64(n, -float.fromhex("0x1.3198a2e037073p-69"), r)
    z = r * r
    p = float.fromhex("0x1.5d931843fad4bp-33")
    for c in (
        "-0x1.ae5e66882ff13p-26", "0x1.71de35781616dp-19", "-0x1.a01a019c1202ep-13",
        "0x1.111111110f87dp-7", "-0x1.5555555555549p-3",
    ):
        p = fma64(p, z, float.fromhex(c))
    s = fma64(p * z, r, r)
    p = float.fromhex("-0x1.8faeb5fa1872bp-37")
    for c in (
        "0x1.1ee9ec18b5e69p-29", "-0x1.27e4f80a33d96p-22", "0x1.a01a019cb216cp-16",
        "-0x1.6c16c16c15181p-10", "0x1.555555555554cp-5",
    ):
        p = fma64(p, z, float.fromhex(c))
    c = fma64(z * z, p, fma64(z, -0.5, 1.0))
    return [(s, c), (c, -s), (-s, -c), (-c, s)][n % 4]


# Seeded values


def mix(x):
    x = x + 0x9E3779B97F4A7C15 & MASK
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ x >> 27) * 0x94D049BB133111EB & MASK
    return x ^ x >> 31


def seed_key(seed, name, layer):
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = (h ^ byte) * 0x100000001B3 & MASK
    return mix(mix(mix(seed) ^ h) ^ layer)


def draw(key, i):
    return (mix(key ^ i) >> 11) * 2.0**-52 - 1.0


def argument(index, rows, columns, element="f32", addend=0, seed=0):
    key = seed_key(seed, f"argument {index}", addend)
    return [
        [rnd(element, f32(draw(key, t * columns + c))) for c in range(columns)]
        for t in range(rows)
    ]


def drawn_weight(name, out, inner, layer=0, seed=0):
    key = seed_key(seed, name, layer)
    root = math.sqrt(inner)
    return [
        [f32(draw(key, o * inner + k) / root) for k in range(inner)]
        for o in range(out)
    ]


def weight(name, out, inner, element="f32", layer=0, seed=0):
    rows = drawn_weight(name, out, inner, layer, seed)
    return [[rnd(element, w) for w in row] for row in rows]


def vector(name, n, element="f32", layer=0, seed=0):
    key = seed_key(seed, name, layer)
    return [rnd(element, f32(draw(key, i))) for i in range(n)]
