#!/usr/bin/env python3
"""model_to_gguf.py FOLDER TEMPLATE OUT: a model folder as a GGUF file.

The metadata is that of TEMPLATE, the tensors are FOLDER's model.safetensors
(F32), named and ordered as GGUF has them: the rows of a query or key head come
as pairs (0, d/2), (1, d/2 + 1) and so on, those of its bias as well; a
rope_scaling of type llama3 is rope_freqs.weight, by what each inverse
frequency is divided.
"""
import array
import json
import pathlib
import sys

import model_file
import reference

sys.path.append(str(pathlib.Path(__file__).parents[2] / "Import" / "Inputs"))
import edit_gguf

NAMES = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def rename(name):
    module, kind = name.rsplit(".", 1)
    if not module.startswith("model.layers."):
        return f"{NAMES[module]}.{kind}"
    layer, part = module[len("model.layers.") :].split(".", 1)
    return f"blk.{layer}.{NAMES[part]}.{kind}"


def interleave(shape, values, head_dim):
    """Rows of halves to rows of pairs."""
    width = shape[1] if len(shape) == 2 else 1
    result = []
    for row in range(shape[0]):
        head, i = divmod(row, head_dim)
        source = head * head_dim + i // 2 + (i % 2) * (head_dim // 2)
        result += values[source * width : (source + 1) * width]
    return result


def main():
    folder, (metadata, _) = pathlib.Path(sys.argv[1]), edit_gguf.read(sys.argv[2])
    config = json.loads((folder / "config.json").read_text())
    tensors = {}
    for name, (shape, values) in model_file.read(folder / "model.safetensors").items():
        if "q_proj" in name or "k_proj" in name:
            values = interleave(shape, values, config["head_dim"])
        tensors[rename(name).encode()] = [shape[::-1], 0, array.array("f", values).tobytes()]
    scaled = reference.frequencies(config)
    factors = [a / b for a, b in zip(reference.frequencies({**config, "rope_scaling": None}), scaled)]
    if config["rope_scaling"]:
        tensors[b"rope_freqs.weight"] = [[len(factors)], 0, array.array("f", factors).tobytes()]
    edit_gguf.write(sys.argv[3], metadata, tensors)


main()
