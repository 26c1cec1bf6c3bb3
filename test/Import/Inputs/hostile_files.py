#!/usr/bin/env python3
"""hostile_files.py MODEL FOLDER [--no-limits]: damaged models, one a case.

Each case is MODEL, a folder, with some files replaced, or a GGUF file. `lamina ir`
must end with the exit code of the case, with nothing on stderr but lines
of errors and warnings, the first of them as the case says; leave nothing behind;
and take less than 2 s of processor time and 2 * (size of the files + 64 MiB) of
memory, so that what is rejected is not read or allocated first.
"""
import json
import os
import pathlib
import re
import shutil
import struct
import sys

MODEL, FOLDER = map(pathlib.Path, sys.argv[1:3])
HAS_LIMITS = "--no-limits" not in sys.argv
SECONDS, MEMORY = 2, 64 << 20
TENSOR = '"%s":{"dtype":"F32","shape":[%s],"data_offsets":[%d,%d]}'


def safetensors(header, data=b"", length=None, size=0):
    """A file of that header; `length` is what it claims to have."""
    header = header.encode() if isinstance(header, str) else header
    return struct.pack("<Q", len(header) if length is None else length) + header + data, size


def weights(edit):
    """The model's weights after `edit` of {name: [entry, bytes]}."""
    data = (MODEL / "model.safetensors").read_bytes()
    start = 8 + struct.unpack_from("<Q", data)[0]
    tensors = {}
    for name, entry in json.loads(data[8:start]).items():
        if name != "__metadata__":
            begin, end = entry.pop("data_offsets")
            tensors[name] = [entry, data[start + begin : start + end]]
    edit(tensors)
    header, body = {}, b""
    for name, (entry, values) in tensors.items():
        header[name] = {**entry, "data_offsets": [len(body), len(body) + len(values)]}
        body += values
    return safetensors(json.dumps(header), body)


def reshape(name, shape, size):
    def edit(tensors):
        entry, values = tensors[name]
        entry["shape"] = shape
        tensors[name][1] = values[:size]

    return weights(edit)


def add_head(tensors):
    entry, values = tensors["model.embed_tokens.weight"]
    tensors["lm_head.weight"] = [dict(entry), values]


def indent_header():
    data = (MODEL / "model.safetensors").read_bytes()
    return struct.pack("<Q", struct.unpack_from("<Q", data)[0] + 2) + b"  " + data[8:], 0


def many_tensors(count, stride):
    """In pieces: what Python holds counts as memory of its children."""
    yield struct.pack("<Q", sum(len(piece) for piece in many_entries(count, stride)))
    yield from many_entries(count, stride)


def many_entries(count, stride):
    for i in range(count):
        yield (("," if i else "{") + TENSOR % (f"t{i}", "1", i * stride, i * stride + 4)).encode()
    yield b"}"


def edit_json(name, edit):
    value = json.loads((MODEL / name).read_text())
    edit(value)
    return {name: (json.dumps(value).encode(), 0)}


def add_token(content, number):
    def edit(tokenizer):
        token = dict(tokenizer["added_tokens"][0], id=number, content=content)
        tokenizer["added_tokens"].append(token)

    return edit_json("tokenizer.json", edit)


def deep_normalizer():
    text = edit_json("tokenizer.json", lambda t: t.update(normalizer="DEEP"))["tokenizer.json"][0]
    deep = b'{"type":"Sequence","normalizers":[' * 10000 + b"]}" * 10000
    return {"tokenizer.json": (text.replace(b'"DEEP"', deep), 0)}


def gguf(tensors=0, members=0, rest=b"", size=0):
    return struct.pack("<4sIQQ", b"GGUF", 3, tensors, members) + rest, size


def text(value):
    return struct.pack("<Q", len(value)) + value


ARCHITECTURE = text(b"general.architecture") + struct.pack("<I", 8) + text(b"llama")


def member(key, kind, value):
    """A file of the architecture and one member more."""
    return gguf(0, 2, ARCHITECTURE + text(key) + struct.pack("<I", kind) + value)


def tensor(dims, kind, offset=0, rest=b""):
    record = text(b"a") + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset)
    return gguf(1, 1, ARCHITECTURE + record + rest)


def nested_arrays(depth):
    return struct.pack("<IQ", 9, 1) * depth + struct.pack("<IQ", 0, 0)


WEIGHTS, CONFIG, TOKENIZER = "model.safetensors", "config.json", "tokenizer.json"
NORM = "model.norm.weight"
INDEX = {WEIGHTS: None, WEIGHTS + ".index.json": (b"{", 1_000_000_000)}
MAX = (1 << 64) - 1

# (what, files of a folder or one GGUF file, exit code, pattern of the first line)
CASES = [
    ("empty weights", {WEIGHTS: (b"", 0)}, 3, "header length: a file of 0 bytes"),
    ("7 bytes of weights", {WEIGHTS: (b"1234567", 0)}, 3, "header length: a file of 7 bytes"),
    ("header of 2^64-1 bytes", {WEIGHTS: safetensors("{}", length=MAX)}, 3, "byte 0: header length: 184467"),
    ("header over the limit", {WEIGHTS: safetensors("{}", length=100_000_001, size=200_000_000)}, 3,
     "header length: 100000001, expected at most 100000000"),
    ("header behind the end", {WEIGHTS: safetensors("{}", length=3)}, 3, "a header that ends at byte 11"),
    ("empty header", {WEIGHTS: safetensors("")}, 3, "an empty header"),
    ("no tensors", {WEIGHTS: safetensors("{}")}, 3, "model.embed_tokens.weight: absent"),
    ("blanks in front of the header", {WEIGHTS: indent_header()}, 0, ""),
    ("nested header", {WEIGHTS: safetensors('{"a":' + "[" * 100_000)}, 3, "more than 64 levels of nesting"),
    ("elements that overflow",
     {WEIGHTS: safetensors("{" + TENSOR % ("a", "2,18446744073709551614", 0, 4) + "}", b"1234")},
     3, "/a/shape: shape: 2 x 18446744073709551614 elements, which overflow"),
    ("bytes that overflow", {WEIGHTS: safetensors("{" + TENSOR % ("a", "2,9223372036854775807", 0, 4) + "}", b"1234")},
     3, "/a/shape: shape: F32.*whose size overflows"),
    ("rank of 1,000,000", {WEIGHTS: safetensors("{" + TENSOR % ("a", ",".join("1" * 1_000_000), 0, 4) + "}", b"1234")},
     6, "a member of more than 200000 JSON values"),
    ("weight of rank 0", {WEIGHTS: reshape(NORM, [], 4)}, 3, r"model.norm.weight: shape \[\], expected shape \[64\]"),
    ("weight of rank 9", {WEIGHTS: reshape(NORM, [1] * 9, 4)}, 3, "shape: 9 dimensions, expected at most 8"),
    ("weight of size 0", {WEIGHTS: reshape(NORM, [0], 0)}, 3, r"model.norm.weight: shape \[0\], expected shape \[64\]"),
    ("10,000 tensors in one range", {WEIGHTS: (many_tensors(10_000, 0), 0)}, 3, "which overlap tensor \"t0\""),
    ("300,000 tensors", {WEIGHTS: (many_tensors(300_000, 4), 0)}, 3, "file: a file that ends 1200000 bytes early"),
    ("index of 1 GB", INDEX, 3, "index.json: file: more than 67108864 bytes"),
    ("index without bytes", {WEIGHTS: None, WEIGHTS + ".index.json": (b"", 0)}, 3, "byte 0: JSON: an empty file"),
    ("shard outside the folder", {WEIGHTS: None, WEIGHTS + ".index.json": (b'{"weight_map":{"a":"../x"}}', 0)}, 3,
     '/weight_map/a: weight_map: "../x", expected a plain file name'),
    ("shard that is absent", {WEIGHTS: None, WEIGHTS + ".index.json": (b'{"weight_map":{"a":"x"}}', 0)}, 5,
     "x: file: No such file or directory"),
    ("index beside the weights", {WEIGHTS + ".index.json": (b"{", 0)}, 0,
     "index.json: file: not used, since there is model.safetensors"),
    ("output matrix beside a tied one", {WEIGHTS: weights(add_head)}, 0,
     "lm_head.weight: not used, since tie_word_embeddings is true"),
    ("no config", {CONFIG: None}, 5, "config.json: file: No such file or directory"),
    ("config of 1 GB", {CONFIG: (b"{", 1_000_000_000)}, 3, "config.json: file: more than 1048576 bytes"),
    ("nested config", {CONFIG: (b'{"a":' * 100_000, 0)}, 3, "JSON: more than 64 levels of nesting"),
    ("layers without end", edit_json(CONFIG, lambda c: c.update(num_hidden_layers=100_000)), 3,
     "model.layers.5.input_layernorm.weight: absent"),
    ("more tokens than rows", add_token("<more>", 512), 3,
     "tokenizer: 513 tokens, expected at most the 512 rows of the embedding table"),
    ("fewer tokens than rows", edit_json(TOKENIZER, lambda t: t["model"]["vocab"].popitem()), 0, ""),
    ("token number of 2^32", add_token("<more>", 1 << 32), 3, "/added_tokens/[0-9]+/id: tokenizer: 4294967296"),
    ("empty tokenizer", {TOKENIZER: (b"", 0)}, 3, "tokenizer.json:byte 0: JSON: an empty file"),
    ("tokenizer of 10 GB", {TOKENIZER: (b"{", 10_000_000_000)}, 3, "tokenizer.json: file: more than [0-9]+ bytes"),
    ("nested normalizers", deep_normalizer(), 3, "JSON: more than 64 levels of nesting"),
    ("magic of GGML", (b"GGJT1234", 0), 4, "magic: \"GGJT\", not GGUF .legacy GGML."),
    ("GGUF of the other byte order", (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), 0), 4, "version: 3 in big-endian"),
    ("2^64-1 tensors", gguf(tensors=MAX, rest=b"\0" * 76), 3, "byte 8: number of tensors: 184467.*expected at most 2 "),
    ("2^60 members", gguf(members=1 << 60, rest=b"\0" * 76), 3, "byte 16: number of metadata members: 115292"),
    ("key of 2^64-1 bytes", gguf(0, 2, ARCHITECTURE + struct.pack("<Q", MAX) + b"a" * 99), 3, "metadata key: 184467"),
    ("string of 2^64-1 bytes", member(b"k", 8, struct.pack("<Q", MAX) + b"abc"), 3, "k: a string of 184467"),
    ("array of 2^60 strings", member(b"k", 9, struct.pack("<IQ", 8, 1 << 60) + b"abc"),
     3, "k: the end of the file at byte 97"),
    ("nested arrays", member(b"k", 9, nested_arrays(10_000)), 3, "k: arrays nested more than 4 deep"),
    ("alignment of 2^31", member(b"general.alignment", 4, struct.pack("<I", 1 << 31)),
     3, "general.alignment: 2147483648"),
    ("2^64 elements", tensor([1 << 62, 4], 0), 3, "a: 4 x 4611686018427387904 elements of F32, which overflow"),
    ("bytes that padding wraps", tensor([(1 << 63) - 1], 1),
     3, "a: 9223372036854775807 elements of F16, which overflow"),
    ("data of 2^50 bytes", tensor([1 << 48], 0, rest=b"\0" * 99), 3, "a: a file of [0-9]+ bytes.*expected bytes"),
]


def write(path, content):
    pieces, size = content
    with open(path, "wb") as file:
        for piece in [pieces] if isinstance(pieces, bytes) else pieces:
            file.write(piece)
        if size:
            file.truncate(size)


def make(case):
    """Writes the files of a case; returns the path of the model."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "out").mkdir(parents=True)
    if isinstance(case, tuple):
        write(FOLDER / "model.gguf", case)
        return FOLDER / "model.gguf"
    shutil.copytree(MODEL, FOLDER / "model")
    for name, content in case.items():
        (FOLDER / "model" / name).unlink(missing_ok=True)
        if content is not None:
            write(FOLDER / "model" / name, content)
    return FOLDER / "model"


def run(model):
    """Returns exit code, stderr, and what the process used."""
    arguments = ["lamina", "ir", str(model), "-o", str(FOLDER / "out" / "model.mlir")]
    log = os.open(FOLDER / "log", os.O_CREAT | os.O_RDWR)
    child = os.posix_spawnp("lamina", arguments, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, log, 2)])
    os.close(log)
    _, status, usage = os.wait4(child, 0)
    return os.waitstatus_to_exitcode(status), (FOLDER / "log").read_text(), usage


def check(case, code, pattern):
    """Returns what is wrong."""
    model = make(case)
    size = sum(path.stat().st_size for path in [model, *model.glob("*")])
    actual, log, usage = run(model)
    lines = log.splitlines()
    if actual != code:
        return f"exit code {actual}, expected {code}: {log[:200]}"
    if not re.search(pattern, lines[0] if lines else "") or (not pattern and lines):
        return f"{log[:200]}, expected {pattern}"
    if strange := [line for line in lines if not re.match("(error|warning|help): ", line)]:
        return f"the line {strange[0]}"
    if code != 0 and os.listdir(FOLDER / "out"):
        return f"leaves {os.listdir(FOLDER / 'out')}"
    seconds, memory = usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10
    if HAS_LIMITS and code != 0 and (seconds > SECONDS or memory > 2 * (size + MEMORY)):
        return f"{seconds:.1f} s and {memory >> 20} MiB for files of {size} bytes"
    return None


def main():
    wrong = 0
    for name, case, code, pattern in CASES:
        if fault := check(case, code, pattern):
            print(f"{name}: {fault}")
            wrong += 1
    print(f"{len(CASES) - wrong} cases, {wrong} wrong")


main()
