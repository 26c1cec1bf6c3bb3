"""modes.py MPI PROGRAM CHAT: what a program does with a prompt, as two processes.

Prompts in a batch, a prompt from standard input, a conversation whose pauses are
longer than the time limit, a measurement, and the library that LAMINA_MPI names:
under each flavour the same as in one process.
"""

import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
import mpi

PROMPTS = "Once upon a time\nThe sun\nA dog and a cat\n"
PAUSE = 1.6  # seconds, with a time limit of one


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


def check(flavour, folder, program, chat, expected):
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
    ]  # fmt: skip
    # The launcher of Open MPI 5 keeps standard input open: a program that reads
    # all of it (`cat` too) would wait for ever.
    if flavour != "openmpi5":
        found = run(flavour, folder, [program, "-n", "8"], "Once upon a time")
        # That of Open MPI 4 gives rank 0 a terminal, where a line is ended.
        good.append(compare(flavour, "a pipe", found.rstrip("\n"), expected["pipe"]))
    return all(good)


def main():
    folder, program, chat = sys.argv[1:]
    with open("prompts", "w") as file:
        file.write(PROMPTS)
    expected = {
        "batch": run_alone([program, "--prompts", "prompts", "-n", "12", "--raw"]),
        "pipe": run_alone([program, "-n", "8"], "Once upon a time"),
        "chat": run_alone([chat, "--chat", "-n", "8"], "Once upon a time\nLily\n"),
    }
    sys.exit(not all(mpi.run_all(check, folder, program, chat, expected)))


main()
