"""start.py MPI PROGRAM OTHER MODEL: ranks that cannot work together, under each flavour.

PROGRAM has code for 1, 2 and 4 ranks, OTHER is another program, MODEL the folder
of their model. Fails unless each case ends with the exit code and the only error
that are expected, and nothing on standard output.
"""

import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
import mpi

IDS = ["--ids", "1", "-n", "3", "--print-ids"]


def check(flavour, folder, parts, code, pattern, env):
    """Each rank must end with `code`, unless the launcher has ended it before, and
    one error must be said, which the pattern fits."""
    job = mpi.run(flavour, folder, parts, env=env)
    errors, exits, said = job.errors(), job.exits(), job.text()
    # MPICH's launcher reports on standard output.
    tokens = re.search(r"^\d+( \d+)*$", job.out.read_text(), re.MULTILINE)
    launcher = job.process.poll()
    job.remove()
    wrong = []
    if len(errors) != 1 or not re.fullmatch(pattern, errors[0]):
        wrong.append(f"said {errors}, expected one error: {pattern}")
    for rank, found in exits.items():
        if found not in {code, 137, 143}:
            wrong.append(f"rank {rank} has ended with {found}, expected {code}")
    if code not in exits.values() and launcher != code:
        wrong.append(f"no rank has ended with {code}: {exits}, launcher {launcher}")
    if tokens:
        wrong.append("there is an answer")
    if wrong:
        print(flavour, parts, env, *wrong, said, sep="\n")
    return not wrong


def cases(program, other, flavour):
    """Parts of the command line, exit code, error, and environment of each case."""
    here = [program, *IDS]
    foreign = "libmpich.so.12" if flavour.startswith("openmpi") else "libmpi.so.40"
    yield [(1, here), (1, [other, *IDS])], 7, (
        r"error: group: rank 1 has a program of hash [0-9a-f]{16}, rank 0 has "
        r"[0-9a-f]{16}"
    ), {}
    yield [(1, here), (1, [*here, "--comm-timeout", "9"])], 7, (
        r"error: group: rank 1 has a time limit of ms 9000, rank 0 has 30000"
    ), {}
    yield [(1, [*here, "--comm-timeout", "9"]), (2, here), (1, here)], 7, (
        r"error: group: rank 0 has a time limit of ms 9000, rank 1 has 30000"
    ), {}
    # A rank that has another checkpoint says what is wrong with it.
    yield [(1, here), (1, [*here, "--model", "damaged"])], 8, (
        r"error: rank 1: damaged/model\.safetensors: is not the file that was "
        r"compiled: its header differs"
    ), {}
    yield [(1, here), (1, [*here, "--model", "absent"])], 5, (
        r"error: rank 1: .*absent.*"
    ), {}
    yield [(1, [*here, "--model", "absent"]), (1, here)], 5, (
        r"error: rank 0: .*absent.*"
    ), {}
    yield [(2, [*here, "--model", "absent"])], 5, (
        r"error: model\.safetensors: not found at absent/.*"
    ), {}
    # What is wrong before the ranks meet.
    yield [(1, here), (1, [*here, "--bogus"])], 2, (
        r"error: rank 1: --bogus: unknown option"
    ), {}
    yield [(1, [*here, "--bogus"]), (1, here)], 2, (
        r"error: rank 0: --bogus: unknown option"
    ), {}
    yield [(2, [*here, "--bogus"])], 2, r"error: --bogus: unknown option", {}
    yield [(1, here), (1, [*here, "--collectives-table", "absent"])], 5, (
        r"error: rank 1: absent: .*"
    ), {}
    # Numbers of processes.
    yield [(3, here)], 7, (
        r"error: program: has no code for 3 ranks, expected 1, 2, 4"
    ), {}
    yield [(2, [*here, "--tp", "4"])], 2, (
        r"error: --tp: 4, but \w+ has 2 processes"
    ), {}
    # The library.
    yield [(2, here)], 7, r"error: mpi: absent\.so: .*", {"LAMINA_MPI": "absent.so"}
    yield [(2, here)], 7, (
        r"error: mpi: libm\.so\.6: has no MPI_\w+, expected an MPI library"
    ), {"LAMINA_MPI": "libm.so.6"}
    yield [(2, here)], 7, (
        r"error: mpi: .*expected the MPI library of the launcher; LAMINA_MPI "
        r"names it"
    ), {"LAMINA_MPI": foreign}
    # torchrun starts each process on its own; so do two that mpirun starts apart.
    yield [(1, here)], 2, (
        r"error: environment: WORLD_SIZE: '2', expected 1: torchrun starts .*"
    ), {"WORLD_SIZE": "2", "RANK": "0"}


def check_flavour(flavour, folder, program, other):
    return all(
        [
            check(flavour, folder, *case)
            for case in cases(program, other, flavour)
        ]
    )


def check_alone(program):
    """Without a launcher."""
    good = True
    for variables, pattern in (
        ({"WORLD_SIZE": "2", "RANK": "0"}, r"error: environment: WORLD_SIZE: '2', .*"),
        ({"WORLD_SIZE": "2"}, r"error: environment: WORLD_SIZE: '2', .*"),
        ({"PMI_SIZE": "two", "PMI_RANK": "0"}, r"error: environment: PMI_SIZE: 'two', .*"),
        ({"PMI_SIZE": "2", "PMI_RANK": "2"}, r"error: environment: PMI_RANK: '2', .*"),
    ):
        ended = subprocess.run(
            [program, *IDS], env={**os.environ, **variables},
            capture_output=True, text=True,
        )  # fmt: skip
        if ended.returncode != 2 or not re.fullmatch(pattern + "\n", ended.stderr):
            print(variables, ended)
            good = False
    return good


def damage(model):
    """A copy of the model of which the header is another."""
    shutil.copytree(model, "damaged")
    with open("damaged/model.safetensors", "r+b") as file:
        file.seek(20)
        byte = file.read(1)
        file.seek(20)
        file.write(bytes([byte[0] ^ 1]))


def main():
    folder, program, other, model = sys.argv[1:]
    damage(model)
    good = check_alone(program)
    good &= all(mpi.run_all(check_flavour, folder, program, other))
    sys.exit(not good)


main()
