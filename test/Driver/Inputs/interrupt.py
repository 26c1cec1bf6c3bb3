#!/usr/bin/env python3
"""interrupt.py SIGNAL CODE WHEN COMMAND...: sends a signal; checks the exit code.

WHEN: `waiting` (standard input is a pipe that nothing comes from, and the
process sleeps), `stuck` (it has written, nobody reads on, and it sleeps), or
the pattern of a file that appears. CODE is a number, death by a signal being
128 + its number, or `any`.
"""
import glob
import pathlib
import signal
import subprocess
import sys
import time

LIMIT = 60


def is_asleep(process):
    """Whether it slept at ten looks in a row."""
    for _ in range(10):
        state = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        if state != "S":
            return False
        time.sleep(0.02)
    return True


def main():
    number, code, when, command = getattr(signal, sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command, stdin=pipe if when == "waiting" else subprocess.DEVNULL, stdout=pipe if when == "stuck" else None,
        start_new_session=True, preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
    if when == "stuck":
        process.stdout.read(1)
    end = time.monotonic() + LIMIT
    while process.poll() is None and not (is_asleep(process) if when in ("waiting", "stuck") else glob.glob(when)):
        if time.monotonic() > end:
            process.kill()
            sys.exit(f"interrupt.py: nothing to interrupt within {LIMIT} s: {command}")
    # To the process alone: it has to end its children itself.
    process.send_signal(number)
    try:
        actual = process.wait(LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        sys.exit(f"interrupt.py: goes on for {LIMIT} s: {command}")
    actual = 128 - actual if actual < 0 else actual
    if code not in ("any", str(actual)):
        sys.exit(f"interrupt.py: exit code {actual}, expected {code}: {command}")


main()
