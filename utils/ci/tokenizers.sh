#!/usr/bin/env bash
# Token ids of 5,000 random strings are those of the package `tokenizers`.
#
#   utils/ci/tokenizers.sh [COUNT]
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
count=${1:-5000}
version=0.23.3

tool=
for preset in dev asan; do
  path=build/$preset/bin/lamina-encode-batch
  [ -x "$path" ] && tool=$path && break
done
if [ -z "$tool" ]; then
  echo "error: build: no lamina-encode-batch, expected utils/ci/build.sh to make it"
  exit 1
fi

export PYTHONPATH=build/python-tokenizers${PYTHONPATH:+:$PYTHONPATH}
if ! python3 -c 'import tokenizers' 2>/dev/null &&
  ! python3 -m pip install --quiet --disable-pip-version-check --no-deps \
    --target build/python-tokenizers "tokenizers==$version" >/dev/null 2>&1; then
  echo "warning: tokenizers $version cannot be installed; nothing was compared"
  exit 0
fi

status=0
compare() {
  local output
  output=$(utils/compare-tokenizers.py "$tool" "$count" "$@" 2>&1) && return
  printf '%s\n' "$output"
  status=1
}
compare test/data/stories260K --gguf test/data/stories260K.gguf
compare test/data/tokenizers/smollm2
exit $status
