#!/usr/bin/env python3
"""fusion.py MODEL [--tp 1,2] [--rounds N] [--threads N]: what fusing norms saves.

Compiles MODEL with and without --no-fuse, measures both programs in turn, and prints
for each number of ranks the medians, their ratio (fused over unfused: above 1 is
faster), the share of the time that norms, adds and collectives take, the meetings of
a step and the bytes of its arena.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile


def call(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def count_meetings(program, ranks):
    """Two a collective, and one at the end of a step."""
    for variant in json.loads(call("lamina", "inspect", program, "--collectives", "--json")):
        if variant["ranks"] == ranks:
            return 2 * sum(one["times"] for one in variant["collectives"]) + (ranks > 1)
    raise SystemExit(f"error: {program}: no code for {ranks} ranks")


def measure(program, options):
    words = ["--bench", "--json", "--bench-repeat", "1", "--bench-prompt", str(options.prompt), "-n", str(options.tokens)]
    if options.threads:
        words += ["--threads", str(options.threads)]
    return json.loads(call(program, *words))


def share(results, phase):
    names = ("norms", "collectives")
    return 100 * statistics.median(sum(r[f"{phase}_share_{name}"] for name in names) for r in results)


def report(model, ranks, options, folder):
    programs = {}
    for kind, extra in (("fused", []), ("unfused", ["--no-fuse"])):
        programs[kind] = os.path.join(folder, f"{kind}-{ranks}")
        call("lamina", "compile", model, "--tp", str(ranks), *extra, "-o", programs[kind])
    results = {kind: [] for kind in programs}
    for round_number in range(options.rounds):
        # Whoever is first in a round is so every other time.
        for kind in sorted(programs, reverse=round_number % 2 == 1):
            results[kind].append(measure(programs[kind], options))
    for phase in ("prefill", "decode"):
        key = f"{phase}_tokens_per_second_median"
        medians = {kind: statistics.median(r[key] for r in found) for kind, found in results.items()}
        ratio = statistics.median(f[key] / u[key] for f, u in zip(results["fused"], results["unfused"]))
        print(
            f"tp {ranks} {phase:8} fused {medians['fused']:8.1f} tok/s, unfused {medians['unfused']:8.1f} tok/s, ratio {ratio:.3f}; "
            f"norms and collectives {share(results['fused'], phase):.1f} % and {share(results['unfused'], phase):.1f} %"
        )
    for kind, program in programs.items():
        info = json.loads(call(program, "--info", "--json"))
        print(f"tp {ranks} {kind:8} {count_meetings(program, ranks)} meetings a step, arena {info['arena_bytes_per_token']} bytes a token")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--tp", default="1,2")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--prompt", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=64)
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, load {os.getloadavg()[0]:.1f}, {options.rounds} rounds in turn")
    with tempfile.TemporaryDirectory() as folder:
        for ranks in options.tp.split(","):
            report(options.model, int(ranks), options, folder)


main()
