#!/usr/bin/env python3
"""same_ids.py A B: fails unless both files hold the same integers, at least one."""
import sys

a, b = ([int(word) for word in open(path).read().split()] for path in sys.argv[1:])
if not a or a != b:
    first = next((i for i, pair in enumerate(zip(a, b)) if pair[0] != pair[1]), None)
    sys.exit(f"{len(a)} and {len(b)} ids, first difference at {first}")
