#!/usr/bin/env python3
"""step_cost.py PLANNED.mlir: what a step asks of a GPU.

Walks the planned IR of a step and lists the launches of the CUDA plugin: kernels,
products by cuBLAS, collectives by NCCL; for each the bytes that it reads and writes, its
flops, and the bytes that cross the wire. The rules are those of runtime/src/cuda; a test
compares them with the calls of the emulated plugin. Needs lamina-opt on the path.
"""
import argparse
import dataclasses
import json
import math
import pathlib
import re
import subprocess
import sys

# The algorithm of each size of a sum, as it ships.
CHOICES = pathlib.Path(__file__).parent.parent / "lib/Support/collectives-cuda.json"

# Operations.cpp and Attention.cu of the plugin.
SPLIT_KEYS, MOST_SPLITS = 128, 64
PAGE_POSITIONS = 64

ELEMENT_BYTES = {"f32": 4, "i32": 4, "f16": 2, "bf16": 2, "blocks": 2}


@dataclasses.dataclass
class Step:
    """Rows of one step, and what they look at."""

    rows: int
    logit_rows: int
    pairs: int  # (row, position that it sees), over all rows
    positions: int  # of the cache that are read, over all sequences
    is_decode: bool
    context: int  # positions that the model allows a sequence
    multiprocessors: int = 132

    @staticmethod
    def decode(sequences, depth, context, **options):
        """A row for each sequence, which sees `depth` positions, its own among them."""
        return Step(sequences, sequences, sequences * depth, sequences * depth, True, context, **options)

    @staticmethod
    def prefill(rows, context, **options):
        """All rows of one prompt; the logits of the last are wanted."""
        return Step(rows, 1, rows * (rows + 1) // 2, rows, rows == 1, context, **options)


@dataclasses.dataclass
class Launch:
    """One launch, with what it costs one GPU."""

    kind: str  # kernel, product, nccl
    op: str
    weights: float = 0  # bytes
    cache: float = 0  # bytes
    activations: float = 0  # bytes
    flops: float = 0
    wire: float = 0  # bytes that the GPU receives; it sends as many
    times: int = 1  # in a step


@dataclasses.dataclass
class Value:
    features: int
    element: str
    unit: int  # columns of a rank come in such units; 0: the value is whole or an addend
    of_logits: bool


def parse_types(text, of_logits):
    """The tensors in a list of types."""
    values = []
    for match in re.finditer(r"tensor<\?x(?:(\d+)x)?(\w+)(?:, (#llama\.\w+(?:<[^<>]*>)?))?>", text):
        if match[3] == "#llama.rows":
            sys.exit("error: #llama.rows: a residual in rows is not counted, expected a whole one")
        unit = re.search(r"unit = (\d+)", match[3] or "")
        values.append(Value(int(match[1] or 1), match[2], int(unit[1]) if unit else 0, of_logits))
    return values


def print_generic(path):
    """The module in MLIR's generic syntax, without aliases."""
    done = subprocess.run(["lamina-opt", "--mlir-print-op-generic", path], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    if "lamina.copies" in done.stdout:
        sys.exit(f"error: {path}: lamina.copies: a step with copies, expected one without")
    aliases = dict(re.findall(r"^(#\w+) = (.*)$", done.stdout, re.MULTILINE))
    return re.sub(r"#\w+\b(?!\.)", lambda match: aliases.get(match[0], match[0]), done.stdout)


def get_stored_type(attributes):
    """The element type of a weight, or blocks."""
    element = re.search(r"\btype = tensor<[\dx]*x(!llama\.block<\w+>|\w+)>", attributes)[1]
    return "blocks" if element.startswith("!") else element


@dataclasses.dataclass
class Op:
    name: str
    operands: list
    results: list
    attributes: str
    times: int  # in a step
    stored: str  # element type of its weight, or blocks

    def get_number(self, name):
        return int(re.search(rf"\b{name} = (\d+)", self.attributes)[1])


OP = re.compile(r'^\s*(?:(%[\w$.-]+)(?::\d+)? = )?"llama\.(\w+)"\(([^()]*)\)(.*)$')


def read_ops(path):
    """Yields the ops of a step, in order."""
    times, logits, stored = [1], set(), {}
    for line in print_generic(path).splitlines():
        if line.lstrip().startswith("})") and len(times) > 1:
            times.pop()
        match = OP.match(line)
        if not match or match[2] in ("yield", "tap"):
            continue
        result, name, names, rest = match.groups()
        if name == "weight":
            stored[re.search(r'sym_name = "(\w+)"', rest)[1]] = get_stored_type(rest)
            continue
        if name == "layers":
            times.append(times[-1] * int(re.search(r"\bcount = (\d+)", rest)[1]))
            continue
        takes_logits = any(operand.split("#")[0] in logits for operand in names.split(", "))
        gives_logits = takes_logits or name == "select_rows"
        if gives_logits:
            logits.add(result)
        attributes, _, types = rest.rpartition(" : (")
        inputs, _, outputs = types.partition(") -> ")
        weight = re.search(r"\bweight = @(\w+)", attributes)
        yield Op(
            name,
            parse_types(inputs, takes_logits),
            parse_types(outputs, gives_logits),
            attributes,
            times[-1],
            stored[weight[1]] if weight else "",
        )


class Counter:
    """The launches of a step on a rank, which has the largest share of what is uneven."""

    def __init__(self, ranks, step, rank, has_peers):
        self.ranks, self.step, self.rank, self.has_peers = ranks, step, rank, has_peers
        self.launches = []
        self.times = 1
        self.has_angles = False

    def get_rows(self, value):
        return self.step.logit_rows if value.of_logits else self.step.rows

    def get_width(self, value):
        """Features that the rank has."""
        if not value.unit:
            return value.features
        return math.ceil(value.features // value.unit / self.ranks) * value.unit

    def get_bytes(self, *values):
        return sum(self.get_rows(v) * self.get_width(v) * ELEMENT_BYTES[v.element] for v in values)

    def add(self, kind, name, **costs):
        self.launches.append(Launch(kind, name, times=self.times, **costs))

    def count(self, op):
        self.times = op.times
        count = getattr(self, "count_" + op.name, self.count_streaming)
        count(op)

    def count_streaming(self, op):
        """One kernel, which reads every operand and writes every result once."""
        vector = 4 * op.results[0].features if op.name.endswith("norm") else 0
        self.add("kernel", op.name, weights=vector, activations=self.get_bytes(*op.operands, *op.results))

    def count_embed(self, op):
        """Of a split table a rank reads the rows that it has; on the average, its share."""
        result = op.results[0]
        table = self.get_rows(result) * result.features * ELEMENT_BYTES[op.stored] / self.ranks
        self.add("kernel", "embed", weights=table, activations=self.get_bytes(*op.operands, result))

    def count_linear(self, op):
        """A product for each part of a merged weight; conversions where cuBLAS lacks the types."""
        source = op.operands[0]
        # As they are loaded, blocks become bf16, and 16 bits that meet f32 become f32.
        stored = "bf16" if op.stored == "blocks" else "f32" if source.element == "f32" else op.stored
        k = self.get_width(source)
        for result in op.results:
            n = self.get_width(result)
            if source.element != stored:
                narrow = self.get_rows(source) * k * ELEMENT_BYTES[stored]
                self.add("kernel", "convert", activations=self.get_bytes(source) + narrow)
            weights = k * n * ELEMENT_BYTES[stored]
            flops = 2 * self.get_rows(source) * k * n
            self.add("product", "linear", weights=weights, activations=self.get_bytes(source, result), flops=flops)
            if "bias = @" in op.attributes or result.element not in ("f32", stored):
                self.add("kernel", "convert", activations=2 * self.get_bytes(result))

    def count_rope(self, op):
        """The first of a step makes the angles, which all share: cosines and sines in f32."""
        pairs = len(re.search(r"rope<\[(.*?)\]>", op.attributes)[1].split(","))
        angles = 8 * self.step.rows * pairs
        if not self.has_angles:
            self.launches.append(Launch("kernel", "angles", activations=angles + 4 * self.step.rows))
            self.has_angles = True
        self.add("kernel", "rope", activations=angles + self.get_bytes(op.operands[0], op.results[0]))

    def count_attention(self, op):
        """The cache is written, then read; where a row is split over blocks, a third joins the parts."""
        query, key, value = op.operands[:3]
        step = self.step
        dim = query.features // op.get_number("heads")
        heads, kv_heads = self.get_width(query) // dim, self.get_width(key) // dim
        cached = ELEMENT_BYTES[re.search(r"\bkv = (\w+)", op.attributes)[1]]
        position = 2 * kv_heads * dim * cached
        self.add("kernel", "write_cache", activations=self.get_bytes(key, value), cache=step.rows * position)
        self.add(
            "kernel",
            "attention",
            activations=self.get_bytes(query, op.results[0]),
            cache=step.positions * position,
            flops=4 * step.pairs * heads * dim,
        )
        if self.count_splits(kv_heads) > 1:
            self.add("kernel", "combine")  # the parts are small and stay on the chip

    def count_splits(self, kv_heads):
        if not self.step.is_decode:
            return 1
        blocks = max(1, self.step.rows * kv_heads)
        context = math.ceil(self.step.context / PAGE_POSITIONS) * PAGE_POSITIONS
        useful = math.ceil(2 * self.step.multiprocessors / blocks)
        return max(1, min(useful, math.ceil(context / SPLIT_KEYS), MOST_SPLITS))

    def choose_algorithm(self, op):
        if not self.has_peers:
            return "nccl"
        partial = op.operands[0]
        choice = choose_algorithm(op.name, self.ranks, partial.features, self.get_rows(partial))
        return "nccl" if choice == "separate" else choice

    def count_all_reduce(self, op):
        size = self.get_bytes(op.operands[0])
        algorithm = self.choose_algorithm(op)
        wire = get_wire_bytes(algorithm, self.ranks, size, self.get_bytes(*op.results))
        vector = 4 * op.operands[0].features if op.name.endswith("norm") else 0
        moved = self.get_bytes(*op.operands, *op.results)
        if algorithm != "nccl":
            self.add("kernel", op.name, weights=vector, activations=moved, wire=wire)
            return
        self.add("nccl", op.name, activations=2 * size, wire=wire)
        self.add("kernel", op.name, weights=vector, activations=moved)

    count_all_reduce_residual_rms_norm = count_all_reduce

    def count_gather(self, op):
        """NCCL brings all columns to all ranks, also those that rank 0 alone joins."""
        own = self.get_bytes(op.operands[0])
        self.add("nccl", "gather", activations=own * (1 + self.ranks), wire=own * (self.ranks - 1))
        for _ in range(self.ranks if self.rank == 0 or op.name == "all_gather" else 0):
            self.add("kernel", "join_columns", activations=2 * own)

    count_all_gather = count_gather


def find_nearest(values, wanted):
    """By ratio, as the runtime does (AlgorithmChooser.cpp)."""
    nearest, *others = sorted(set(values))
    for value in others:
        if wanted * wanted > nearest * value:
            nearest = value
    return nearest


def choose_algorithm(operation, ranks, features, rows):
    """one_shot, two_shot or separate."""
    sizes = [size for size in json.loads(CHOICES.read_text())["sizes"] if size["operation"] == operation]
    for key, wanted in (("ranks", ranks), ("features", features), ("rows", rows)):
        nearest = find_nearest([size[key] for size in sizes], wanted)
        sizes = [size for size in sizes if size[key] == nearest]
    return sizes[0]["choice"]


def get_wire_bytes(algorithm, ranks, partial, shared):
    """Bytes that each GPU receives, and sends, in a sum over the ranks.

    `partial` is the size of the addends of a rank, `shared` that of the rows of the result
    that a two-shot sum brings to all ranks.
    """
    others = ranks - 1
    return {
        "one_shot": others * partial,  # each reads the addends of all
        "two_shot": others * (partial + shared) / ranks,  # own rows of all, then the results
        "nccl": 2 * others * partial / ranks,  # a ring: reduce-scatter, then all-gather
    }[algorithm]


def get_ranks(path):
    with open(path) as file:
        match = re.search(r"\bllama\.ranks = (\d+)", file.read())
    return int(match[1]) if match else 1


def get_launches(path, step, rank=0, has_peers=True):
    """The launches of the planned step in `path` on a rank."""
    counter = Counter(get_ranks(path), step, rank, has_peers)
    for op in read_ops(path):
        counter.count(op)
    return counter.launches


def get_function(launch):
    """The entry point that makes the launch."""
    if launch.kind == "nccl":
        return "ncclAllGather" if launch.op == "gather" else "ncclAllReduce"
    return {"kernel": "cudaLaunchKernelEx", "product": "cublasGemmEx"}[launch.kind]


def main():
    parser = argparse.ArgumentParser(description="Prints how often a decode step calls each entry point, on all ranks together.")
    parser.add_argument("path", help="module of the stage planned")
    parser.add_argument("--sequences", type=int, default=1)
    parser.add_argument("--context", type=int, default=512, help="positions that the model allows")
    parser.add_argument("--multiprocessors", type=int, default=132)
    parser.add_argument("--no-peers", action="store_true", help="GPUs do not see each other's memory")
    options = parser.parse_args()
    step = Step.decode(options.sequences, 1, options.context, multiprocessors=options.multiprocessors)
    calls = dict.fromkeys(("cudaLaunchKernelEx", "cublasGemmEx", "ncclAllReduce", "ncclAllGather"), 0)
    for rank in range(get_ranks(options.path)):
        for launch in get_launches(options.path, step, rank, not options.no_peers):
            calls[get_function(launch)] += launch.times
    for function, number in calls.items():
        print(function, number)


if __name__ == "__main__":
    main()
