#!/usr/bin/env python3
"""sparse_model.py CONFIG FOLDER: a Hugging Face folder with the tensors of a config.

The safetensors files have right headers and an index; behind the header they are
holes, so that a model of any size takes no room. As on the Hub, a shard has up to
5 GB, and the type is bf16.
"""
import json
import pathlib
import shutil
import struct
import sys

SHARD_BYTES = 5 * 10**9


def list_tensors(config):
    """(name, shape) in the order of the Hub's files."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    heads = config["num_attention_heads"]
    size = config.get("head_dim", hidden // heads)
    query, key = heads * size, config.get("num_key_value_heads", heads) * size
    yield "model.embed_tokens.weight", [config["vocab_size"], hidden]
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        yield prefix + "input_layernorm.weight", [hidden]
        yield prefix + "self_attn.q_proj.weight", [query, hidden]
        yield prefix + "self_attn.k_proj.weight", [key, hidden]
        yield prefix + "self_attn.v_proj.weight", [key, hidden]
        yield prefix + "self_attn.o_proj.weight", [hidden, query]
        yield prefix + "post_attention_layernorm.weight", [hidden]
        yield prefix + "mlp.gate_proj.weight", [inner, hidden]
        yield prefix + "mlp.up_proj.weight", [inner, hidden]
        yield prefix + "mlp.down_proj.weight", [hidden, inner]
    yield "model.norm.weight", [hidden]
    if not config.get("tie_word_embeddings"):
        yield "lm_head.weight", [config["vocab_size"], hidden]


def make_shards(tensors):
    """Lists of (name, shape, bytes) of at most SHARD_BYTES."""
    shards, room = [], 0
    for name, shape in tensors:
        size = 2
        for extent in shape:
            size *= extent
        if size > room:
            shards.append([])
            room = SHARD_BYTES
        shards[-1].append((name, shape, size))
        room -= size
    return shards


def write_shard(path, tensors):
    header, end = {}, 0
    for name, shape, size in tensors:
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(file.tell() + end)
    return end


def write_model(config_path, folder):
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(config_path, folder / "config.json")
    shards = make_shards(list_tensors(json.loads(pathlib.Path(config_path).read_text())))
    total, places = 0, {}
    for i, tensors in enumerate(shards):
        name = f"model-{i + 1:05}-of-{len(shards):05}.safetensors"
        total += write_shard(folder / name, tensors)
        places.update((tensor[0], name) for tensor in tensors)
    index = {"metadata": {"total_size": total}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return len(shards), total


if __name__ == "__main__":
    count, size = write_model(sys.argv[1], pathlib.Path(sys.argv[2]))
    print(f"{count} files, {size} bytes of weights")
