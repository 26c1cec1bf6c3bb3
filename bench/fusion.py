#!/usr/bin/env python3
"""fusion.py MODEL [--tp 1,2] [--rounds N] [--threads N]: what fusing norms saves.

Compiles MODEL with and without --no-fuse and measures both programs in turn: whole
prefill and decode steps, and the time of a site (sum over ranks, residual, norm) in
them. Prints medians, with the ratio of fused to unfused in time: below 1 is faster, and
it is the median over the rounds of the ratio within one; behind it, of the least times,
which other work on the machine disturbs less. Then what the sites do: bytes
they move, meetings of the ranks, and the arena, per row.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import tempfile

import machine  # of this folder

KINDS = {"fused": [], "unfused": ["--no-fuse"]}


def call(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Program:
    """MODEL compiled for all numbers of ranks, its weights packed: it starts at once."""

    def __init__(self, model, kind, options, folder):
        self.kind, self.options = kind, options
        self.path = os.path.join(folder, kind)
        common = [model, f"--tp={options.tp}", *KINDS[kind]]
        call("lamina", "compile", *common, "--weights=packed", "-o", self.path)
        self.variants = {entry["ranks"]: entry for entry in json.loads(call("lamina", "inspect", self.path, "--collectives", "--json"))}
        self.config = json.loads(call(self.path, "--info", "--json"))["program"]["config"]
        self.results = []

    def measure(self, ranks):
        words = ["--bench", "--json", "--bench-repeat", "1", f"--tp={ranks}", f"--bench-prompt={self.options.prompt}", "-n", str(self.options.tokens)]
        if self.options.threads:
            words += ["--threads", str(self.options.threads)]
        return json.loads(call(self.path, *words))

    def count_meetings(self, ranks):
        """Two a collective, and one at the end of a step; none without peers."""
        times = sum(entry["times"] for entry in self.variants[ranks]["collectives"])
        return 2 * times + 1 if ranks > 1 else 0


def get_times(result, phase, layers):
    """Seconds of a step, of a site, and of the share of sites, from one --bench --json."""
    rows = result["prompt_tokens"] if phase == "prefill" else result["batch"]
    step = rows / result[f"{phase}_tokens_per_second_median"]
    share = result[f"{phase}_share_norms"] + result[f"{phase}_share_collectives"]
    if phase == "prefill":  # steps of at most 512 rows
        steps = -(-rows // 512)
        return step, step * share / (2 * layers * steps), share
    return step, step * share / (2 * layers), share


def count_bytes(config, ranks, kind):
    """Bytes that a rank reads and writes for a row of a site, in f32: each operand and result once.

    Fused: addends of all ranks, residual; new residual, normed. Not fused, the sum and
    the new residual are written and read again. One-shot, as with few rows.
    """
    vectors = ranks + 3 if kind == "fused" else ranks + 3 + (3 if ranks > 1 else 1)
    return 4 * config["hidden_size"] * vectors


def get_arena(model, ranks, kind):
    text = call("lamina", "compile", model, f"--tp={ranks}", *KINDS[kind], "--emit=planned", "-o", "-")
    return int(re.search(r"lamina\.arena = array<i64: (\d+),", text)[1])


def describe(programs, phase, rows, ranks):
    times = {p.kind: [get_times(r, phase, p.config["num_hidden_layers"]) for r in p.results] for p in programs}
    pairs = list(zip(times["fused"], times["unfused"]))
    step, site = (statistics.median(f[i] / u[i] for f, u in pairs) for i in (0, 1))
    least = [min(t[i] for t in times["fused"]) / min(t[i] for t in times["unfused"]) for i in (0, 1)]
    values = {kind: [statistics.median(column) for column in zip(*found)] for kind, found in times.items()}
    columns = [f"{ranks}", f"{phase}, {rows} rows"]
    columns += [f"{1e3 * values[kind][0]:.2f}" for kind in KINDS] + [f"{step:.3f}", f"{least[0]:.3f}"]
    columns += [f"{1e6 * values[kind][1]:.1f}" for kind in KINDS] + [f"{site:.3f}", f"{least[1]:.3f}"]
    columns += [f"{100 * values[kind][2]:.1f} %" for kind in KINDS]
    return "| " + " | ".join(columns) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--tp", default="1,2")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--prompt", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=64)
    options = parser.parse_args()
    print(f"{os.path.basename(options.model)} on {machine.describe()}; {options.rounds} rounds in turn, load {machine.get_load():.1f}\n")
    print("| ranks | step | fused ms | unfused ms | ratio | of least | site, fused us | unfused us | ratio | of least | share of the step, fused | unfused |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    ranks_list = [int(ranks) for ranks in options.tp.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        programs = [Program(options.model, kind, options, folder) for kind in KINDS]
        for ranks in ranks_list:
            for program in programs:
                program.results = []
            for round_number in range(options.rounds):
                # Whoever is first in a round is so every other time.
                for program in programs[:: 1 if round_number % 2 == 0 else -1]:
                    program.results.append(program.measure(ranks))
            for phase, rows in (("prefill", options.prompt), ("decode", 1)):
                print(describe(programs, phase, rows, ranks), flush=True)
        print("\n| ranks | | bytes a row and site | sent, bytes a row and step | meetings a step | arena, bytes a row |\n|---|---|---|---|---|---|")
        for ranks in ranks_list:
            for program in programs:
                sent = program.variants[ranks]["bytes_per_token"]
                print(f"| {ranks} | {program.kind} | {count_bytes(program.config, ranks, program.kind)} | {sent} | {program.count_meetings(ranks)} | {get_arena(options.model, ranks, program.kind)} |")
    print(f"\nload at the end {machine.get_load():.1f}")


main()
