#!/usr/bin/env python3
"""Compares programs of SmolLM2-135M-Instruct with test/data/smollm2.

    utils/check-smollm2.py LAMINA MODEL.gguf

With --activations=f32, for each of the three prompts: its token ids (`chat` through
the file's chat template, `short` and `code` as text), the logits of its last
position within 1e-3, and all 48 greedy ids. With the default types: a question is
answered. On 3 ranks the logits have the bits of one, as threads and as processes of
each MPI that is installed; on 2, where the 9 heads and 3
key-value heads are split unevenly, they are within 1e-3 of them, and what each rank
computes for itself and what its peer computes for it have the same bits. Exit: 0 all is right, 8 something differs, 1 a command fails.
"""
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

DATA = pathlib.Path(__file__).resolve().parents[1] / "test/data/smollm2"
ONE_CHOICE = DATA.parents[1] / "Inputs/one_choice.py"
LAUNCHERS = (["mpirun.openmpi", "--oversubscribe"], ["mpirun.mpich"])
LIMIT = 1e-3
QUESTION, ANSWER = "What is the capital of France?", "Paris"


def read_safetensors(path):
    """name -> (shape, numbers) of the F32 and I64 tensors."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, tensor in json.loads(data[8 : 8 + size]).items():
        begin, end = tensor["data_offsets"]
        letter, width = {"F32": ("f", 4), "I64": ("q", 8)}[tensor["dtype"]]
        text = data[8 + size + begin : 8 + size + end]
        tensors[name] = tensor["shape"], struct.unpack(f"<{len(text) // width}{letter}", text)
    return tensors


def run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode != 0:
        command = " ".join(map(str, command))
        sys.exit(f"error: {command}: exit code {done.returncode}: {done.stderr.decode()}")
    return done.stdout.decode()


def find_difference(found, expected):
    """The first place where two lists differ; none if there is no such place."""
    if found == expected:
        return None
    for i, (a, b) in enumerate(zip(found, expected)):
        if a != b:
            return f"[{i}]: {a}, expected {b}"
    return f"{len(found)} of them, expected {len(expected)}"


def check_prompt(program, folder, case, expected):
    """Yields what differs for one prompt, and prints what is right."""
    name = case["name"]
    if "messages" in case:
        prompt = ["-p", case["messages"][0]["content"]]
    else:
        prompt = ["--raw", "-p", case["prompt"]]
    dump = folder / "dump.safetensors"
    run(program, *prompt, "--dump", dump)
    tensors = read_safetensors(dump)
    ids = find_difference(list(tensors["input_ids"][1]), case["prompt_ids"])
    if ids:
        yield f"{name}: prompt ids {ids}"
        return
    logits = tensors["logits"][1][-len(expected) :]
    distance = max(abs(a - b) for a, b in zip(logits, expected))
    if not distance <= LIMIT:
        yield f"{name}: last logits: largest difference {distance:.2g}, expected {LIMIT}"
    output = run(program, *prompt, "-n", "48", "--print-ids", "--ignore-eos")
    greedy = find_difference([int(word) for word in output.split()], case["continuation_ids"])
    if greedy:
        yield f"{name}: greedy ids {greedy}"
    print(f"{name}: {len(case['prompt_ids'])} prompt ids, last logits within {distance:.2g}")


def check_ranks(lamina, model, folder):
    """Yields how programs of several ranks differ from one rank, or ranks from each other."""
    program = folder / "ranks"
    run(lamina, "compile", model, "--activations=f32", "--tp=1,2,3", "-o", program)

    def dump(ranks, algorithm):
        table, path = folder / "table.json", folder / f"{ranks}.{algorithm}"
        table.write_text(run(sys.executable, ONE_CHOICE, algorithm))
        run(program, "-p", QUESTION, "--tp", ranks, "--collectives-table", table, "--dump", path)
        return path.read_bytes()

    one = dump("1", "one_shot")
    for algorithm in ("one_shot", "two_shot", "separate"):
        if dump("3", algorithm) != one:
            yield f"3 ranks, {algorithm}: not the bits of one rank"
    processes = folder / "processes"
    for launcher in LAUNCHERS:
        if not shutil.which(launcher[0]):
            print(f"{launcher[0]} is not there: not compared")
            continue
        run(*launcher, "-n", "3", program, "-p", QUESTION, "--dump", processes)
        if processes.read_bytes() != one:
            yield f"3 processes of {launcher[0]}: not the bits of one rank"
        processes.unlink()
    two = dump("2", "one_shot")
    for algorithm in ("two_shot", "separate"):
        if dump("2", algorithm) != two:
            yield f"2 ranks: {algorithm} has not the bits of one_shot: the ranks differ"
    values, expected = (read_safetensors(folder / f"{ranks}.one_shot")["logits"][1] for ranks in (2, 1))
    distance = max(abs(a - b) for a, b in zip(values, expected))
    if not 0 < distance <= LIMIT:
        yield f"2 ranks: largest difference {distance:.2g} to one rank, expected above 0, up to {LIMIT}"
    print(f"3 ranks: the bits of one; 2 ranks: equal to each other, within {distance:.2g} of one")


def main():
    for name in ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"):
        os.environ[name] = "1"  # as containers are
    lamina, model = map(pathlib.Path, sys.argv[1:])
    expected = read_safetensors(DATA / "last_logits.safetensors")
    errors = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        exact, default = folder / "exact", folder / "default"
        run(lamina, "compile", model, "--activations=f32", "-o", exact)
        for prompt in ("short", "chat", "code"):
            case = json.loads((DATA / f"{prompt}.json").read_text())
            errors += check_prompt(exact, folder, case, expected[prompt][1])
        errors += check_ranks(lamina, model, folder)
        run(lamina, "compile", model, "-o", default)
        answer = run(default, "-p", QUESTION, "-n", "48")
        if ANSWER not in answer:
            errors.append(f"{QUESTION} {answer!r}, expected {ANSWER}")
        print(f"{QUESTION} {answer.strip()}")
    for error in errors:
        print(f"error: {error}")
    sys.exit(8 if errors else 0)


if __name__ == "__main__":
    main()
