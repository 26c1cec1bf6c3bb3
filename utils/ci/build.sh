#!/usr/bin/env bash
# Configures and builds everything. Usage: utils/ci/build.sh [preset]
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
preset=${1:-dev}

mkdir -p "build/$preset"
log=build/$preset/build-log.txt
if ! cmake --preset "$preset" >"$log" 2>&1; then
  tail -n 40 "$log"
  exit 1
fi
if ! cmake --build "build/$preset" >"$log" 2>&1; then
  # From the first failed step on, without the steps that went well.
  sed -n '/^FAILED: /,$p' "$log" | grep -vE '^\[[0-9]+/[0-9]+\] ' | head -n 200
  exit 1
fi
