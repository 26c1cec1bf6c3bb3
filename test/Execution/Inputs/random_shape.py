#!/usr/bin/env python3
"""random_shape.py CONFIG LAYERS VOCABULARY OUT: a model folder of random bf16 weights.

The widths and heads are those of the config.json CONFIG, with fewer layers and ids.
A weight is between 1/128 and 1/32, of either sign: activations stay finite.
"""
import json
import pathlib
import random
import struct
import sys

SIGNS = bytes(0xBC if byte & 1 else 0x3C for byte in range(256))


def draw(numbers, count):
    """bf16, little-endian: the second byte has the sign and most of the exponent."""
    data = bytearray(2 * count)
    data[0::2] = numbers.randbytes(count)
    data[1::2] = numbers.randbytes(count).translate(SIGNS)
    return data


def get_shapes(config):
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    kv = hidden // config["num_attention_heads"] * config["num_key_value_heads"]
    shapes = {"model.embed_tokens.weight": [config["vocab_size"], hidden]}
    for layer in range(config["num_hidden_layers"]):
        for name, shape in {
            "input_layernorm": [hidden], "post_attention_layernorm": [hidden],
            "self_attn.q_proj": [hidden, hidden], "self_attn.k_proj": [kv, hidden],
            "self_attn.v_proj": [kv, hidden], "self_attn.o_proj": [hidden, hidden],
            "mlp.gate_proj": [inner, hidden], "mlp.up_proj": [inner, hidden], "mlp.down_proj": [hidden, inner],
        }.items():
            shapes[f"model.layers.{layer}.{name}.weight"] = shape
    shapes["model.norm.weight"] = [hidden]
    if not config["tie_word_embeddings"]:
        shapes["lm_head.weight"] = [config["vocab_size"], hidden]
    return shapes


def main():
    config = json.load(open(sys.argv[1]))
    config["num_hidden_layers"], config["vocab_size"] = int(sys.argv[2]), int(sys.argv[3])
    folder = pathlib.Path(sys.argv[4])
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    header, end = {}, 0
    shapes = get_shapes(config)
    counts = {name: shape[0] * (shape[1] if len(shape) > 1 else 1) for name, shape in shapes.items()}
    for name, shape in shapes.items():
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [end, end + 2 * counts[name]]}
        end += 2 * counts[name]
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    numbers = random.Random(1)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for count in counts.values():
            file.write(draw(numbers, count))


main()
