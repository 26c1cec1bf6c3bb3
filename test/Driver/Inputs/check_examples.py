#!/usr/bin/env python3
"""check_examples.py PAGE DATA FOLDER: runs the examples of a page.

An example is a block of kind `console`: lines that start with `$ ` are run by
bash in FOLDER, which is made anew and has links to what is in DATA; what
follows is what they print, `...` standing for anything. In a block of kind `sh`
nothing is run.
"""
import pathlib
import re
import shutil
import subprocess
import sys


def read_examples(page):
    """Yields (line, command, expected output)."""
    example, kind = None, None
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.startswith("```"):
            kind = line[3:] if kind is None else None
            if example:
                yield example
            example = None
        elif kind == "console" and line.startswith("$ "):
            if example:
                yield example
            example = [number, line[2:], ""]
        elif kind == "console":
            example[2] += line + "\n"


def matches(expected, actual):
    pattern = ".*".join(map(re.escape, expected.rstrip("\n").split("...")))
    return re.fullmatch(pattern, actual.rstrip("\n"), re.DOTALL)


def main():
    page, data, folder = map(pathlib.Path, sys.argv[1:])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in data.iterdir():
        (folder / path.name).symlink_to(path)
    wrong, count = 0, 0
    for number, command, expected in read_examples(page):
        count += 1
        result = subprocess.run(["bash", "-c", command], cwd=folder, stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if not matches(expected, result.stdout):
            wrong += 1
            print(f"{page}:{number}: {command}\n--- expected\n{expected}--- printed\n{result.stdout}", file=sys.stderr)
    print(f"{count} examples, {wrong} wrong")
    sys.exit(wrong > 0 or count == 0)


main()
