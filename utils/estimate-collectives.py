#!/usr/bin/env python3
"""Writes lib/Support/collectives-cuda.json: which algorithm a size gets on GPUs.

No GPU was measured. The bounds are those at which other projects leave their
kernels on GPUs that NVLink joins (compute capability 9.0), of bytes that a rank
adds:

- one_shot: vLLM's custom all-reduce.
- two_shot: of a sum alone, up to where vLLM leaves its custom all-reduce; of
  what is fused with residual and norm, up to where it leaves FlashInfer's kernel.
- separate (NCCL, then a kernel): from there on.

`lamina bench MODEL --device cuda --tp 2,4,8 --collectives -o FILE` measures
them. Usage: utils/estimate-collectives.py > lib/Support/collectives-cuda.json
"""
import json

KIB, MIB = 1 << 10, 1 << 20
VLLM = "https://github.com/vllm-project/vllm/blob/"
SOURCES = (
    VLLM + "036bb685581dbedcd6cf7fc845fe87268c7d1191/csrc/custom_all_reduce.cuh",
    VLLM + "00d618aab60448acdf3fac3e9c4e2e22d0c6c753/vllm/distributed/device_communicators/all_reduce_utils.py",
    VLLM + "0052812d1f0655bd4b646b5dbda8b3427697fae3/vllm/compilation/passes/fusion/allreduce_rms_fusion.py",
)
ESTIMATE = "not measured: the sizes at which other projects change their kernels on GPUs of 9.0; " + ", ".join(SOURCES)

# Bytes by ranks, below which the algorithm is taken.
ONE_SHOT = {2: 64 * MIB, 4: 512 * KIB, 8: 256 * KIB}
TWO_SHOT = {
    "all_reduce": {2: 64 * MIB, 4: 32 * MIB, 8: 256 * KIB},
    "all_reduce_residual_rms_norm": {2: 64 * MIB, 4: 2 * MIB, 8: 512 * KIB},
}
FEATURES = [512 << i for i in range(6)]
ROWS = [1 << i for i in range(16)]
ADDEND_BYTES = 4  # partial sums are f32


def choose(operation, ranks, size):
    if size < ONE_SHOT[ranks]:
        return "one_shot"
    return "two_shot" if size < TWO_SHOT[operation][ranks] else "separate"


def make_sizes():
    for operation in TWO_SHOT:
        for ranks in ONE_SHOT:
            for features in FEATURES:
                choices = [(rows, choose(operation, ranks, rows * features * ADDEND_BYTES)) for rows in ROWS]
                for i, (rows, choice) in enumerate(choices):
                    # The rows next to a change say where it is.
                    around = choices[max(i - 1, 0) : i + 2]
                    if i == 0 or any(other != choice for _, other in around):
                        yield {"operation": operation, "ranks": ranks, "features": features, "rows": rows, "choice": choice}


def main():
    header = {"device": "cuda", "estimate": ESTIMATE, "date": "2026-11-24", "command": "utils/estimate-collectives.py"}
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in header.items()]
    sizes = ",".join("\n  " + json.dumps(size) for size in make_sizes())
    print("{" + ",\n ".join(lines) + ',\n "sizes": [' + sizes + "]}")


if __name__ == "__main__":
    main()
