#!/usr/bin/env python3
"""make_model.py IN OUT FEATURE...: a model folder with more in it than IN.

IN is a folder with one model.safetensors of F32. Features: `attention_bias`,
`mlp_bias` (biases by a fixed pseudorandom rule), `untied` (an lm_head of its
own), `llama3` (rope_scaling of that type).
"""
import json
import pathlib
import random
import shutil
import sys

import model_file

ROPE = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 800}
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
MLP = ["gate_proj", "up_proj", "down_proj"]


def add_biases(tensors, block, names, numbers):
    for name in [n for n in tensors if any(n.endswith(f"{block}.{p}.weight") for p in names)]:
        rows = tensors[name][0][0]
        tensors[name[: -len("weight")] + "bias"] = [[rows], [numbers.uniform(-0.5, 0.5) for _ in range(rows)]]


def main():
    source, target, features = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:]
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    config = json.loads((source / "config.json").read_text())
    tensors = model_file.read(source / "model.safetensors")
    numbers = random.Random(1)
    for feature in features:
        if feature == "attention_bias":
            config[feature] = True
            add_biases(tensors, "self_attn", ATTENTION, numbers)
        elif feature == "mlp_bias":
            config[feature] = True
            add_biases(tensors, "mlp", MLP, numbers)
        elif feature == "untied":
            config["tie_word_embeddings"] = False
            shape, values = tensors["model.embed_tokens.weight"]
            tensors["lm_head.weight"] = [shape, [x + numbers.uniform(-0.1, 0.1) for x in values]]
        elif feature == "llama3":
            config["rope_scaling"] = ROPE
        else:
            sys.exit(f"unknown feature {feature}")
    (target / "config.json").write_text(json.dumps(config))
    model_file.write(target / "model.safetensors", tensors)


main()
