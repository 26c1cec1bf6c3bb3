#!/usr/bin/env python3
"""operations.py FOLDER: each operation of the runtime against lamina-interpret.

Makes a module of one or two ops for each case, with weights of random bytes;
compiles and runs it on each x86 level of this processor, interprets it, and
compares the bits of the results.
"""
import math
import os
import random
import re
import struct
import subprocess
import sys

import same_logits  # of this folder

DEVICE = 7  # exit code: this processor has no such level
IDS = [3, 0, 17, 63, 5, 3, 40]
ROWS = 64  # of the embedding table
ALGORITHMS = ("one_shot", "two_shot", "separate")

# Bytes of a block, its elements, and where its f16 scales are.
BLOCKS = {
    "q8_0": (34, 32, [0]), "q4_0": (18, 32, [0]), "q4_1": (20, 32, [0, 2]),
    "q5_0": (22, 32, [0]), "q5_1": (24, 32, [0, 2]), "q4_k": (144, 256, [0, 2]),
    "q5_k": (176, 256, [0, 2]), "q6_k": (210, 256, [208]),
}


class Case:
    """A module that is being written, and the file of its weights."""

    def __init__(self, name):
        self.name, self.random = name, random.Random(name)
        self.weights, self.body, self.data = [], [], b""
        self.observed = "logits"  # what of a dump is compared
        self.ranks = 1

    def weight(self, symbol, shape, storage, layers=None, split=""):
        elements = layers or 1
        for size in shape:
            elements *= size
        offset = len(self.data)
        chunk = self.draw(elements, storage)
        self.data += chunk
        count = layers or 1
        offsets = ", ".join(str(offset + i * len(chunk) // count) for i in range(count))
        kind = f"!llama.block<{storage}>" if storage in BLOCKS else storage
        dims = "x".join(map(str, shape))
        suffix, star = (f"[{layers}]", ".*") if layers else ("", "")
        files = ", ".join(["0"] * count)
        self.weights.append(
            f'  llama.weight private @{symbol}{suffix} : tensor<{dims}x{kind}> from "{symbol}{star}" {split}'
            f'at <["w.bin"], [{files}], [{offsets}]>'
        )

    def draw(self, elements, storage):
        values = [self.random.gauss(0, 1) for _ in range(elements if storage not in BLOCKS else 0)]
        if storage == "f32":
            return struct.pack(f"<{elements}f", *values)
        if storage == "f16":
            return struct.pack(f"<{elements}e", *values)
        if storage == "bf16":
            return b"".join(struct.pack("<f", value)[2:] for value in values)
        size, count, scales = BLOCKS[storage]
        out = bytearray()
        for _ in range(elements // count):
            block = bytearray(self.random.randbytes(size))
            for place in scales:
                block[place : place + 2] = struct.pack("<e", self.random.gauss(0, 0.01))
            out += block
        return bytes(out)

    def op(self, line):
        self.body.append("    " + line)

    def text(self, result, features, part=""):
        attributes = f"attributes {{llama.ranks = {self.ranks} : i64}} " if self.ranks > 1 else ""
        lines = [f"module {attributes}{{", *self.weights]
        lines.append("  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>, "
                     f"%wanted: tensor<?xi32>) -> tensor<?x{features}xf32{part}> {{")
        lines += self.body + [f"    return {result} : tensor<?x{features}xf32{part}>", "  }", "}"]
        return "\n".join(lines) + "\n"


def embed(case, name, features, element, storage="f32", split=""):
    case.weight(name + "_table", [ROWS, features], storage, split=split)
    case.op(f"%{name} = llama.embed %ids, @{name}_table : tensor<?x{features}x{element}>")


def finish(case, value, features, element):
    """Takes the wanted rows of `value` to f32: by a product with the identity."""
    case.op(f"%rows = llama.select_rows {value}, %wanted : tensor<?x{features}x{element}> -> tensor<?x{features}x{element}>")
    if element == "f32":
        return case.text("%rows", features)
    case.weight("identity", [features, features], "f32")
    one = struct.pack("<f", 1.0)
    identity = b"".join(bytes(4 * i) + one + bytes(4 * (features - 1 - i)) for i in range(features))
    case.data = case.data[: -len(identity)] + identity
    case.op(f"%wide = llama.linear %rows, @identity leaves [] : (tensor<?x{features}x{element}>) -> tensor<?x{features}xf32>")
    return case.text("%wide", features)


def embed_case(storage, element):
    case = Case(f"embed {storage} {element}")
    embed(case, "x", 256, element, storage)
    return case, finish(case, "%x", 256, element)


def norm_case(mode, element, result, storage):
    case = Case(f"rms_norm {mode} {element} {result} {storage}")
    embed(case, "x", 72, element)
    case.weight("norm", [72], storage)
    types = f"tensor<?x72x{element}>" + (f" -> tensor<?x72x{result}>" if result != element else "")
    case.op(f"%n = llama.rms_norm %x, @norm eps 3.7e-01 norm {mode} : {types}")
    return case, finish(case, "%n", 72, result)


def residual_norm_case(mode, element, result, wants_residual):
    case = Case(f"residual_rms_norm {mode} {element} {result} {wants_residual}")
    embed(case, "x", 33, element)
    embed(case, "y", 33, element)
    case.weight("norm", [33], "f32")
    types = f"tensor<?x33x{element}>" + (f" -> tensor<?x33x{result}>" if result != element else "")
    case.op(f"%n, %r = llama.residual_rms_norm %x, %y, @norm eps 1.0e-02 norm {mode} : {types}")
    if wants_residual:
        return case, finish(case, "%r", 33, element)
    return case, finish(case, "%n", 33, result)


def pair_case(op, element):
    case = Case(f"{op} {element}")
    embed(case, "x", 100, element)
    embed(case, "y", 100, element)
    case.op(f"%z = llama.{op} %x, %y : tensor<?x100x{element}>")
    return case, finish(case, "%z", 100, element)


def linear_case(storage, element, inner, leaves, bias, out=50, rounding=""):
    case = Case(f"linear {storage} {element} {inner} {leaves} {bias}{rounding}")
    embed(case, "x", inner, element)
    case.weight("w", [out, inner], storage)
    text = ""
    if bias:
        case.weight("b", [out], bias)
        text = " bias @b"
    case.op(f"%rows = llama.select_rows %x, %wanted : tensor<?x{inner}x{element}> -> tensor<?x{inner}x{element}>")
    case.op(f"%y = llama.linear %rows, @w{text}{rounding} leaves {leaves} : (tensor<?x{inner}x{element}>) -> tensor<?x{out}xf32>")
    return case, case.text("%y", out)


def merged_case(part):
    """One of three products that one call makes, with a bias."""
    case = Case(f"linear of columns, {part}")
    embed(case, "x", 64, "f32")
    widths = {"p": 33, "q": 33, "r": 7}
    for name, out in widths.items():
        case.weight(name, [out, 64], "q8_0", layers=2)
        case.weight(name + "_bias", [out], "f32", layers=2)
    case.weights.append("  llama.weight private @pqr[2] : tensor<73x64x!llama.block<q8_0>> = columns [@p, @q, @r]")
    case.weights.append("  llama.weight private @pqr_bias[2] : tensor<73xf32> = columns [@p_bias, @q_bias, @r_bias]")
    case.op("%p, %q, %r = llama.linear %x, @pqr[1] bias @pqr_bias leaves [2] : (tensor<?x64xf32>) -> (tensor<?x33xf32>, tensor<?x33xf32>, tensor<?x7xf32>)")
    return case, finish(case, f"%{part}", widths[part], "f32")


def copy_case():
    """A loop that exchanges its values: their buffers cannot be joined."""
    case = Case("copy")
    embed(case, "x", 20, "f32")
    embed(case, "y", 20, "f32")
    case.op("%a, %b = llama.layers %l to 3 iter (%p = %x, %q = %y) : tensor<?x20xf32>, tensor<?x20xf32> {")
    case.op("  %s = llama.add %p, %q : tensor<?x20xf32>")
    case.op("  llama.yield %q, %s : tensor<?x20xf32>, tensor<?x20xf32>")
    case.op("}")
    return case, finish(case, "%a", 20, "f32")


def tap_case(layers):
    """The last value that is tapped is the result."""
    case = Case(f"tap {layers}")
    case.observed = f"seen.L{layers - 1}"
    embed(case, "x", 20, "f32")
    case.weight("norm", [20], "f32", layers=3)
    case.op(f"%a = llama.layers %l to {layers} iter (%h = %x) : tensor<?x20xf32> {{")
    case.op("  %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x20xf32>")
    case.op('  llama.tap %n, "seen.L"[%l] : tensor<?x20xf32>')
    case.op("  llama.yield %n : tensor<?x20xf32>")
    case.op("}")
    return case, finish(case, "%a", 20, "f32")


def rope_case(pairing, element):
    case = Case(f"rope {pairing} {element}")
    embed(case, "x", 48, element)
    case.op("%y = llama.rope %x, %positions frequencies #llama.rope<[1.0, 0.31, 0.0123, 1.7e-3, 1.0e-6, 0.9, 0.5, 2.0]> "
            f"pairing {pairing} : tensor<?x48x{element}>")
    return case, finish(case, "%y", 48, element)


def attention_case(element, cache, heads, groups, ids):
    case = Case(f"attention {element} {cache} {heads}/{groups} {len(ids)}")
    query, kv = heads * 24, groups * 24
    embed(case, "q", query, element)
    embed(case, "k", kv, element)
    embed(case, "v", kv, element)
    case.op(f"%a = llama.attention %q, %k, %v, %positions, %sequences layer [1] heads {heads} kv_heads {groups} scale 0.2 kv {cache} "
            f": tensor<?x{query}x{element}>, tensor<?x{kv}x{element}>")
    return case, finish(case, "%a", query, element)


def add_partial(case, ranks, storage, unit, leaves="[2]"):
    """%p, of 40 features: a product whose inner features lie on the ranks."""
    case.ranks = ranks
    embed(case, "x", 64, "f32")
    part = f"#llama.columns<unit = {unit}>"
    case.weight("up", [192, 64], storage, split=f"split <columns, unit = {unit}> ")
    case.weight("down", [40, 192], storage, split=f"split <rows, unit = {unit}> ")
    case.op(f"%u = llama.linear %x, @up leaves [2] : (tensor<?x64xf32>) -> tensor<?x192xf32, {part}>")
    case.op(f"%p = llama.linear %u, @down leaves {leaves} : (tensor<?x192xf32, {part}>) -> tensor<?x40xf32, #llama.partial>")


def embed_partial_case(ranks, element):
    """A table that is split over the vocabulary."""
    case = Case(f"embed, {ranks} ranks, {element}")
    case.ranks = ranks
    case.weight("table", [ROWS, 24], element, split="split <columns, unit = 1> ")
    case.op("%x = llama.embed %ids, @table : tensor<?x24xf32, #llama.partial>")
    case.op(f"%s = llama.all_reduce %x sum f32 tree [{ranks}] : tensor<?x24xf32, #llama.partial> -> tensor<?x24xf32>")
    return case, finish(case, "%s", 24, "f32")


def all_reduce_case(ranks, tree, storage, element, bias, unit=1, leaves="[2]"):
    case = Case(f"all_reduce {ranks} {tree} {storage} {element} {bias}")
    add_partial(case, ranks, storage, unit, leaves)
    text = ""
    if bias:
        case.weight("b", [40], bias)
        text = " bias @b"
    case.op(f"%s = llama.all_reduce %p{text} sum f32 tree {tree} : tensor<?x40xf32, #llama.partial> -> tensor<?x40x{element}>")
    return case, finish(case, "%s", 40, element)


def fused_case(ranks, tree, mode, element, result, bias, wants_residual):
    case = Case(f"all_reduce_residual_rms_norm {ranks} {tree} {mode} {element} {result} {bias} {wants_residual}")
    add_partial(case, ranks, "f32", 1)
    embed(case, "h", 40, element)
    case.weight("norm", [40], "f32")
    text = ""
    if bias:
        case.weight("b", [40], bias, layers=2)
        text = " bias @b[1]"
    types = f"tensor<?x40x{element}>" + (f" -> tensor<?x40x{result}>" if result != element else "")
    case.op(f"%n, %r = llama.all_reduce_residual_rms_norm %p, %h, @norm{text} eps 1.0e-02 norm {mode} sum f32 tree {tree} "
            f": tensor<?x40xf32, #llama.partial>, {types}")
    if wants_residual:
        return case, finish(case, "%r", 40, element)
    return case, finish(case, "%n", 40, result)


def own_rows_case(ranks, tree, mode, element, result, bias, wanted):
    """The residual in rows of the ranks; `wanted` is the normed value, or it."""
    case = Case(f"shard_rows {ranks} {tree} {mode} {element} {result} {bias} {wanted}")
    add_partial(case, ranks, "f32", 1)
    embed(case, "start", 40, element)
    case.weight("norm", [40], "f32", layers=3)
    text = ""
    if bias:
        case.weight("b", [40], bias)
        text = " bias @b"
    rows = f"tensor<?x40x{element}, #llama.rows>"
    types = f"tensor<?x40xf32, #llama.partial>, {rows} -> tensor<?x40x{result}>"
    case.op(f"%h0 = llama.shard_rows %start : tensor<?x40x{element}> -> {rows}")
    case.op(f"%h = llama.layers %l to 3 iter (%i = %h0) : {rows} {{")
    case.op(f"  %n, %j = llama.all_reduce_residual_rms_norm %p, %i, @norm[%l]{text} eps 1.0e-02 norm {mode} sum f32 tree {tree} : {types}")
    case.op(f"  llama.yield %j : {rows}")
    case.op("}")
    if wanted == "residual":
        case.op(f"%g = llama.all_gather %h : {rows} -> tensor<?x40x{element}>")
        return case, finish(case, "%g", 40, element)
    case.op(f"%k, %j = llama.all_reduce_residual_rms_norm %p, %h, @norm[1]{text} eps 1.0e-02 norm {mode} sum f32 tree {tree} : {types}")
    return case, finish(case, "%k", 40, result)


def reduce_scatter_case(ranks, tree, element, bias):
    """What the fused op with own rows stands for, and the other ops on rows."""
    case = Case(f"reduce_scatter {ranks} {tree} {element} {bias}")
    add_partial(case, ranks, "f32", 1)
    embed(case, "start", 40, element)
    case.weight("norm", [40], "f32")
    text = ""
    if bias:
        case.weight("b", [40], bias)
        text = " bias @b"
    rows = f"tensor<?x40x{element}, #llama.rows>"
    case.op(f"%h = llama.shard_rows %start : tensor<?x40x{element}> -> {rows}")
    case.op(f"%s = llama.reduce_scatter %p{text} sum f32 tree {tree} : tensor<?x40xf32, #llama.partial> -> {rows}")
    case.op(f"%r = llama.add %h, %s : {rows}")
    case.op(f"%n = llama.rms_norm %r, @norm eps 1.0e-02 norm hf : {rows}")
    case.op(f"%m = llama.silu_mul %n, %h : {rows}")
    case.op(f"%g = llama.all_gather %m : {rows} -> tensor<?x40x{element}>")
    return case, finish(case, "%g", 40, element)


def gather_case(ranks, unit, to_all):
    case = Case(f"{'all_gather' if to_all else 'gather'} {ranks} {unit}")
    case.ranks = ranks
    part = f"#llama.columns<unit = {unit}>"
    embed(case, "x", 64, "f32")
    case.weight("w", [90, 64], "f32", split=f"split <columns, unit = {unit}> ")
    case.op("%rows = llama.select_rows %x, %wanted : tensor<?x64xf32> -> tensor<?x64xf32>")
    case.op(f"%y = llama.linear %rows, @w leaves [2] : (tensor<?x64xf32>) -> tensor<?x90xf32, {part}>")
    name, target = ("all_gather", "") if to_all else ("gather", ", #llama.root")
    case.op(f"%g = llama.{name} %y : tensor<?x90xf32, {part}> -> tensor<?x90xf32{target}>")
    return case, case.text("%g", 90, target)


def split_attention_case(ranks, heads, groups, ids):
    """Heads on the ranks; with fewer key-value heads than ranks, copies of them."""
    case = Case(f"attention, {ranks} ranks, {heads}/{groups} {len(ids)}")
    case.ranks = ranks
    embed(case, "x", 32, "f32")
    group = heads // groups * 16 if groups >= ranks else heads // ranks * 16
    query, kv = f"#llama.columns<unit = {group}>", "#llama.columns<unit = 16>"
    case.weight("wq", [heads * 16, 32], "f32", split=f"split <columns, unit = {group}> ")
    for name in ("wk", "wv"):
        case.weight(name, [groups * 16, 32], "f32", split="split <columns, unit = 16> ")
    q, k = f"tensor<?x{heads * 16}xf32, {query}>", f"tensor<?x{groups * 16}xf32, {kv}>"
    case.op(f"%q = llama.linear %x, @wq leaves [2] : (tensor<?x32xf32>) -> {q}")
    case.op(f"%qr = llama.rope %q, %positions frequencies #llama.rope<[1.0, 0.31, 0.0123, 1.7e-3, 1.0e-6, 0.9, 0.5, 2.0]> pairing halves : {q}")
    for name in "kv":
        case.op(f"%{name} = llama.linear %x, @w{name} leaves [2] : (tensor<?x32xf32>) -> {k}")
    case.op(f"%a = llama.attention %qr, %k, %v, %positions, %sequences layer [0] heads {heads} kv_heads {groups} scale 0.2 kv f32 : {q}, {k}")
    case.op(f"%s = llama.silu_mul %a, %q : {q}")
    case.op(f"%g = llama.all_gather %s : {q} -> tensor<?x{heads * 16}xf32>")
    return case, finish(case, "%g", heads * 16, "f32")


def make_rank_cases():
    """Fewer rows than ranks, so that some have none of their own, and more."""
    one, few, many = IDS[3:4], IDS[:3], IDS * 3
    yield own_rows_case(4, "[2, 2]", "hf", "f32", "f32", "f32", "residual"), one
    yield reduce_scatter_case(3, "[3]", "f32", None), one
    for ids in (few, many):
        # Trees of two radices that differ: their order is seen.
        for ranks, tree in ((2, "[2]"), (3, "[3]"), (4, "[2, 2]"), (4, "[4]"), (6, "[2, 3]"), (6, "[3, 2]")):
            yield all_reduce_case(ranks, tree, "f32", "f32", None), ids
            for wants_residual in (False, True):
                yield fused_case(ranks, tree, "hf", "f32", "bf16", "f32", wants_residual), ids
            yield own_rows_case(ranks, tree, "hf", "f32", "bf16", "f32", "normed"), ids
            yield reduce_scatter_case(ranks, tree, "bf16", None), ids
            yield gather_case(ranks, 1, False), ids
        yield own_rows_case(2, "[2]", "zero_centered", "bf16", "bf16", "bf16", "residual"), ids
        yield own_rows_case(3, "[3]", "single", "f16", "f32", None, "residual"), ids
        yield own_rows_case(8, "[2, 2, 2]", "hf", "f32", "f32", None, "residual"), ids
        yield reduce_scatter_case(3, "[3]", "f32", "f16"), ids
        yield all_reduce_case(2, "[2]", "q8_0", "bf16", "f16", unit=32, leaves="[3]"), ids
        yield all_reduce_case(3, "[3]", "bf16", "f16", "f32", unit=2), ids
        for wants_residual in (False, True):
            yield fused_case(2, "[2]", "zero_centered", "bf16", "bf16", "bf16", wants_residual), ids
        yield fused_case(2, "[2]", "single", "f16", "f16", None, True), ids
        yield gather_case(4, 15, True), ids
        for ranks in (2, 3, 7):
            yield embed_partial_case(ranks, "f32"), ids
        yield split_attention_case(2, 4, 2, ids), ids
        yield split_attention_case(4, 8, 2, ids), ids
    yield embed_partial_case(2, "bf16"), many


def make_cases():
    yield from make_rank_cases()
    floats = ("f32", "bf16", "f16")
    for storage in (*floats, *BLOCKS):
        yield embed_case(storage, "f32"), IDS
        for element in floats:
            yield linear_case(storage, element, 512, "[2]", None), IDS
    for element in ("bf16", "f16"):
        yield embed_case("f32", element), IDS
    for mode in ("hf", "single", "zero_centered"):
        for element, result, storage in (("f32", "f32", "f32"), ("f32", "bf16", "bf16"), ("bf16", "bf16", "f32"), ("f16", "f16", "f16")):
            yield norm_case(mode, element, result, storage), IDS
        yield residual_norm_case(mode, "f32", "bf16", False), IDS
    for element in floats:
        for wants_residual in (False, True):
            yield residual_norm_case("hf", element, element, wants_residual), IDS
        yield pair_case("add", element), IDS
        yield pair_case("silu_mul", element), IDS
        for pairing in ("halves", "adjacent"):
            yield rope_case(pairing, element), IDS
        yield attention_case(element, element, 4, 2, IDS), IDS
    yield attention_case("f32", "bf16", 3, 3, IDS), IDS
    yield attention_case("f32", "f16", 4, 1, IDS), IDS
    long = [i * 7 % ROWS for i in range(300)]
    yield attention_case("f32", "f32", 2, 1, long), long
    yield attention_case("bf16", "bf16", 2, 1, long), long
    for leaves in ("[]", "[3]", "[2, 3]", "[8, 2]"):
        yield linear_case("f32", "f32", 96, leaves, "f32"), IDS
        yield linear_case("bf16", "bf16", 96, leaves, "bf16"), IDS
    yield linear_case("q4_1", "f32", 96, "[3]", "f16"), IDS
    yield linear_case("bf16", "bf16", 35, "[5]", None), IDS  # odd leaves
    for storage in BLOCKS:
        for element in floats:
            yield linear_case(storage, element, 512, "[2]", None, rounding=" int8"), IDS
    yield linear_case("q4_1", "f32", 96, "[3]", "f16", rounding=" int8"), IDS
    for part in "pqr":
        yield merged_case(part), IDS
    for layers in (1, 2, 3):
        yield tap_case(layers), IDS
    yield copy_case(), IDS


class Failure(Exception):
    pass


def call(*command, allowed=(0,)):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in allowed:
        raise Failure(f"{os.path.basename(command[0])}: {done.returncode}: {(done.stderr + done.stdout)[:600]}")
    return done


def check_values(expected):
    """NaNs, or one value everywhere, would be no evidence."""
    _, data = expected
    values = struct.unpack(f"<{len(data) // 4}f", data)
    if len(set(values)) < 2 or not all(map(math.isfinite, values)):
        raise Failure(f"expected values are {values[:4]}...: they show nothing")


def get_algorithms(case):
    """Those of sums over ranks, and of what is fused with a residual norm."""
    if case.name.startswith(("all_reduce", "residual_rms_norm", "embed,", "shard_rows", "reduce_scatter")):
        return ALGORITHMS
    return ALGORITHMS[:1]


def run(folder, case, text, ids):
    """Returns the levels on which the program has the interpreter's bits."""
    path = lambda name: os.path.join(folder, name)
    open(path("w.bin"), "wb").write(case.data)
    open(path("m.mlir"), "w").write(text)
    call("lamina-interpret", path("m.mlir"), f"--weights=model:{folder}", "--inputs=ids:" + ",".join(map(str, ids)), "-o", path("expected"))
    expected = same_logits.read(path("expected"), "result.0")
    check_values(expected)
    call("lamina", "compile", path("m.mlir"), "--from=fused", f"--model={folder}", "-o", path("prog"))
    levels = set()
    for level in ("v2", "v3", "v4", "bf16"):
        for algorithm in get_algorithms(case):
            done = call(path("prog"), "--ids", " ".join(map(str, ids)), "--dump", path("actual"), "--cpu", level,
                        "--collectives-table", path(algorithm + ".json"), allowed=(0, DEVICE))
            if done.returncode:
                break
            levels.add(level)
            if difference := same_logits.describe(expected, same_logits.read(path("actual"), case.observed)):
                raise Failure(f"on {level}, {algorithm}: {difference}")
    return levels


def get_calls(folder):
    """The operations that the program last compiled calls."""
    module = call("lamina", "compile", os.path.join(folder, "m.mlir"), "--from=fused", f"--model={folder}", "--emit=runtime", "-o", "-").stdout
    return set(re.findall(r"call @(lamrt_\w+)", module))


def get_operations():
    """The operations that runtime.h declares."""
    header = os.path.join(os.path.dirname(__file__), "../../../runtime/include/lamina/runtime.h")
    text = open(header).read()
    return set(re.findall(r"\b(lamrt_\w+)\(lamrt_rank ", text[text.index("Operations, called by a program's step") :]))


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for algorithm in ALGORITHMS:
        table = os.path.join(os.path.dirname(__file__), "../../Inputs/one_choice.py")
        open(os.path.join(folder, algorithm + ".json"), "w").write(call(sys.executable, table, algorithm).stdout)
    failed = count = 0
    calls, kinds, levels = set(), set(), set()
    for (case, text), ids in make_cases():
        count += 1
        try:
            levels.update(run(folder, case, text, ids))
            kind = case.name.split()[0]
            if kind not in kinds:
                calls |= get_calls(folder)
                kinds.add(kind)
        except Failure as failure:
            failed += 1
            print(f"FAILED {case.name}: {failure}")
    for operation in sorted(get_operations() - calls):
        failed += 1
        print(f"FAILED {operation}: no case calls it")
    print(f"{len(calls)} operations, {count} cases on {', '.join(sorted(levels))}, {failed} failed")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main())
