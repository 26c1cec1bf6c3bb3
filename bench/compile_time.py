#!/usr/bin/env python3
"""Compile time and memory of the compiler, against its bounds.

    bench/compile_time.py [--build build/dev] [--runs 9] [--check]
    bench/compile_time.py --programs [--model FILE.gguf] ...

Measures whole processes: the median of the wall times and the largest peak memory
over the runs. With --check it exits with 8 if a bound is not kept.

The first form is of the `fused` pipeline. The second is of `lamina compile`, from a
model to a program: models of the shapes of Llama 3 8B and Llama 3.1 405B, whose
weights are holes in files, and SmolLM2-135M-Instruct, if it is there or given.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
CONFIG = ROOT / "test/data/configs/llama-3.1-405b.json"
SHAPES = ("llama-3-8b", "llama-3.1-405b")
SPARSE_MODEL = ROOT / "test/Execution/Inputs/sparse_model.py"
SMOLLM2 = ROOT / "build/models/SmolLM2-135M-Instruct.Q4_1.gguf"
FUSED = "--llama-to-fused=ranks=8"
UNROLL = "--llama-unroll-layers"
LAYERS = (126, 250, 500, 1000, 2000)  # of the unrolled form

# Bounds: seconds, MiB, and how far the time a layer may grow from the smallest
# unrolled model to the largest.
VERSION_SECONDS = 0.06
LOOP_SECONDS = 0.2
UNROLLED_SECONDS = 2.0
SHAPE_SECONDS = 3.0
SMOLLM2_SECONDS = 2.0
PEAK_MIB = 300
GROWTH = 1.3


def measure(command, runs):
    """Returns the median wall time in seconds and the largest peak in MiB."""
    times, peak = [], 0
    for _ in range(runs):
        with tempfile.TemporaryFile() as errors:
            start = time.perf_counter()
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
            )
            _, status, usage = os.wait4(process.pid, 0)
            times.append(time.perf_counter() - start)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                errors.seek(0)
                text = errors.read().decode(errors="replace")
                sys.exit(f"error: {' '.join(map(str, command))}: {text}")
        peak = max(peak, usage.ru_maxrss / 1024)
    return statistics.median(times), peak


def write(command, path):
    with open(path, "wb") as file:
        subprocess.run(command, stdout=file, check=True)


class Report:
    def __init__(self):
        self.failed = False

    def row(self, name, measured, bound=None):
        """A row without a bound is there for the growth only."""
        seconds, peak = measured
        kept = bound is None or (seconds < bound and peak < PEAK_MIB)
        self.failed |= not kept
        limits = f"(< {bound:.2f} s, < {PEAK_MIB} MiB)" if bound else ""
        print(f"{name:<44} {seconds:8.3f} s {peak:6.0f} MiB  {limits}{'' if kept else ' OVER'}")


def import_model(translate, folder, layers):
    config = json.loads(CONFIG.read_text())
    config["num_hidden_layers"] = layers
    path = folder / f"config-{layers}.json"
    path.write_text(json.dumps(config))
    module = folder / f"model-{layers}.mlir"
    write([translate, "--import-llama-config", path], module)
    return module


def measure_pipeline(args, report):
    """Returns whether the time a layer stays the same from small to large models."""
    opt, translate = (args.build / "bin" / tool for tool in ("lamina-opt", "lamina-translate"))
    report.row("lamina-opt --version", measure([opt, "--version"], args.runs), VERSION_SECONDS)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        module = import_model(translate, folder, 126)
        report.row("405B, 8 ranks", measure([opt, module, FUSED], args.runs), LOOP_SECONDS)
        per_layer = []
        for layers in LAYERS:
            unrolled = folder / f"unrolled-{layers}.mlir"
            write([opt, import_model(translate, folder, layers), UNROLL], unrolled)
            measured = measure([opt, unrolled, FUSED], args.runs)
            per_layer.append(measured[0] / layers)
            bound = UNROLLED_SECONDS if layers == LAYERS[0] else None
            report.row(f"405B unrolled, {layers} layers, 8 ranks", measured, bound)
    growth = per_layer[-1] / per_layer[0]
    print(f"time a layer, {LAYERS[-1]} to {LAYERS[0]} layers: {growth:.2f} (< {GROWTH})")
    return growth < GROWTH


def measure_programs(args, report):
    lamina = args.build / "bin/lamina"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for shape in SHAPES:
            model, config = folder / shape, CONFIG.with_name(shape + ".json")
            subprocess.run([sys.executable, SPARSE_MODEL, config, model],
                           stdout=subprocess.DEVNULL, check=True)  # fmt: skip
            command = [lamina, "compile", model, "-o", folder / "program"]
            report.row(f"lamina compile, {shape}", measure(command, args.runs), SHAPE_SECONDS)
        if args.model.exists():
            command = [lamina, "compile", args.model, "-o", folder / "program"]
            measured = measure(command, args.runs)
            report.row(f"lamina compile, {args.model.stem}", measured, SMOLLM2_SECONDS)
        else:
            print(f"{args.model}: not there, not measured")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/dev")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--programs", action="store_true")
    parser.add_argument("--model", type=pathlib.Path, default=SMOLLM2)
    args = parser.parse_args()
    report = Report()
    linear = True
    if args.programs:
        measure_programs(args, report)
    else:
        linear = measure_pipeline(args, report)
    if args.check and (report.failed or not linear):
        print("error: a bound is not kept", file=sys.stderr)
        sys.exit(8)


if __name__ == "__main__":
    main()
