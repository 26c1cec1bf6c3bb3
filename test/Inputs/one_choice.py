#!/usr/bin/env python3
"""one_choice.py ALGORITHM [cuda]: a table in which every size of 1, 2 and 4 ranks has it."""
import json
import sys

algorithm, on_gpu = sys.argv[1], sys.argv[2:] == ["cuda"]
sizes = []
for operation in ("all_reduce", "all_reduce_residual_rms_norm"):
    has_own = on_gpu or operation != "all_reduce" or algorithm != "separate"
    own = algorithm if has_own else "two_shot"
    for ranks in (1, 2, 4):
        size = {"operation": operation, "ranks": ranks, "features": 64, "rows": 1, "one_shot_ns": 1}
        size[f"{own}_ns"] = 1
        sizes.append({**size, "choice": own})
table = {"cpu_model": "none", "date": "never", "command": "by hand", "threads": 1, "load_average": 0, "rounds": 1, "sizes": sizes}
if on_gpu:
    table.update({"device": "cuda", "gpu_model": "none"})
json.dump(table, sys.stdout)
