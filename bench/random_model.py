"""Writes a Llama of random bf16 weights as GGUF, for timing.

    python random_model.py CONFIG.json VOCABULARY.gguf OUTPUT.gguf

The shape is that of the config.json, the tokenizer that of the GGUF file, whose
vocabulary must have the same size. Needs the package gguf. The weights are normal
with the standard deviation 0.02: activations stay finite, and nothing is sparse.
"""
import json
import os
import sys

import gguf
import numpy


def copy_tokenizer(writer, path, vocabulary):
    """Copies the keys of the tokenizer, and checks its size."""
    for name, field in gguf.GGUFReader(path).fields.items():
        if not name.startswith("tokenizer."):
            continue
        value = field.contents()
        if name == "tokenizer.ggml.tokens" and len(value) != vocabulary:
            sys.exit(f"error: {path}: {len(value)} tokens, expected {vocabulary}")
        if field.types[0] == gguf.GGUFValueType.ARRAY:
            writer.add_array(name, value)
        else:
            writer.add_key_value(name, value, field.types[0])


def add_config(writer, config):
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config.get("rope_theta", 10000.0))
    writer.add_rope_dimension_count(config["hidden_size"] // config["num_attention_heads"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_BF16)


def get_shapes(config):
    """name -> shape; a norm has one dimension."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    kv = hidden // config["num_attention_heads"] * config["num_key_value_heads"]
    shapes = {"token_embd": (config["vocab_size"], hidden)}
    for layer in range(config["num_hidden_layers"]):
        block = {
            "attn_norm": (hidden,),
            "attn_q": (hidden, hidden),
            "attn_k": (kv, hidden),
            "attn_v": (kv, hidden),
            "attn_output": (hidden, hidden),
            "ffn_norm": (hidden,),
            "ffn_gate": (inner, hidden),
            "ffn_up": (inner, hidden),
            "ffn_down": (hidden, inner),
        }
        shapes.update({f"blk.{layer}.{name}": shape for name, shape in block.items()})
    shapes["output_norm"] = (hidden,)
    if not config.get("tie_word_embeddings", False):
        shapes["output"] = (config["vocab_size"], hidden)
    return shapes


def main():
    config = json.load(open(sys.argv[1]))
    vocabulary, output = sys.argv[2:]
    writer = gguf.GGUFWriter(output + ".new", "llama")
    add_config(writer, config)
    copy_tokenizer(writer, vocabulary, config["vocab_size"])
    generator = numpy.random.default_rng(0)
    for name, shape in get_shapes(config).items():
        if len(shape) == 1:
            writer.add_tensor(name + ".weight", numpy.ones(shape, numpy.float32))
            continue
        values = generator.standard_normal(shape, numpy.float32) * numpy.float32(0.02)
        halves = (values.view(numpy.uint32) >> 16).astype(numpy.uint16)  # truncated to bf16
        writer.add_tensor(
            name + ".weight",
            halves.view(numpy.uint8),
            raw_dtype=gguf.GGMLQuantizationType.BF16,
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.replace(output + ".new", output)


if __name__ == "__main__":
    main()
