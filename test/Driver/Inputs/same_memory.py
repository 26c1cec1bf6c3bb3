#!/usr/bin/env python3
"""same_memory.py ONE MANY: the statistics of one rank and of many: the same weights,
one copy of them, and one KV cache between all."""
import json
import sys

one, many = (json.loads(open(path).read().splitlines()[-1]) for path in sys.argv[1:])
assert many["packed_weight_bytes"] == one["packed_weight_bytes"] > 0, (one, many)
assert many["cache_bytes"] == one["cache_bytes"] > 0, (one, many)
# Two ranks read a panel of 32 columns that lies on both.
assert 2 * one["weight_bytes_read"] > many["weight_bytes_read"] >= one["weight_bytes_read"] > 0, (one, many)
assert one["arena_bytes"] < many["arena_bytes"], (one, many)
