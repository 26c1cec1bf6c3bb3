#!/usr/bin/env python3
"""terminal.py CODE STEP... -- COMMAND...: a command on a terminal of its own.

A STEP is `expect TEXT` or `send TEXT` (with escapes: \\n, \\x03 for Ctrl-C, \\x04
for Ctrl-D). Prints what came, without carriage returns.
"""
import os
import pty
import select
import signal
import sys

LIMIT = 60


def read(terminal):
    """What comes next; nothing at the end."""
    if not select.select([terminal], [], [], LIMIT)[0]:
        sys.exit(f"terminal.py: nothing came for {LIMIT} s")
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def main():
    separator = sys.argv.index("--")
    steps, command = sys.argv[2:separator], sys.argv[separator + 1 :]
    process, terminal = pty.fork()
    if process == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execvp(command[0], command)
    output, seen = b"", 0
    for action, text in zip(steps[::2], steps[1::2]):
        text = text.encode().decode("unicode_escape").encode()
        if action == "send":
            os.write(terminal, text)
            continue
        while (found := output.find(text, seen)) < 0:
            more = read(terminal)
            if not more:
                sys.exit(f"terminal.py: {text} did not come after {output[seen:]}")
            output += more
        seen = found + len(text)
    while more := read(terminal):
        output += more
    sys.stdout.buffer.write(output.replace(b"\r", b""))
    status = os.waitpid(process, 0)[1]
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
    if code != int(sys.argv[1]):
        sys.exit(f"terminal.py: exit code {code}, expected {sys.argv[1]}")


main()
