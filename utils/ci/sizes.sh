#!/usr/bin/env bash
# No file over 800 lines and no function over 100; warns over 400 and 50.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

# Files and functions that may be longer, each with its reason, as
# `path` or `path:function`.
exceptions=(
)

status=0
report() { # what, lines, warn, fail
  local what=$1 lines=$2
  [ "$lines" -gt "$3" ] || return
  if [ "$lines" -le "$4" ]; then
    echo "warning: $what: $lines lines, more than $3"
    return
  fi
  for exception in "${exceptions[@]}"; do
    [ "$what" = "$exception" ] && return
  done
  echo "error: $what: $lines lines, more than $4"
  status=1
}

mapfile -t files < <(git ls-files --cached --others --exclude-standard -- \
  '*.c' '*.cpp' '*.h' '*.cu' '*.cuh' '*.td' '*.py' '*.sh' '*.mlir' '*.test')
for file in "${files[@]}"; do
  [ -e "$file" ] && report "$file" "$(wc -l <"$file")" 400 800
done

lengths=$(python3 utils/ci/function_lengths.py) || exit 1
while IFS=$'\t' read -r lines what; do
  report "$what" "$lines" 50 100
done <<<"$lengths"
exit $status
