"""modes.py MPI PROGRAM CHAT MODEL LOGITS: what two processes do with a prompt.

Prompts in a batch, a prompt from standard input that comes late, a conversation
whose pauses are longer than the time limit, a measurement, the library that
LAMINA_MPI names, and `lamina compare`: under each flavour the same as in one process.
A rank 0 that does not come to its first step is missed.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
import mpi

PROMPTS = "Once upon a time\nThe sun\nA dog and a cat\n"
PAUSE = 1.6  # seconds, with a time limit of one
LATE = 9  # more than what preparing a prompt may take with it


def run_alone(command, text=""):
    return subprocess.run(
        command, input=text, capture_output=True, text=True, check=True
    ).stdout


def run(flavour, folder, command, text=None, env=None):
    """What the program prints, and its errors."""
    pipe = subprocess.DEVNULL
    if text is not None:
        pipe, end = os.pipe()
        os.write(end, text.encode())
        os.close(end)
    job = mpi.run(flavour, folder, [(2, command)], stdin=pipe, env=env)
    printed, said, exits = job.out.read_text(), job.text(), job.exits()
    job.remove()
    if exits != {0: 0, 1: 0}:
        return f"ended with {exits}: {said}"
    return printed


def talk(flavour, folder, command, lines, pause):
    """Sends each line after a pause."""
    read, write = os.pipe()
    job = mpi.Job(flavour, folder, [(2, command)], stdin=read)
    os.close(read)
    for line in lines:
        time.sleep(pause)
        try:
            os.write(write, line.encode())
        except BrokenPipeError:
            break  # it has ended: what it said will be shown
    time.sleep(pause)
    # The launcher of Open MPI 5 never tells that its input has ended: an
    # interrupt ends the conversation there.
    os.close(write)
    if flavour == "openmpi5":
        end = time.monotonic() + 5
        while job.out.read_text().count("\n") < len(lines):
            if time.monotonic() > end or job.process.poll() is not None:
                break
            time.sleep(0.05)
        if victim := job.find_rank(0, command[0]):
            os.kill(victim, signal.SIGINT)
        expected = 130
    else:
        expected = 0
    gone = job.wait(10)
    printed, said, exits = job.out.read_text(), job.text(), job.exits()
    job.remove()
    if not gone or set(exits.values()) != {expected}:
        return f"gone: {gone}, ended with {exits}: {said}"
    # What follows is the launcher's.
    return "".join(printed.splitlines(keepends=True)[: len(lines)])


def ask_late(flavour, folder, command):
    """The answer to a prompt that comes when a rank would have been given up."""
    read, write = os.pipe()
    job = mpi.Job(flavour, folder, [(2, command)], stdin=read)
    os.close(read)
    time.sleep(LATE)
    try:
        os.write(write, b"Once upon a time")
    except BrokenPipeError:
        pass  # it has ended: what it said will be shown
    os.close(write)
    gone = job.wait(10)
    printed, said, exits = job.out.read_text(), job.text(), job.exits()
    job.remove()
    if not gone or exits != {0: 0, 1: 0}:
        return f"gone: {gone}, ended with {exits}: {said}"
    return printed.rstrip("\n")


def misses_root(flavour, folder, program):
    """Rank 0 waits for the writer of a pipe, unannounced: rank 1 gives it up."""
    pipe = f"{flavour}.pipe"
    os.mkfifo(pipe)
    command = [program, "-f", pipe, "--comm-timeout", "1"]
    job = mpi.Job(flavour, folder, [(2, command)])
    # Its preparation has five limits; the launcher takes a while, too.
    gone = job.wait(5 + 2 + 2)
    said = job.errors()
    job.remove()
    os.remove(pipe)
    good = gone and any(re.search(r"waited 5000 ms in .*a message of rank 0, for rank 0$", line) for line in said)
    if not good:
        print(f"{flavour}: rank 0 is not missed: gone {gone}, said {said}")
    return good


def compare(flavour, what, found, expected):
    if found == expected:
        return True
    print(f"{flavour}: {what}: {found!r}, expected {expected!r}")
    return False


def check_bench(flavour, folder, program):
    command = [program, "--bench", "--json", "--bench-prompt", "16", "-n", "8"]
    found = run(flavour, folder, [*command, "--bench-repeat", "2"])
    try:
        return "tokens_per_second" in found and bool(json.loads(found))
    except json.JSONDecodeError:
        print(f"{flavour}: --bench --json: {found}")
        return False


def check(flavour, folder, program, chat, model, logits, expected):
    batch = [program, "--prompts", "prompts", "-n", "12", "--raw"]
    library = mpi.FLAVOURS[flavour][2]
    if flavour.endswith("5"):
        # Not on the search path: it lies beside its launcher.
        package = "openmpi" if "open" in flavour else "mpich"
        library = os.path.join(folder, package, "lib", library)
    good = [
        compare(flavour, "--prompts", run(flavour, folder, batch), expected["batch"]),
        compare(
            flavour, "LAMINA_MPI",
            run(flavour, folder, batch, env={"LAMINA_MPI": library}),
            expected["batch"],
        ),
        compare(
            flavour, "--chat",
            talk(
                flavour, folder,
                [chat, "--chat", "-n", "8", "--comm-timeout", "1"],
                ["Once upon a time\n", "Lily\n"], PAUSE,
            ),
            expected["chat"],
        ),
        check_bench(flavour, folder, program),
        compare(
            flavour, "lamina compare",
            run(flavour, folder, ["lamina", "compare", model, "--ref", logits]),
            expected["compare"],
        ),
        misses_root(flavour, folder, program),
    ]  # fmt: skip
    # The launcher of Open MPI 5 keeps standard input open: a program that reads
    # all of it (`cat` too) would wait for ever.
    if flavour != "openmpi5":
        found = run(flavour, folder, [program, "-n", "8"], "Once upon a time")
        # That of Open MPI 4 gives rank 0 a terminal, where a line is ended.
        good.append(compare(flavour, "a pipe", found.rstrip("\n"), expected["pipe"]))
        found = ask_late(flavour, folder, [program, "-n", "8", "--comm-timeout", "1"])
        good.append(compare(flavour, "a late pipe", found, expected["pipe"]))
    return all(good)


def main():
    folder, program, chat, model, logits = sys.argv[1:]
    os.environ["XDG_CACHE_HOME"] = os.path.join(os.getcwd(), "cache")
    with open("prompts", "w") as file:
        file.write(PROMPTS)
    expected = {
        "batch": run_alone([program, "--prompts", "prompts", "-n", "12", "--raw"]),
        "pipe": run_alone([program, "-n", "8"], "Once upon a time"),
        "compare": run_alone(["lamina", "compare", model, "--tp", "2", "--ref", logits]),
        "chat": run_alone([chat, "--chat", "-n", "8"], "Once upon a time\nLily\n"),
    }
    sys.exit(not all(mpi.run_all(check, folder, program, chat, model, logits, expected)))


main()
