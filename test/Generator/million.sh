#!/usr/bin/env bash
# Runs a million random programs, in parts of 10,000 by seed, on all processors.
# Usage: test/Generator/million.sh [build folder, default build/dev]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tool=${1:-build/dev}/bin/lamina-generate-tests
seq 1000 1099 | xargs -P "$(nproc)" -I{} "$tool" --seed={} --count=10000
