#!/usr/bin/env python3
"""bench_ratios.py OLD NEW: NEW has the ratio of each figure to OLD, and no other."""
import json
import sys

old, new = (json.load(open(path)) for path in sys.argv[1:])
ratios = {key[len("ratio_") :]: value for key, value in new.items() if key.startswith("ratio_")}
expected = {"prefill_tokens_per_second_median", "decode_tokens_per_second_median"}
assert expected <= set(ratios) <= expected | {"read_bytes_per_second", "f32_flops_per_second"}, ratios
for key, ratio in ratios.items():
    assert abs(ratio - new[key] / old[key]) <= 1e-4 * ratio, (key, ratio, new[key], old[key])
