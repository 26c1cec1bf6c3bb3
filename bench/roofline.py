#!/usr/bin/env python3
"""roofline.py PAGE [--check]: bounds of Llama steps on GPUs from data sheets, in PAGE.

Compiles the shapes from their configs alone, with and without fusion, counts the
launches of their planned steps (step_cost.py), and writes each table of PAGE between
`<!-- table NAME -->` and `<!-- end -->`; with --check, says whether it has them. Needs
lamina, lamina-translate and lamina-opt on the path.
"""
import dataclasses
import pathlib
import re
import subprocess
import sys
import tempfile

import step_cost  # of this folder
from step_cost import Step

CONFIGS = pathlib.Path(__file__).parent.parent / "test/data/configs"
MODELS = {"Llama-3.1-8B": ("llama-3.1-8b", 1), "Llama-3.1-70B": ("llama-3.1-70b", 8)}
KINDS = {"fused": [], "unfused": ["--no-fuse"]}
DEPTH = 2048
CONTEXT = 131072  # of these models
BATCHES = (1, 8, 64)


@dataclasses.dataclass
class Gpu:
    memory: float  # bytes a second
    arithmetic: float  # flops a second: bf16, sums in f32, without sparsity
    wire: float  # bytes a second in one direction
    multiprocessors: int


# Sources: the page.
GPUS = {
    "H100": Gpu(3.35e12, 989e12, 450e9, 132),
    "B200": Gpu(8e12, 2250e12, 900e9, 148),
}

# TensorRT-LLM 0.14.0, "H100 80GB HBM3", FP16: input, output, output tokens a second.
PUBLISHED = {
    "Llama-3.1-8B": {
        (128, 128): "15571.6549",
        (128, 2048): "9150.7477",
        (1000, 1000): "7054.5156",
        (2048, 128): "1904.3259",
        (2048, 2048): "4159.6857",
    },
    "Llama-3.1-70B": {
        (128, 128): "10649.4968",
        (128, 2048): "7605.5295",
        (1000, 1000): "5978.4573",
        (2048, 128): "1316.3086",
        (2048, 2048): "4023.6978",
    },
}


def call(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)


def plan_models(folder):
    """(model, kind) -> file with the planned step."""
    paths = {}
    for model, (config, ranks) in MODELS.items():
        imported = f"{folder}/{config}.mlir"
        call("lamina-translate", "--import-llama-config", f"{CONFIGS}/{config}.json", "-o", imported)
        for kind, options in KINDS.items():
            paths[model, kind] = f"{folder}/{config}.{kind}.mlir"
            call("lamina", "compile", imported, "--from=import", f"--tp={ranks}", *options, "--emit=planned", "-o", paths[model, kind])
    return paths


def make_steps(gpu):
    steps = {f"decode {n}": Step.decode(n, DEPTH, CONTEXT, multiprocessors=gpu.multiprocessors) for n in BATCHES}
    steps[f"prefill {DEPTH}"] = Step.prefill(DEPTH, CONTEXT, multiprocessors=gpu.multiprocessors)
    return steps


def add_up(launches, quantity):
    return sum(getattr(launch, quantity) * launch.times for launch in launches)


def get_times(launches, gpu, share=1):
    """Least seconds of a step, by what limits its launches; `share` of the activations go through memory."""
    times = dict.fromkeys(("memory", "arithmetic", "wire"), 0.0)
    for launch in launches:
        needs = {
            "memory": (launch.weights + launch.cache + share * launch.activations) / gpu.memory,
            "arithmetic": launch.flops / gpu.arithmetic,
            "wire": launch.wire / gpu.wire,
        }
        limit = max(needs, key=needs.get)
        times[limit] += needs[limit] * launch.times
    return times


def make_rows(*rows):
    return "".join("| " + " | ".join(str(cell) for cell in row) + " |\n" for row in rows)


def make_table(heads, rows):
    return make_rows(heads, ["---"] * len(heads), *rows)


def print_megabytes(size):
    return f"{size / 1e6:.{1 if size < 1e9 else 0}f}"


def describe_gpus(paths):
    rows = []
    for name, gpu in GPUS.items():
        ridge = gpu.arithmetic / gpu.memory
        cells = (f"{gpu.memory / 1e12:.2f} TB/s", f"{gpu.arithmetic / 1e12:.0f} TFLOP/s", f"{gpu.wire / 1e9:.0f} GB/s", gpu.multiprocessors)
        rows.append([name, *cells, f"{ridge:.0f} flops a byte"])
    return make_table(["GPU", "memory", "bf16, dense", "NVLink, each way", "multiprocessors", "balance"], rows)


def describe_work(paths):
    """Per GPU; the same for both GPUs."""
    rows = []
    for model, (_, ranks) in MODELS.items():
        for name, step in make_steps(GPUS["H100"]).items():
            fused, unfused = (step_cost.get_launches(paths[model, kind], step) for kind in KINDS)
            cells = [f"{add_up(fused, 'weights') / 1e9:.2f}", f"{add_up(fused, 'cache') / 1e9:.2f}"]
            cells += [print_megabytes(add_up(launches, "activations")) for launches in (unfused, fused)]
            cells += [f"{add_up(fused, 'flops') / 1e9:.1f}"]
            cells += [sum(launch.times for launch in launches) for launches in (unfused, fused)]
            cells += [print_megabytes(add_up(fused, "wire")) if ranks > 1 else "–"]
            rows.append([f"{model}, {ranks} GPU{'s' * (ranks > 1)}", name, *cells])
    heads = ["model", "step", "weights, GB", "KV cache, GB", "activations, MB: not fused", "fused", "Gflop", "launches: not fused", "fused", "wire, MB"]
    return make_table(heads, rows)


def describe_bounds(paths):
    rows = []
    for model in MODELS:
        for gpu_name, gpu in GPUS.items():
            for name, step in make_steps(gpu).items():
                fused, unfused = (step_cost.get_launches(paths[model, kind], step) for kind in KINDS)
                times = get_times(fused, gpu, share=0)
                least = sum(times.values())
                limits = " / ".join(f"{100 * time / least:.0f}" for time in times.values())
                before, after = (sum(get_times(launches, gpu).values()) for launches in (unfused, fused))
                saved = sum(launch.times for launch in unfused) - sum(launch.times for launch in fused)
                cells = [f"{least * 1e3:.2f}", limits, f"{before * 1e3:.2f}", f"{after * 1e3:.2f}", f"{100 * (before - after) / least:.2f} %"]
                rows.append([model, gpu_name, name, *cells, saved, f"{100 * saved * 1e-6 / least:.1f} %"])
    heads = ["model", "GPU", "step", "bound, ms", "memory / arithmetic / wire, % of it", "with activations, ms: not fused", "fused", "saved at most", "launches saved", "1 µs for each"]
    return make_table(heads, rows)


def describe_sums(paths):
    """One fused sum of Llama-3.1-70B over 8 GPUs."""
    ranks, features = 8, 8192
    rows = []
    for tokens in (*BATCHES, DEPTH):
        partial, shared = 4 * tokens * features, 2 * 2 * tokens * features
        wires = [step_cost.get_wire_bytes(name, ranks, partial, shared) for name in ("one_shot", "two_shot", "nccl")]
        wires.insert(2, step_cost.get_wire_bytes("two_shot", ranks, partial, shared / 2))
        speeds = [gpu.wire for gpu in GPUS.values()]
        cells = [f"{wire / 1e6:.2f} MB, " + " / ".join(f"{wire / speed * 1e6:.1f}" for speed in speeds) for wire in wires]
        rows.append([tokens, f"{partial / 1e6:.2f} MB", *cells])
    heads = ["rows", "addends", "one-shot", "two-shot", "two-shot, residual in rows", "ring (NCCL)"]
    return make_table(heads, rows)


def describe_published(paths):
    """Output tokens a second at most, when weights are read for any number of sequences at once."""
    gpu = GPUS["H100"]
    rows = []
    for model, figures in PUBLISHED.items():
        for (given, made), figure in figures.items():
            seconds = 0.0
            decode = Step.decode(1, given + made // 2, CONTEXT)
            for step, times in ((Step.prefill(given, CONTEXT), 1), (decode, made - 1)):
                for launch in step_cost.get_launches(paths[model, "fused"], step):
                    seconds += times * launch.times * max(launch.flops / gpu.arithmetic, launch.cache / gpu.memory)
            bound = made / seconds
            ranks = MODELS[model][1]
            rows.append([f"{model}, {ranks} H100", f"{given} / {made}", figure, f"{bound:.0f}", f"{float(figure) / bound:.2f}"])
    return make_table(["model", "input / output tokens", "published, tokens/s", "bound, tokens/s", "published / bound"], rows)


TABLES = {
    "gpus": describe_gpus,
    "work": describe_work,
    "bounds": describe_bounds,
    "sums": describe_sums,
    "published": describe_published,
}


def fill(page, text, paths):
    """The page with its tables made anew."""
    for name, describe in TABLES.items():
        pattern = rf"(<!-- table {name} -->\n).*?(<!-- end -->)"
        text, count = re.subn(pattern, lambda match: match[1] + "\n" + describe(paths) + "\n" + match[2], text, flags=re.DOTALL)
        if count != 1:
            sys.exit(f"error: {page}: table {name}: {count} places, expected 1")
    return text


def main():
    page = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        text = fill(page, page.read_text(), plan_models(folder))
    if "--check" not in sys.argv:
        page.write_text(text)
    elif text != page.read_text():
        sys.exit(f"error: {page}: its tables are not what the compiler says now; python3 bench/roofline.py {page}")


if __name__ == "__main__":
    main()
