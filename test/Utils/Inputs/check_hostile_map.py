#!/usr/bin/env python3
"""check_hostile_map.py TEST: the tests that TEST/HOSTILE.md names are there.

A row is `| number | input | exit | tests |`; tests are a path and, of GoogleTest,
names of tests in that file.
"""
import pathlib
import re
import sys

TEST = pathlib.Path(sys.argv[1]).resolve()


def check(cell):
    """Yields what is wrong with the tests of a row."""
    for entry in cell.split(";"):
        if not (place := re.search("`(.*?)`(.*)", entry)):
            yield f"no test in {entry.strip()!r}"
            continue
        path = TEST.parent / place[1]
        if not path.is_file():
            yield f"no file {place[1]}"
            continue
        text = path.read_text()
        for name in filter(None, place[2].replace(",", " ").split()):
            if not re.search(rf"^TEST(_F|_P)?\(\w+, {name}\)", text, re.MULTILINE):
                yield f"no test {name} in {place[1]}"


def main():
    rows = re.findall(r"^\| (\d+) \|.*\| (.*?) \|$", (TEST / "HOSTILE.md").read_text(), re.MULTILINE)
    wrong = [f"{number}: {fault}" for number, cell in rows if not cell.startswith("none: ") for fault in check(cell)]
    numbers = [int(number) for number, _ in rows]
    if numbers != sorted(set(numbers)):
        wrong.append("numbers are not in order")
    print("\n".join([*wrong, f"{len(rows)} rows, {len(wrong)} wrong"]))


main()
