#!/usr/bin/env python3
"""same_calls.py COUNTS PROGRAM...: a decode step calls the emulated libraries as COUNTS says.

COUNTS has lines `FUNCTION NUMBER`, the calls of one step; PROGRAM gets `-n STEPS`. How
often a function is called is found by faults: a call that fails ends the program, unless
it would come after the last one.
"""
import os
import subprocess
import sys


def has_call(command, function, nth):
    environment = dict(os.environ, LAMINA_EMULATED_FAIL=f"{function}:{nth}:1")
    return subprocess.run(command, env=environment, capture_output=True).returncode != 0


def count_calls(command, function, guess):
    """The calls of a whole run; soon found if they are `guess`."""
    least, beyond = 0, max(2 * guess, 1)
    if not has_call(command, function, guess + 1):
        beyond = guess + 1
        if guess == 0 or has_call(command, function, guess):
            return guess
    while has_call(command, function, beyond):
        least, beyond = beyond, 2 * beyond
    while beyond - least > 1:
        middle = (least + beyond) // 2
        if has_call(command, function, middle):
            least = middle
        else:
            beyond = middle
    return least


def main():
    command = sys.argv[2:]
    if subprocess.run([*command, "-n", "3"], capture_output=True).returncode:
        sys.exit("error: the program does not end well")
    with open(sys.argv[1]) as file:
        counts = [line.split() for line in file]
    for function, number in counts:
        number = int(number)
        two = count_calls([*command, "-n", "2"], function, 2 * number)
        if two == 2 * number:
            continue
        # Some calls are made before the first step.
        step = count_calls([*command, "-n", "3"], function, two + number) - two
        if step != number:
            sys.exit(f"error: {function}: {step} calls in a step, expected {number}")


main()
