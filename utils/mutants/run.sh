#!/usr/bin/env bash
# Breaks the passes on purpose, and what they and their oracle stand on, one patch
# of this folder at a time, and expects the tests to notice.
#
# Usage: utils/mutants/run.sh [name...]
#
# Works in a copy of the tree with a build folder of its own, kept in
# $LAMINA_MUTANTS_DIR if that is set (then the next run starts warm). For each
# mutant: applies the patch, builds, runs the lit tests of the passes, and, if
# they all pass, random programs. Prints which test failed; ends with
# `N mutants, N caught` and exits 8 if one was not.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
patches=$root/utils/mutants
programs=300

if [ -n "${LAMINA_MUTANTS_DIR:-}" ]; then
  copy=$LAMINA_MUTANTS_DIR
  mkdir -p "$copy"
else
  copy=$(mktemp -d "${TMPDIR:-/tmp}/lamina-mutants.XXXXXX")
  trap 'rm -rf "$copy"' EXIT
fi
build=$copy/build/dev

names=("$@")
for name in "${names[@]}"; do
  case $name in
  -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" && exit 0 ;;
  esac
  if [ ! -f "$patches/$name.patch" ]; then
    echo "error: utils/mutants/run.sh: $name: no such mutant, expected a patch of utils/mutants" >&2
    exit 2
  fi
done
if [ ${#names[@]} -eq 0 ]; then
  for patch in "$patches"/*.patch; do
    names+=("$(basename "$patch" .patch)")
  done
fi

# The copies are newer than what was built of mutants.
copy_tree() {
  (cd "$root" && git ls-files --cached --others --exclude-standard -z |
    tar --null --files-from=- --ignore-failed-read -cf - 2>/dev/null) |
    tar -xmf - -C "$copy"
}

# Builds what the tests of the passes run.
build_tools() {
  ninja -C "$build" lamina-opt lamina-interpret >"$copy/build.log" 2>&1
}

# Runs the tests of the passes; the log names those that fail.
run_lit() {
  LIT_FILTER='^(lamina :: )?(Transforms|Pipelines)/' \
    "$lit" -q "$build/test" >"$copy/lit.log" 2>&1
}

run_generator() {
  ninja -C "$build" lamina-generate-tests >"$copy/build.log" 2>&1 &&
    "$build/bin/lamina-generate-tests" --count="$programs" >"$copy/generator.log" 2>&1
}

has_generator() {
  ninja -C "$build" -t targets all 2>/dev/null | grep -q '^lamina-generate-tests:'
}

copy_tree || { echo "error: the tree could not be copied to $copy" >&2 && exit 5; }
# A mutant may leave a function without users.
sed -i "s/-Werror//" "$copy/cmake/Lamina.cmake"
(cd "$copy" && cmake --preset dev >"$copy/build.log" 2>&1) && build_tools ||
  { tail -n 20 "$copy/build.log" && echo "error: the tree does not build" >&2 && exit 1; }
lit=$(sed -n 's/^LAMINA_LIT:FILEPATH=//p' "$build/CMakeCache.txt")
run_lit || { cat "$copy/lit.log" && echo "error: tests fail without a mutant" >&2 && exit 1; }

caught=0
for name in "${names[@]}"; do
  if ! (cd "$copy" && git apply --check "$patches/$name.patch") 2>/dev/null; then
    echo "$name: NOT CAUGHT: the patch does not apply"
    continue
  fi
  (cd "$copy" && git apply "$patches/$name.patch")
  if ! build_tools; then
    echo "$name: NOT CAUGHT: it does not build: $(grep -m1 'error:' "$copy/build.log")"
  elif ! run_lit; then
    tests=$(sed -n 's/^  lamina :: //p' "$copy/lit.log" | sort -u | paste -sd' ')
    echo "$name: $tests"
    caught=$((caught + 1))
  elif has_generator && ! run_generator; then
    echo "$name: generator: $(grep -m1 . "$copy/generator.log")"
    caught=$((caught + 1))
  else
    echo "$name: NOT CAUGHT"
  fi
  (cd "$copy" && git apply --reverse "$patches/$name.patch")
done
echo "${#names[@]} mutants, $caught caught"
[ "$caught" -eq "${#names[@]}" ] || exit 8
