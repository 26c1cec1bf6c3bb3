"""failing_malloc.py LIBRARY FOLDER STEP COMMAND...: runs the command in an empty
folder again and again, its memory used up at the first call of malloc, at the
(1 + STEP)-th and so on, until it succeeds. Each failure must be exit code 6 with
one line, and leave nothing behind. What `COMMAND --version` calls is left out:
the libraries of LLVM need memory before `main`."""

import os
import shutil
import subprocess
import sys

library, folder, step = sys.argv[1], sys.argv[2], int(sys.argv[3])
command = sys.argv[4:]


def run(arguments, first):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    environment = dict(os.environ, LD_PRELOAD=library)
    environment["LAMINA_FAILING_MALLOC"] = str(first)
    return subprocess.run(
        arguments,
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


first = int(run([command[0], "--version"], 0).stderr) + 1
failures = 0
while True:
    result = run(command, first)
    if result.returncode == 0:
        break
    text = result.stderr
    if result.returncode != 6 or text.count("\n") != 1 or text[:7] != "error: ":
        sys.exit(f"call {first}: exit code {result.returncode}: {text}")
    if os.listdir(folder):
        sys.exit(f"call {first}: left behind {os.listdir(folder)}")
    failures += 1
    first += step
print(f"{failures} failures, then done")
