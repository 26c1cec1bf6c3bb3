#!/usr/bin/env python3
"""reference.py FOLDER OUT ID...: hidden states and logits of a Llama in f64.

Written from the definition of the model (transformers' modeling_llama.py),
with weights of F32 widened to f64 and nothing rounded on the way.
"""
import json
import math
import pathlib
import sys
from operator import mul

import model_file


def dot(a, b):
    return math.fsum(map(mul, a, b))


def frequencies(config):
    """Inverse frequencies; rope_scaling of type llama3 as transformers has it."""
    size = config["head_dim"]
    result = [config["rope_theta"] ** (-2 * i / size) for i in range(size // 2)]
    scaling = config.get("rope_scaling")
    if not scaling:
        return result
    factor, low, high = (scaling[k] for k in ("factor", "low_freq_factor", "high_freq_factor"))
    old = scaling["original_max_position_embeddings"]
    for i, frequency in enumerate(result):
        length = 2 * math.pi / frequency
        if length > old / low:
            result[i] = frequency / factor
        elif length >= old / high:
            smooth = (old / length - low) / (high - low)
            result[i] = (1 - smooth) * frequency / factor + smooth * frequency
    return result


class Model:
    def __init__(self, folder):
        self.config = json.loads((folder / "config.json").read_text())
        self.tensors = model_file.read(folder / "model.safetensors")
        self.frequencies = frequencies(self.config)
        self.matrices = {}

    def linear(self, name, x):
        if name not in self.matrices:
            (rows, columns), values = self.tensors[name + ".weight"]
            self.matrices[name] = [values[r * columns : (r + 1) * columns] for r in range(rows)]
        bias = self.tensors.get(name + ".bias", [None, [0.0] * len(self.matrices[name])])[1]
        return [dot(row, x) + b for row, b in zip(self.matrices[name], bias)]

    def norm(self, name, x):
        scale = 1 / math.sqrt(dot(x, x) / len(x) + self.config["rms_norm_eps"])
        return [v * scale * w for v, w in zip(x, self.tensors[name + ".weight"][1])]

    def heads(self, x, position=None):
        """Splits into heads; rotated, if a position is given, pairs (i, i + d/2)."""
        size = self.config["head_dim"]
        heads = [x[i : i + size] for i in range(0, len(x), size)]
        if position is None:
            return heads
        half = size // 2
        cos = [math.cos(position * f) for f in self.frequencies] * 2
        sin = [math.sin(position * f) for f in self.frequencies] * 2
        return [
            [h[i] * cos[i] + (-h[i + half] if i < half else h[i - half]) * sin[i] for i in range(size)]
            for h in heads
        ]

    def attention(self, prefix, rows):
        queries, keys, values = [], [], []
        for position, x in enumerate(rows):
            queries.append(self.heads(self.linear(prefix + "q_proj", x), position))
            keys.append(self.heads(self.linear(prefix + "k_proj", x), position))
            values.append(self.heads(self.linear(prefix + "v_proj", x)))
        shared = len(queries[0]) // len(keys[0])
        size = self.config["head_dim"]
        results = []
        for position, heads in enumerate(queries):
            result = []
            for number, query in enumerate(heads):
                group = number // shared
                scores = [dot(query, keys[p][group]) / math.sqrt(size) for p in range(position + 1)]
                highest = max(scores)
                weights = [math.exp(s - highest) for s in scores]
                total = math.fsum(weights)
                for i in range(size):
                    result.append(math.fsum(w * values[p][group][i] for p, w in enumerate(weights)) / total)
            results.append(self.linear(prefix + "o_proj", result))
        return results

    def mlp(self, prefix, x):
        gate = self.linear(prefix + "gate_proj", x)
        up = self.linear(prefix + "up_proj", x)
        return self.linear(prefix + "down_proj", [g / (1 + math.exp(-g)) * u for g, u in zip(gate, up)])

    def run(self, ids):
        embed = self.tensors["model.embed_tokens.weight"]
        width = embed[0][1]
        rows = [embed[1][i * width : (i + 1) * width] for i in ids]
        states = {"input_ids": [[len(ids)], ids]}
        for layer in range(self.config["num_hidden_layers"]):
            prefix = f"model.layers.{layer}."
            update = self.attention(prefix + "self_attn.", [self.norm(prefix + "input_layernorm", x) for x in rows])
            rows = [[a + b for a, b in zip(x, u)] for x, u in zip(rows, update)]
            for t, x in enumerate(rows):
                update = self.mlp(prefix + "mlp.", self.norm(prefix + "post_attention_layernorm", x))
                rows[t] = [a + b for a, b in zip(x, update)]
            states[f"hidden.L{layer}"] = [[len(ids), width], sum(rows, [])]
        rows = [self.norm("model.norm", x) for x in rows]
        states["hidden.norm"] = [[len(ids), width], sum(rows, [])]
        head = "lm_head" if not self.config["tie_word_embeddings"] else "model.embed_tokens"
        logits = [self.linear(head, x) for x in rows]
        states["logits"] = [[len(ids), len(logits[0])], sum(logits, [])]
        return states


def main():
    model = Model(pathlib.Path(sys.argv[1]))
    model_file.write(sys.argv[2], model.run([int(word) for word in sys.argv[3:]]))


if __name__ == "__main__":
    main()
