#!/usr/bin/env python3
"""Writes the tokenizer of a GGUF file as a Hugging Face directory.

Usage: utils/gguf-tokenizer-to-json.py MODEL.gguf DIRECTORY

Writes tokenizer.json and tokenizer_config.json for the tokenizers `llama`
(SentencePiece, with merges derived from the scores) and `gpt2` with the
pre-tokenizer `smollm`. Needs the Python package gguf.
"""
import json
import os
import sys

from gguf import GGUFReader

CONTROL, USER_DEFINED, UNKNOWN = 3, 4, 2


def read_fields(path):
    return {name: field.contents()
            for name, field in GGUFReader(path).fields.items()
            if name.startswith("tokenizer.")}


def merges_of_scores(tokens, scores, types):
    """All pairs of tokens whose joined text is a normal token, by its score."""
    ids = {token: id for id, token in enumerate(tokens)}
    merges = []
    for id, token in enumerate(tokens):
        if types[id] != 1:
            continue
        for cut in range(1, len(token)):
            left, right = token[:cut], token[cut:]
            if left in ids and right in ids:
                merges.append((-scores[id], ids[left], ids[right], left, right))
    return [[left, right] for *_, left, right in sorted(merges)]


def added_tokens(tokens, types):
    return [{"id": id, "content": tokens[id], "single_word": False,
             "lstrip": False, "rstrip": False, "normalized": False,
             "special": kind != USER_DEFINED}
            for id, kind in enumerate(types)
            if kind in (CONTROL, USER_DEFINED, UNKNOWN)]


def bos_template(token, id):
    return {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": token, "type_id": 0}},
                       {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                     {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {token: {"id": token, "ids": [id],
                                       "tokens": [token]}}}


def sentence_piece(fields, tokens, types):
    mark = "\u2581"
    bos = fields["tokenizer.ggml.bos_token_id"]
    steps = [{"type": "Prepend", "prepend": mark},
             {"type": "Replace", "pattern": {"String": " "}, "content": mark}]
    back = [{"type": "Replace", "pattern": {"String": mark}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]
    scores = fields["tokenizer.ggml.scores"]
    return {"normalizer": {"type": "Sequence", "normalizers": steps},
            "pre_tokenizer": None,
            "post_processor": bos_template(tokens[bos], bos),
            "decoder": {"type": "Sequence", "decoders": back},
            "unk_token": tokens[fields["tokenizer.ggml.unknown_token_id"]],
            "byte_fallback": True,
            "merges": merges_of_scores(tokens, scores, types)}


def byte_level(fields):
    if fields["tokenizer.ggml.pre"] != "smollm":
        sys.exit("error: tokenizer.ggml.pre: expected smollm")
    step = {"type": "ByteLevel", "add_prefix_space": False,
            "trim_offsets": True, "use_regex": True}
    digits = {"type": "Digits", "individual_digits": True}
    return {"normalizer": None,
            "pre_tokenizer": {"type": "Sequence",
                              "pretokenizers": [digits, step]},
            "post_processor": None, "decoder": step, "unk_token": None,
            "byte_fallback": False,
            "merges": [merge.split(" ")
                       for merge in fields["tokenizer.ggml.merges"]]}


def convert(fields):
    tokens = fields["tokenizer.ggml.tokens"]
    types = fields["tokenizer.ggml.token_type"]
    if fields["tokenizer.ggml.model"] == "llama":
        parts = sentence_piece(fields, tokens, types)
    else:
        parts = byte_level(fields)
    model = {"type": "BPE", "dropout": None,
             "unk_token": parts.pop("unk_token"),
             "continuing_subword_prefix": None, "end_of_word_suffix": None,
             "fuse_unk": parts["byte_fallback"],
             "byte_fallback": parts.pop("byte_fallback"),
             "vocab": {token: id for id, token in enumerate(tokens)},
             "merges": parts.pop("merges")}
    return {"version": "1.0", "truncation": None, "padding": None,
            "added_tokens": added_tokens(tokens, types), **parts,
            "model": model}


def write(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    fields = read_fields(sys.argv[1])
    tokens = fields["tokenizer.ggml.tokens"]
    os.makedirs(sys.argv[2], exist_ok=True)
    write(f"{sys.argv[2]}/tokenizer.json", convert(fields))
    config = {f"{name}_token": tokens[fields[f"tokenizer.ggml.{name}_token_id"]]
              for name in ("bos", "eos")}
    is_llama = fields["tokenizer.ggml.model"] == "llama"
    config["tokenizer_class"] = "LlamaTokenizer" if is_llama else "GPT2Tokenizer"
    if "tokenizer.chat_template" in fields:
        config["chat_template"] = fields["tokenizer.chat_template"]
    write(f"{sys.argv[2]}/tokenizer_config.json", config)


main()
