#!/usr/bin/env bash
# C++ is formatted as clang-format 22 does it. With -f, formats it.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

mapfile -t files < <(git ls-files --cached --others --exclude-standard \
  -- '*.cpp' '*.h' '*.cu' '*.cuh')
# A file may be deleted and not yet committed.
existing=()
for file in "${files[@]}"; do
  [ -e "$file" ] && existing+=("$file")
done
[ ${#existing[@]} -gt 0 ] || { echo "error: no C++ file found" && exit 1; }

if [ "${1:-}" = -f ]; then
  exec clang-format-22 -i "${existing[@]}"
fi
if ! clang-format-22 --dry-run --Werror "${existing[@]}"; then
  echo "error: run utils/ci/format.sh -f"
  exit 1
fi
