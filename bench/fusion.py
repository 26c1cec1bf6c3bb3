#!/usr/bin/env python3
"""fusion.py MODEL [--tp 1,2] [--rounds N] [--threads N]: what fusing norms saves.

Compiles MODEL with and without --no-fuse and measures both programs in turn: whole
prefill and decode steps, and the time of a site (sum over ranks, residual, norm) in
them. Prints medians, with the ratio of fused to unfused in time: below 1 is faster. It
is the median over the rounds of the ratio within one, with its interval of 95 % by
bootstrap. A second copy of the fused program is measured with them: its ratio to the
first is what the machine alone makes of two equal programs. Each run packs its weights
anew: two files of packed weights keep a difference of several percent for as long as
they exist, by where the system put their pages. Then what the sites do: bytes they move,
meetings of the ranks, and the arena, per row; there with the residual kept by rows, too.
"""
import argparse
import json
import os
import random
import re
import statistics
import subprocess
import tempfile

import machine  # of this folder

MEASURED = {"fused": [], "unfused": ["--no-fuse"], "fused again": []}
DESCRIBED = {"fused": [], "unfused": ["--no-fuse"], "by rows": ["--shard-residual"]}


def call(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Program:
    """MODEL compiled for all numbers of ranks."""

    def __init__(self, model, kind, flags, options, folder):
        self.kind, self.flags, self.options = kind, flags, options
        self.path = os.path.join(folder, kind)
        call("lamina", "compile", model, f"--tp={options.tp}", *flags, "-o", self.path)
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
    the new residual are written and read again. One-shot, as with few rows. By rows: a
    rank's share of the rows, whose normed rows it writes to all ranks.
    """
    if kind == "by rows" and ranks > 1:
        return 4 * config["hidden_size"] * (2 * ranks + 2) // ranks
    vectors = ranks + 3
    if kind == "unfused":
        vectors += 3 if ranks > 1 else 1
    return 4 * config["hidden_size"] * vectors


def get_arena(model, ranks, flags):
    text = call("lamina", "compile", model, f"--tp={ranks}", *flags, "--emit=planned", "-o", "-")
    return int(re.search(r"lamina\.arena = array<i64: (\d+),", text)[1])


def get_ratio(times, kind, index):
    """Of the fused program's times to those of `kind`: median over the rounds [95 % interval]."""
    ratios = [fused[index] / other[index] for fused, other in zip(times["fused"], times[kind])]
    generator = random.Random(1)
    medians = sorted(statistics.median(generator.choices(ratios, k=len(ratios))) for _ in range(1000))
    return f"{statistics.median(ratios):.3f} [{medians[25]:.3f}, {medians[974]:.3f}]"


def describe(programs, phase, rows, ranks):
    times = {p.kind: [get_times(r, phase, p.config["num_hidden_layers"]) for r in p.results] for p in programs}
    values = {kind: [statistics.median(column) for column in zip(*found)] for kind, found in times.items()}
    columns = [f"{ranks}", f"{phase}, {rows} rows"]
    for index, scale in ((0, 1e3), (1, 1e6)):
        columns += [f"{scale * values[kind][index]:.4g}" for kind in ("fused", "unfused")]
        columns += [get_ratio(times, kind, index) for kind in ("unfused", "fused again")]
    columns += [f"{100 * values[kind][2]:.1f} %" for kind in ("fused", "unfused")]
    return "| " + " | ".join(columns) + " |"


def measure(programs, ranks, options):
    for program in programs:
        program.results = []
    for round_number in range(options.rounds):
        # Everyone is first in a round as often as the others.
        first = round_number % len(programs)
        for program in programs[first:] + programs[:first]:
            program.results.append(program.measure(ranks))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--tp", default="1,2")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--prompt", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=32)
    options = parser.parse_args()
    print(f"{os.path.basename(options.model)} on {machine.describe()}; {options.rounds} rounds in turn, load {machine.get_load():.1f}\n")
    print("| ranks | step | fused ms | unfused ms | fused to unfused | fused to itself | site, fused us | unfused us | fused to unfused | fused to itself | share of the step, fused | unfused |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    ranks_list = [int(ranks) for ranks in options.tp.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        programs = [Program(options.model, *kind, options, folder) for kind in MEASURED.items()]
        for ranks in ranks_list:
            measure(programs, ranks, options)
            for phase, rows in (("prefill", options.prompt), ("decode", 1)):
                print(describe(programs, phase, rows, ranks), flush=True)
        print("\n| ranks | | bytes a row and site | received, bytes a row and step | meetings a step | arena, bytes a row |\n|---|---|---|---|---|---|")
        programs = [Program(options.model, *kind, options, folder) for kind in DESCRIBED.items()]
        for ranks in ranks_list:
            for program in programs:
                received = program.variants[ranks]["bytes_per_token"]
                print(f"| {ranks} | {program.kind} | {count_bytes(program.config, ranks, program.kind)} | {received} | {program.count_meetings(ranks)} | {get_arena(options.model, ranks, program.flags)} |")
    print(f"\nload at the end {machine.get_load():.1f}")


main()
