#!/usr/bin/env bash
# A pass, its .cpp, its flag and its test share one name.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
status=0
error() { echo "error: $*" && status=1; }

kebab() { sed -E 's/([a-z0-9])([A-Z])/\1-\2/g' <<<"$1" | tr '[:upper:]' '[:lower:]'; }

found=0
for layer in Transforms Conversion; do
  table=include/lamina/$layer/Passes.td
  [ -e "$table" ] || continue
  # `def NamePass : Pass<"flag"`, which may be broken into lines.
  while read -r def flag; do
    found=$((found + 1))
    name=${def%Pass}
    words=$(kebab "$name")
    [ "$def" = "${name}Pass" ] || error "$table: $def, expected a name that ends in Pass"
    [ "$flag" = "llama-$words" ] || error "$table: $def has flag $flag, expected llama-$words"
    source=lib/$layer/$name.cpp
    if [ ! -e "$source" ]; then
      error "$table: $def has no $source"
    elif ! grep -q "GEN_PASS_DEF_${def^^}\b" "$source"; then
      error "$source: does not define $def (GEN_PASS_DEF_${def^^})"
    fi
    test=test/$layer/$words.mlir
    if [ ! -e "$test" ]; then
      error "$table: $def has no $test"
    elif ! grep -qE "RUN:.*\b$flag\b" "$test"; then
      error "$test: no RUN line with $flag"
    fi
  done < <(tr '\n' ' ' <"$table" |
    grep -oE 'def +[A-Za-z0-9_]+ *: *(Interface)?Pass< *"[^"]*"' |
    sed -E 's/def +([A-Za-z0-9_]+) *: *(Interface)?Pass< *"([^"]*)"/\1 \3/')
  for source in lib/"$layer"/*.cpp; do
    [ -e "$source" ] || continue
    while read -r macro; do
      expected=$(basename "$source" .cpp)Pass
      [ "$macro" = "${expected^^}" ] ||
        error "$source: defines $macro, expected one pass a file: ${expected^^}"
    done < <(sed -nE 's/.*define +GEN_PASS_DEF_(\w+).*/\1/p' "$source")
  done
done
[ "$found" -gt 0 ] || error "found no pass in include/lamina/*/Passes.td"
exit $status
