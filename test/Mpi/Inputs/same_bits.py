"""same_bits.py MPI PROGRAM GOLDEN RANKS...: the bits of one rank, under each flavour.

PROGRAM writes the logits and taps of a prompt, as one process with one rank and
as each number of processes: the files must be the same, byte for byte. A number like `3=` is
compared with three ranks of one process instead, since sums are split there that
one rank does not split. With a GOLDEN file, and not `-`, the ids of 200 tokens
must be those in it, on the first number of processes.
"""

import filecmp
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import mpi

PROMPT = "1 403 407 261 378 432 383 285 286 261 410"


def run(flavour, folder, ranks, command):
    """Returns what the ranks have printed."""
    job = mpi.run(flavour, folder, [(ranks, command)])
    said, printed = job.text(), job.out.read_text()
    exits = job.exits()
    job.remove()
    if exits != {rank: 0 for rank in range(ranks)}:
        print(f"{flavour}: ranks have ended with {exits}\n{said}")
    return printed


def compare_dumps(flavour, folder, program, count):
    ranks = int(count.rstrip("="))
    expected = f"local.{ranks if count.endswith('=') else 1}.dump"
    found = f"{flavour}.{ranks}.dump"
    command = [program, "--ids", PROMPT, "--dump", found]
    printed = run(flavour, folder, ranks, command)
    same = os.path.exists(found) and filecmp.cmp(found, expected, shallow=False)
    if printed or not same:
        print(f"{flavour}: {ranks} ranks have other bits than {expected}", printed)
    return same and not printed


def check(flavour, folder, program, golden, counts):
    good = all([compare_dumps(flavour, folder, program, one) for one in counts])
    if golden == "-":
        return good
    with open(golden) as file:
        expected = file.read().split()
    command = [program, "--ids", "1", "-n", "200", "--print-ids", "--context", "512"]
    found = run(flavour, folder, int(counts[0]), command)
    if found.split() == expected:
        return good
    print(f"{flavour}: other ids than {golden}: {found}")
    return False


def main():
    folder, program, golden, *counts = sys.argv[1:]
    for ranks in {1} | {int(one[:-1]) for one in counts if one.endswith("=")}:
        dump = f"local.{ranks}.dump"
        status = os.spawnl(
            os.P_WAIT, program, program, "--ids", PROMPT,
            "--tp", str(ranks), "--dump", dump,
        )  # fmt: skip
        if status:
            sys.exit(f"{ranks} ranks of one process have ended with {status}")
    sys.exit(not all(mpi.run_all(check, folder, program, golden, counts)))


main()
