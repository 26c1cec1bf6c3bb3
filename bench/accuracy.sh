#!/usr/bin/env bash
# Measures how far the logits of lamina and of llama.cpp are from an f64 reference,
# on the same files:
#
#   bench/accuracy.sh [options of bench/accuracy.py]
#
# Gets what it needs as bench/peers.sh does. Exit: 0 done, 5 something could not be
# had, 8 the reference is not that of test/data/smollm2, 1 a command fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source bench/setup_peers.sh

get_smollm2
package=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$llama_cpp/CMakeCache.txt")/../..
export PYTHONPATH=$package LLAMA_CPP_LIB_PATH=$llama_cpp/bin
exec "$folder/gguf/bin/python" bench/accuracy.py --lamina "$lamina" --files "${models[@]}" -- "$@"
