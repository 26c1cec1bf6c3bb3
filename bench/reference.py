"""A Llama in f64, written as plainly as numpy allows: the yardstick of
bench/accuracy.py. Needs the package gguf, whose dequantised values it takes."""
import functools

import gguf
import numpy


class Reference:
    """The model of a GGUF file. Weights are widened as they are used."""

    def __init__(self, path):
        reader = gguf.GGUFReader(path)
        self.tensors = {tensor.name: tensor for tensor in reader.tensors}
        self.keys = {
            name[len("llama.") :]: field.contents()
            for name, field in reader.fields.items()
            if name.startswith("llama.")
        }
        self.heads = self.keys["attention.head_count"]
        self.kv_heads = self.keys["attention.head_count_kv"]
        self.size = self.keys["embedding_length"] // self.heads
        if any(name.startswith("rope.scaling") for name in self.keys):
            raise ValueError(f"{path}: scales its rotation, which is not done here")

    @functools.lru_cache(maxsize=12)  # a layer has 9
    def weight(self, name):
        tensor = self.tensors[name + ".weight"]
        return gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(numpy.float64)

    def norm(self, x, name):
        mean = (x * x).mean(axis=-1, keepdims=True)
        return x / numpy.sqrt(mean + self.keys["attention.layer_norm_rms_epsilon"]) * self.weight(name)

    def rotate(self, x):
        """x: positions x heads x size; a pair is two neighbours."""
        frequency = self.keys["rope.freq_base"] ** -(numpy.arange(0, self.size, 2) / self.size)
        angle = numpy.arange(len(x))[:, None, None] * frequency
        even, odd = x[..., 0::2], x[..., 1::2]
        turned = numpy.empty_like(x)
        turned[..., 0::2] = even * numpy.cos(angle) - odd * numpy.sin(angle)
        turned[..., 1::2] = even * numpy.sin(angle) + odd * numpy.cos(angle)
        return turned

    def attend(self, x, block):
        rows = len(x)
        q = self.rotate((x @ self.weight(block + "attn_q").T).reshape(rows, self.heads, -1))
        k = self.rotate((x @ self.weight(block + "attn_k").T).reshape(rows, self.kv_heads, -1))
        v = (x @ self.weight(block + "attn_v").T).reshape(rows, self.kv_heads, -1)
        group = self.heads // self.kv_heads
        k, v = k.repeat(group, axis=1), v.repeat(group, axis=1)
        scores = numpy.einsum("ihd,jhd->hij", q, k) / numpy.sqrt(self.size)
        scores[:, numpy.triu(numpy.ones((rows, rows), bool), 1)] = -numpy.inf
        scores = numpy.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed = numpy.einsum("hij,jhd->ihd", scores, v).reshape(rows, -1)
        return mixed @ self.weight(block + "attn_output").T

    def feed_forward(self, x, block):
        gate = x @ self.weight(block + "ffn_gate").T
        up = x @ self.weight(block + "ffn_up").T
        return (gate / (1 + numpy.exp(-gate)) * up) @ self.weight(block + "ffn_down").T

    def logits(self, sequences):
        """A list of id lists -> a list of positions x vocabulary."""
        embedding = self.weight("token_embd")
        states = [embedding[ids] for ids in sequences]
        for layer in range(self.keys["block_count"]):
            block = f"blk.{layer}."
            for i, x in enumerate(states):
                x = x + self.attend(self.norm(x, block + "attn_norm"), block)
                states[i] = x + self.feed_forward(self.norm(x, block + "ffn_norm"), block)
        head = self.weight("output") if "output.weight" in self.tensors else embedding
        return [self.norm(x, "output_norm") @ head.T for x in states]
