#!/usr/bin/env python3
"""neighbours.py PROGRAM [--rounds N] [--tokens N]: a program that has less than it thinks.

Decodes with two threads alone, beside a busy process on one of the two processors, with
both threads on one processor, and under a quota of half a processor (as root, if control
groups can be made). Prints for each the median time of a token, how much slower it is
than alone, and that over the ideal: what the processors that are left would take if the
work were shared out perfectly. A barrier that spins while its partner is not running shows as
ten times the ideal or more; above 2.5 the exit code is 8. The rounds take turns.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

import machine

LIMIT = 2.5
QUOTA = 0.5
BURN = "while True: pass"


class Quota:
    """A control group with half a processor, of version 1 or 2; None of it if there is no way."""

    def __init__(self):
        self.folder = None
        for root, settings in (
            ("/sys/fs/cgroup/cpu", {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000"}),
            ("/sys/fs/cgroup", {"cpu.max": "50000 100000"}),
        ):
            folder = pathlib.Path(root, f"lamina-bench-{os.getpid()}")
            try:
                folder.mkdir()
                self.folder = folder
                for name, value in settings.items():
                    if not (folder / name).exists():
                        raise OSError(name)
                    (folder / name).write_text(value)
                return
            except OSError:
                self.remove()

    def enter(self):
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self):
        if self.folder and self.folder.exists():
            self.folder.rmdir()
        self.folder = None


def measure(options, processors, before=None):
    """Milliseconds a token on these processors, with two threads."""

    def prepare():
        os.sched_setaffinity(0, processors)
        if before:
            before()

    command = [options.program, "--bench", "--json", "--threads", "2", "--bench-repeat", "1"]
    command += ["--bench-prompt", "16", "-n", str(options.tokens)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, preexec_fn=prepare)
    return 1000 / json.loads(done.stdout)["decode_tokens_per_second_median"]


def measure_beside(options, pair):
    neighbour = subprocess.Popen(
        [sys.executable, "-c", BURN], preexec_fn=lambda: os.sched_setaffinity(0, {pair[1]})
    )
    try:
        return measure(options, pair)
    finally:
        neighbour.kill()
        neighbour.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("program", help="what lamina compile made")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=32)
    options = parser.parse_args()
    options.program = str(pathlib.Path(options.program).resolve())
    pair = sorted(os.sched_getaffinity(0))[:2]
    if len(pair) < 2:
        sys.exit("error: processors: 1, expected two")
    quota = Quota()
    # Name, how much slower it is at best, and how it is run.
    cases = [
        ("alone", 1, lambda: measure(options, pair)),
        ("busy neighbour", 2 / 1.5, lambda: measure_beside(options, pair)),
        ("one processor", 2, lambda: measure(options, pair[:1])),
    ]
    if quota.folder:
        cases.append(("half a processor", 2 / QUOTA, lambda: measure(options, pair, quota.enter)))
    print(machine.describe())
    for warning in machine.find_warnings(2):
        print("warning:", warning)
    times = {name: [] for name, _, _ in cases}
    try:
        for _ in range(options.rounds):
            for name, _, run in cases:
                times[name].append(run())
    finally:
        quota.remove()
    alone = statistics.median(times["alone"])
    worst = 0
    print("| case | ms a token | slower | over the ideal |\n|---|---|---|---|")
    for name, ideal, _ in cases:
        slower = statistics.median(times[name]) / alone
        worst = max(worst, slower / ideal)
        print(f"| {name} | {alone * slower:.2f} | {slower:.2f} | {slower / ideal:.2f} |")
    if not quota.folder and len(cases) == 3:
        print("no control group could be made: the quota was not tried")
    return 8 if worst > LIMIT else 0


if __name__ == "__main__":
    sys.exit(main())
