"""Runs lamina-translate on a changed config and prints what it says.

    refuse.py CODE MEMBER...      stories260k.json with these members in front,
                                  each as `"key": value`, in place of its own
    refuse.py CODE -KEY           the same without KEY
    refuse.py CODE --bytes EXPR   the bytes of a Python expression

Fails unless the exit code is CODE and, for a code other than 0, unless nothing
was printed to standard output and it took less than 2 seconds.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

CONFIGS = pathlib.Path(__file__).parents[2] / "data" / "configs"


def change(members):
    """The text of the config with the given members in place of its own."""
    changed = [m[1:] if m.startswith("-") else m.split('"')[1] for m in members]
    added = [m for m in members if not m.startswith("-")]
    for key, value in json.loads((CONFIGS / "stories260k.json").read_text()).items():
        if key not in changed:
            added.append(f"{json.dumps(key)}: {json.dumps(value)}")
    return ("{\n  " + ",\n  ".join(added) + "\n}\n").encode()


def main():
    code, arguments = int(sys.argv[1]), sys.argv[2:]
    if arguments[0] == "--bytes":
        content = eval(arguments[1])
    else:
        content = change(arguments)
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "config.json").write_bytes(content)
        start = time.monotonic()
        run = subprocess.run(
            ["lamina-translate", "--import-llama-config", "config.json"],
            cwd=folder,
            env=os.environ,
            capture_output=True,
        )
        seconds = time.monotonic() - start
    output = (run.stderr + (run.stdout if code == 0 else b"")).decode()
    print(output, end="")
    if run.returncode != code:
        sys.exit(f"refuse.py: exit code {run.returncode}, expected {code}")
    if code != 0 and (run.stdout or seconds > 2):
        sys.exit(f"refuse.py: {len(run.stdout)} bytes of output, {seconds} s")


main()
