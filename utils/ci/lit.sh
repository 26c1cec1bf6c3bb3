#!/usr/bin/env bash
# Runs the lit and GoogleTest tests of a build. Usage: utils/ci/lit.sh [preset [filter]]
# Prints each test that did not pass with its output, and ends with
# `N passed, N failed, N skipped`.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
preset=${1:-dev}
if [ -n "${2:-}" ]; then
  export LIT_FILTER=$2
fi

results=build/$preset/lit.json
rm -f "$results"
log=build/$preset/lit-log.txt
cmake --build "build/$preset" --target check-lamina >"$log" 2>&1
if [ ! -e "$results" ]; then
  tail -n 40 "$log"
  echo "error: lit made no $results" >&2
  exit 1
fi
exec python3 utils/ci/lit_results.py "$results"
