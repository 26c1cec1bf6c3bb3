#!/usr/bin/env python3
"""Compares token ids with those of the Hugging Face package `tokenizers`.

Usage: utils/compare-tokenizers.py TOOL COUNT DIRECTORY [--gguf FILE]

Encodes and decodes COUNT random strings with the tokenizer.json of DIRECTORY
and with variants of it (other pre-tokenizers, other space rules, added tokens
that strip spaces), with special tokens parsed and not. TOOL is
lamina-encode-batch. `--gguf FILE` does the same with a GGUF file that holds the
same tokenizer. Needs the package tokenizers. The strings are the same in every
run. Exit: 0 all equal, 8 a difference.
"""
import argparse
import copy
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer

MARK = "\u2581"
GPT2 = (r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+"""
        r"""|\s+(?!\S)|\s+""")
LLAMA3 = (r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"""
          r"""| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+""")

# Numbers that Unicode 17 adds to Unicode 16: the package's Digits knows them,
# its regular expressions and ours do not yet.
NEW_NUMBERS = {*range(0x11DE0, 0x11DEA), *range(0x16FF4, 0x16FF7)}

# First and last code point of scripts that are mixed, ASCII more than once.
SCRIPTS = [(0x20, 0x7E), (0x20, 0x7E), (0x61, 0x7A), (0x61, 0x7A), (0x30, 0x39),
           (0x00, 0x1F), (0x80, 0xFF), (0x100, 0x24F), (0x300, 0x36F),
           (0x370, 0x3FF), (0x400, 0x4FF), (0x590, 0x5FF), (0x600, 0x6FF),
           (0x900, 0x97F), (0xE00, 0xE7F), (0x1680, 0x1680), (0x2000, 0x206F),
           (0x2580, 0x2590), (0x3000, 0x30FF), (0x4E00, 0x9FFF),
           (0xAC00, 0xD7A3), (0xE000, 0xF8FF), (0xFE00, 0xFE0F),
           (0x1F300, 0x1FAFF), (0x20000, 0x323AF), (0xE0000, 0xE007F)]
PIECES = ["'s", "'S", "'\u017f", "'re", "'VE", "'ll", "'d", "' ", " '", "\r\n",
          "\n", "\n\n", " ", "  ", "    ", "\t", "\u00a0", "\u0085", "\u3000",
          MARK, "\u200d", "12", "3456", "<0x41>", "<|", "|>", "hello", "the",
          " world", "\ufffd", "\0"]
BAD_BYTES = [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
             b"\xe2\x82", b"\xf0\x9f\x98", b"\x80", b"\xf0\x80\x80\x80", b"\xc3"]


def random_character(source):
    if source.random() < 0.1:
        low, high = 0, 0x10FFFF
    else:
        low, high = source.choice(SCRIPTS)
    while True:
        code = source.randint(low, high)
        if not 0xD800 <= code < 0xE000 and code not in NEW_NUMBERS:
            return chr(code)


def random_piece(source, special):
    kind = source.random()
    if kind < 0.15:
        return source.choice(PIECES).encode()
    if kind < 0.2 and special:
        return source.choice(special).encode()
    if kind < 0.23:
        return source.choice(BAD_BYTES)
    if kind < 0.25:
        return bytes(source.randrange(256) for _ in range(source.randint(1, 6)))
    if kind < 0.65:  # a word of one script
        low, high = source.choice(SCRIPTS)
        count = source.randint(1, 8)
        codes = [source.randint(low, high) for _ in range(count)]
        return "".join(map(chr, codes)).encode()
    return random_character(source).encode()


def random_strings(count, special):
    source = random.Random(20260)
    return [b"".join(random_piece(source, special)
                     for _ in range(source.randint(0, 16)))
            for _ in range(count)]


def encode_batch(tool, model, strings, parse_special):
    data = b"".join(struct.pack("<I", len(text)) + text for text in strings)
    command = [tool, model] + (["--parse-special"] if parse_special else [])
    result = subprocess.run(command, input=data, stdout=subprocess.PIPE)
    if result.returncode:
        sys.exit(f"error: {model}: {tool} returned {result.returncode}")
    lines = [line.split("\t") for line in result.stdout.decode().splitlines()]
    return [([int(id) for id in ids.split()], bytes.fromhex(decoded))
            for ids, decoded in lines]


def compare(tool, name, model, tokenizer, strings, parse_special):
    """Returns the number of strings whose ids or decoded text differ."""
    found = encode_batch(tool, model, strings, parse_special)
    tokenizer.encode_special_tokens = not parse_special
    differences = 0
    for text, (ids, decoded) in zip(strings, found, strict=True):
        expected = tokenizer.encode(text.decode(errors="replace")).ids
        back = tokenizer.decode(expected, skip_special_tokens=False)
        if ids == expected and decoded.decode(errors="replace") == back:
            continue
        differences += 1
        if differences <= 3:
            print(f"  {text!r}\n    found    {ids} {decoded!r}\n"
                  f"    expected {expected} {back!r}")
    parsed = "parsed" if parse_special else "as text"
    print(f"{name}: special tokens {parsed}: {len(strings)} strings, "
          f"{differences} differ", flush=True)
    return differences


def step(kind, **settings):
    return {"type": kind, **settings}


def byte_level_variants(base):
    bare = step("ByteLevel", add_prefix_space=False, trim_offsets=True,
                use_regex=False)
    full = {**bare, "use_regex": True}
    digits = step("Digits", individual_digits=True)
    splits = {"gpt2": full, "digits": step("Sequence",
                                           pretokenizers=[digits, full])}
    for name, expression in (("split-gpt2", GPT2), ("llama3", LLAMA3)):
        split = step("Split", pattern={"Regex": expression},
                     behavior="Isolated", invert=False)
        splits[name] = step("Sequence", pretokenizers=[split, bare])
    for name, split in splits.items():
        variant = copy.deepcopy(base)
        variant["pre_tokenizer"] = split
        variant["model"]["ignore_merges"] = name == "llama3"
        yield name, variant
    yield "added", with_added_tokens(base, normalized=False)


def sentence_piece_variants(base):
    yield "as-is", base
    yield "added", with_added_tokens(base, normalized=False)
    yield "added-normalized", with_added_tokens(base, normalized=True)
    for scheme, split in (("first", False), ("always", False), ("never", True),
                          ("always", True)):
        variant = copy.deepcopy(base)
        variant["normalizer"] = None
        variant["pre_tokenizer"] = step("Metaspace", replacement=MARK,
                                        prepend_scheme=scheme, split=split)
        if scheme == "never":
            variant["decoder"]["decoders"].pop()
        yield f"metaspace-{scheme}{'-split' * split}", variant
    variant = copy.deepcopy(base)
    variant["model"].update(byte_fallback=False, fuse_unk=False)
    yield "unknown", variant
    variant = copy.deepcopy(variant)
    variant["model"]["fuse_unk"] = True
    yield "fused-unknown", variant
    variant = copy.deepcopy(variant)
    variant["model"]["unk_token"] = None
    yield "no-unknown", variant


def with_added_tokens(base, normalized):
    """With tokens that are prefixes of each other or strip spaces."""
    variant = copy.deepcopy(base)
    next_id = 1 + max(variant["model"]["vocab"].values())
    for content, left, right, special in (
            ("<|a", False, False, True), ("<|a|>", False, False, True),
            ("<left>", True, False, True), ("<right>", False, True, False),
            ("<both>", True, True, False), ("he", False, False, False)):
        if content in variant["model"]["vocab"]:
            continue
        variant["added_tokens"].append(
            {"id": next_id, "content": content, "single_word": False,
             "lstrip": left, "rstrip": right, "normalized": normalized,
             "special": special})
        next_id += 1
    return variant


def compare_directory(tool, count, directory, gguf):
    with open(os.path.join(directory, "tokenizer.json")) as file:
        base = json.load(file)
    is_byte_level = base["decoder"]["type"] == "ByteLevel"
    variants = byte_level_variants if is_byte_level else sentence_piece_variants
    differences = 0
    for name, variant in variants(base):
        special = [token["content"] for token in variant["added_tokens"]]
        strings = random_strings(count, special)
        tokenizer = Tokenizer.from_str(json.dumps(variant))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "tokenizer.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(variant, file)
            for parse_special in (True, False):
                differences += compare(tool, f"{directory} {name}", folder,
                                       tokenizer, strings, parse_special)
    if gguf:
        strings = random_strings(count, [token["content"]
                                         for token in base["added_tokens"]])
        tokenizer = Tokenizer.from_str(json.dumps(base))
        differences += compare(tool, gguf, gguf, tokenizer, strings, True)
    return differences


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tool")
    parser.add_argument("count", type=int)
    parser.add_argument("directory")
    parser.add_argument("--gguf")
    arguments = parser.parse_args()
    differences = compare_directory(arguments.tool, arguments.count,
                                    arguments.directory, arguments.gguf)
    sys.exit(8 if differences else 0)


main()
