#!/usr/bin/env bash
# Sets up, builds, and shows the main job: a model's configuration becomes IR, is
# split over ranks and fused, and gives the same bits on 1 and on 2 ranks.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
utils/setup.sh
cmake --preset dev >/dev/null
cmake --build build/dev --target lamina-translate lamina-opt lamina-interpret
export PATH=$PWD/build/dev/bin:$PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "--- Llama-3.1-8B, imported from its config.json, split over 8 ranks and fused"
lamina-translate --import-llama-config test/data/configs/llama-3.1-8b.json -o "$work/llama.mlir"
lamina-opt "$work/llama.mlir" --llama-to-fused=ranks=8

echo "--- what fused"
lamina-opt "$work/llama.mlir" --llama-to-fused=ranks=8 --remarks-filter='llama-fuse' \
  --remark-policy=all -o /dev/null 2>&1 | grep 'remark:' | sed 's/^[^ ]* //'

echo "--- stories260K with seeded weights, fused on 2 ranks, against 1 rank as imported"
lamina-translate --import-llama-config test/data/configs/stories260k.json -o "$work/stories.mlir"
lamina-opt "$work/stories.mlir" --llama-to-fused=ranks=2 -o "$work/stories-2.mlir"
lamina-interpret "$work/stories-2.mlir" --arith=stated --compare-with="$work/stories.mlir"
