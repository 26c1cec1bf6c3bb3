#!/usr/bin/env bash
# Measures the speed of lamina and its peers on the same files, in alternation:
#
#   bench/peers.sh [--only llama.cpp|openvino] [options of bench/peers.py]
#
# Gets llama.cpp out of the Python source package llama-cpp-python and builds it,
# Release and for this CPU; installs openvino-genai, which reads GGUF; makes the
# model files: see bench/setup_peers.sh. Exit: 0 done, 2 wrong usage, 5 something
# could not be had, 1 a command fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
only='' with_tinyllama='' is_value=''
for argument in "$@"; do
  case $is_value$argument in
  yesllama.cpp | yesopenvino | --only=*) only=${argument#--only=} is_value='' ;;
  --only) is_value=yes ;;
  --tinyllama) with_tinyllama=yes ;;
  --help | -h) exec python3 bench/peers.py --help ;;
  yes*) echo "error: --only: $argument, expected llama.cpp or openvino" >&2 && exit 2 ;;
  esac
done
source bench/setup_peers.sh

get_smollm2
peers=(--llama-cpp "$llama_cpp")
if [ "$only" != llama.cpp ]; then
  if make_venv openvino "$openvino"; then
    peers+=(--openvino "$folder/openvino/bin/python")
  else
    echo "warning: goes on without OpenVINO" >&2
  fi
fi
if [ -n "$with_tinyllama" ]; then
  whole=$folder/models/tinyllama-bf16.gguf
  [ -e "$whole" ] ||
    "$folder/gguf/bin/python" bench/random_model.py test/data/configs/tinyllama-1.1b.json \
      test/data/ggml-vocab-llama-spm.gguf "$whole"
  for type in q4_1 q4_0 q8_0; do
    make_model "$folder/models/tinyllama-$type.gguf" "$whole" $type
    models+=("tinyllama-$type=$folder/models/tinyllama-$type.gguf")
  done
  models+=("tinyllama-bf16=$whole")
fi
exec python3 bench/peers.py --lamina "$lamina" "${peers[@]}" --files "${models[@]}" -- "$@"
