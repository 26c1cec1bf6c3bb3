#!/usr/bin/env python3
"""edit_bytes.py FILE cut SIZE | flip OFFSET | write OFFSET HEX: keeps the first
SIZE bytes of a file, inverts one of its bits, or replaces bytes."""
import os
import sys

path, action, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
if action == "cut":
    os.truncate(path, number)
else:
    with open(path, "r+b") as file:
        file.seek(number)
        byte = file.read(1)[0]
        file.seek(number)
        file.write(
            bytes.fromhex(sys.argv[4]) if action == "write" else bytes([byte ^ 1])
        )
