#!/usr/bin/env python3
"""Measures lamina and its peers on the same files, in alternation; bench/peers.sh
gets the peers and calls this.

For each file and number of threads, the rounds run every engine once, one behind
the other, so that a slow minute of the machine meets all of them. llama.cpp has
four settings (flash attention, repacked weights): all are tried first, and those
that were best at some figure take part in the rounds. The table has medians of
tokens a second, their least and most, and the ratio to llama.cpp's best.
"""
import argparse
import datetime
import json
import pathlib
import signal
import statistics
import sys

import engines
import machine

PROBES = 2  # runs of each setting of llama.cpp before the rounds


def parse_numbers(text):
    return [int(word) for word in text.split(",")]


def parse_arguments():
    parser = argparse.ArgumentParser(prog="bench/peers.sh", description=__doc__)
    parser.add_argument("--only", choices=["llama.cpp", "openvino"], help="the peer that is measured")
    parser.add_argument("--models", default="smollm2", help="only files with this in their name")
    parser.add_argument("--tinyllama", action="store_true", help="with random weights of its shape")
    parser.add_argument("--threads", type=parse_numbers, default=[1, 2], metavar="N,N")
    parser.add_argument("--batches", type=parse_numbers, default=[1, 4, 8], metavar="N,N")
    parser.add_argument("--activations", default="f32,bf16,int8", help="of lamina")
    parser.add_argument("--rounds", type=int, default=5, help="of which the median counts (5)")
    parser.add_argument("--prompt", type=int, default=512, help="tokens of a prefill (512)")
    parser.add_argument("--depth", type=int, default=128, help="positions before decoding (128)")
    parser.add_argument("--tokens", type=int, default=64, help="decoded by a sequence (64)")
    parser.add_argument("--json", metavar="FILE", help="every run, and how it was made")
    hidden = {"help": argparse.SUPPRESS}
    parser.add_argument("--lamina", **hidden)
    parser.add_argument("--llama-cpp", **hidden)
    parser.add_argument("--openvino", **hidden)
    parser.add_argument("--files", nargs="*", default=[], **hidden)
    arguments = [word for word in sys.argv[1:] if word != "--"]
    return parser.parse_args(arguments)


class Comparison:
    """All runs: (file, threads, engine, setting) -> figure -> list of tokens a second."""

    def __init__(self, options):
        self.runner = engines.Runner()
        self.workload = engines.Workload(
            options.prompt, options.depth, options.tokens, options.batches
        )
        self.lamina = engines.Lamina(self.runner, options.lamina, options.activations.split(","))
        self.llama_cpp = self.openvino = None
        if options.only != "openvino":
            self.llama_cpp = engines.LlamaCpp(self.runner, options.llama_cpp)
        if options.openvino and options.only != "llama.cpp":
            self.openvino = engines.OpenVino(self.runner, options.openvino)
        self.runs, self.failures, self.loads = {}, [], []

    def measure(self, key, engine):
        """Runs one engine once; what fails is said once and not tried again."""
        model, threads, _, setting = key
        try:
            figures = engine.measure(self.paths[model], threads, setting, self.workload)
        except engines.Failure as failure:
            self.failures.append((engine.name, str(failure)))
            print(f"warning: {failure}", file=sys.stderr)
            return None
        self.loads.append(machine.get_load())
        return figures

    def choose_settings(self, model, threads):
        """The settings of llama.cpp that are best at some figure of the trials."""
        best = {}
        for _ in range(PROBES):
            for setting in self.llama_cpp.settings(self.paths[model], threads):
                key = model, threads, self.llama_cpp.name, setting
                for figure, value in (self.measure(key, self.llama_cpp) or {}).items():
                    best[figure] = max(best.get(figure, (0, "")), (value, setting))
        return sorted({setting for _, setting in best.values()})

    def run_rounds(self, model, threads, rounds):
        contestants = [
            (self.lamina, setting)
            for setting in self.lamina.settings(self.paths[model], threads)
        ]
        if self.llama_cpp:
            contestants += [(self.llama_cpp, s) for s in self.choose_settings(model, threads)]
        if self.openvino:
            contestants.append((self.openvino, "default"))
        for number in range(rounds):
            for engine, setting in list(contestants):
                key = model, threads, engine.name, setting
                print(f"{number + 1}/{rounds} {' '.join(map(str, key))}", file=sys.stderr)
                figures = self.measure(key, engine)
                if figures is None:
                    contestants.remove((engine, setting))
                    continue
                for figure, value in figures.items():
                    self.runs.setdefault(key, {}).setdefault(figure, []).append(value)
        if self.openvino:
            self.openvino.stop()


def find_best(comparison, model, threads):
    """figure -> (median, setting) of llama.cpp's best setting."""
    best = {}
    for (file, count, engine, setting), figures in comparison.runs.items():
        if (file, count, engine) == (model, threads, "llama.cpp"):
            for figure, values in figures.items():
                candidate = statistics.median(values), setting
                best[figure] = max(best.get(figure, (0, "")), candidate)
    return best


def format_cell(values, best):
    if not values:
        return "-"
    median = statistics.median(values)
    text = f"{median:.0f} ({min(values):.0f}-{max(values):.0f})"
    return text + (f" **{median / best[0]:.2f}**" if best else "")


def print_table(comparison):
    figures = comparison.workload.figures()
    print(f"| file, threads | engine, setting | {' | '.join(figures)} |")
    print("|---|---|" + "---|" * len(figures))
    for (model, threads, engine, setting), runs in comparison.runs.items():
        best = find_best(comparison, model, threads)
        cells = [format_cell(runs.get(figure), best.get(figure)) for figure in figures]
        print(f"| {model}, {threads} | {engine}, {setting} | {' | '.join(cells)} |")


def describe(comparison, options):
    """Lines that say how the table was made."""
    workload = comparison.workload
    yield (
        f"Tokens a second, median (least-most) of {options.rounds} rounds in alternation, and the "
        "ratio to llama.cpp's best setting in bold."
    )
    yield (
        f"prefill: a prompt of {workload.prompt} tokens; decodeB: {workload.tokens} tokens of each "
        f"of B sequences, behind {workload.depth} positions, all sequences together."
    )
    yield "lamina's decode takes the best token too, llama.cpp's takes none."
    yield f"date: {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC"
    yield f"CPU: {machine.describe()}"
    for engine in (comparison.lamina, comparison.llama_cpp, comparison.openvino):
        if engine:
            yield f"version: {engine.version()}"
    if comparison.llama_cpp:
        for model, path in comparison.paths.items():
            yield f"llama.cpp's weights of {model}: {comparison.llama_cpp.describe_buffers(path)}"
    for kind, command in comparison.runner.commands.items():
        yield f"command, {kind}: {command}"
    if comparison.loads:
        yield f"load average during the runs: {min(comparison.loads):.2f} to {max(comparison.loads):.2f}"
    for _, failure in comparison.failures:
        yield f"failed: {failure}"


def write_json(path, comparison, lines, warnings):
    runs = [
        dict(zip(("model", "threads", "engine", "setting"), key), tokens_per_second=figures)
        for key, figures in comparison.runs.items()
    ]
    report = {"about": lines, "warnings": warnings, "runs": runs}
    pathlib.Path(path).write_text(json.dumps(report, indent=1) + "\n")


def raise_interrupt(signal_number, frame):
    raise KeyboardInterrupt


def main():
    signal.signal(signal.SIGINT, raise_interrupt)  # also where a shell has it ignored
    signal.signal(signal.SIGTERM, raise_interrupt)
    options = parse_arguments()
    warnings = machine.find_warnings(max(options.threads))
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    comparison = Comparison(options)
    names = options.models.split(",") + (["tinyllama"] if options.tinyllama else [])
    files = dict(file.split("=", 1) for file in options.files)
    comparison.paths = {
        name: path for name, path in files.items() if any(part in name for part in names)
    }
    try:
        for model in comparison.paths:
            for threads in options.threads:
                comparison.run_rounds(model, threads, options.rounds)
    except KeyboardInterrupt:
        warnings.append("interrupted: the table has what was measured before")
    print_table(comparison)
    lines = list(describe(comparison, options))
    print("\n" + "\n".join(lines + [f"warning: {warning}" for warning in warnings]))
    if options.json:
        write_json(options.json, comparison, lines, warnings)
    # OpenVINO does not read all types of GGUF; the table says so.
    return 1 if any(name != "OpenVINO" for name, _ in comparison.failures) else 0


if __name__ == "__main__":
    sys.exit(main())
