#!/usr/bin/env bash
# Sets up, builds, and runs every test: lit, GoogleTest and the checks in utils/ci.
#
#   utils/test.sh                  everything, in build/dev
#   utils/test.sh --preset asan    the same under AddressSanitizer and UBSan
#   utils/test.sh --filter REGEX   only the lit and GoogleTest tests that match
#
# The last line is `N passed, N failed`, with `, N skipped` when tests were. A
# check script counts as one test. Exit: 0 all passed, 1 something failed or no
# test ran, 2 usage.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

preset=dev
filter=
usage() {
  echo "error: utils/test.sh: arguments: $1, expected [--preset dev|asan] [--filter REGEX]" >&2
  exit 2
}
while [ $# -gt 0 ]; do
  case $1 in
  --preset | --filter) [ $# -ge 2 ] || usage "$1 without a value" ;;&
  --preset) preset=$2 && shift 2 ;;
  --filter) filter=$2 && shift 2 ;;
  -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" && exit 0 ;;
  *) usage "$1" ;;
  esac
done
case $preset in dev | asan) ;; *) usage "--preset $preset" ;; esac

passed=0 failed=0 skipped=0
failures=()

finish() {
  if [ ${#failures[@]} -gt 0 ]; then
    printf '\nFailed:\n'
    printf '  %s\n' "${failures[@]}"
  fi
  if [ $((passed + failed)) -eq 0 ]; then
    echo "error: utils/test.sh: no test ran" >&2
    failed=1
  fi
  printf '\n%d passed, %d failed' "$passed" "$failed"
  [ "$skipped" -gt 0 ] && printf ', %d skipped' "$skipped"
  printf '\n'
  [ "$failed" -eq 0 ]
  exit
}

# Runs one check script as one test; its output is shown only when it fails or
# warns.
check() {
  local name=$1 start=$SECONDS output status
  shift
  output=$("$@" 2>&1 </dev/null)
  status=$?
  if [ $status -eq 0 ]; then
    passed=$((passed + 1))
    echo "PASS $name ($((SECONDS - start)) s)"
    [ -n "$output" ] && printf '%s\n' "$output" | sed 's/^/  /'
    return 0
  fi
  failed=$((failed + 1))
  failures+=("$name: $*")
  echo "FAIL $name ($((SECONDS - start)) s): $*"
  printf '%s\n' "$output" | sed 's/^/  /'
  return 1
}

# Runs lit, whose last line has its own three numbers.
run_tests() {
  local start=$SECONDS report counts lit_failed
  report=build/$preset/lit-report.txt
  utils/ci/lit.sh "$preset" "$filter" </dev/null 2>&1 | tee "$report"
  counts=$(tail -n 1 "$report" |
    sed -nE 's/^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p')
  if [ -z "$counts" ]; then
    failed=$((failed + 1))
    failures+=("lit: stopped without a result")
    return
  fi
  read -r lit_passed lit_failed lit_skipped <<<"$counts"
  passed=$((passed + lit_passed))
  failed=$((failed + lit_failed))
  skipped=$((skipped + lit_skipped))
  mapfile -t -O ${#failures[@]} failures < <(sed -nE 's/^([A-Z]+): (.*)$/\2 (\1)/p' "$report")
  echo "lit and GoogleTest: $lit_passed passed, $lit_failed failed ($((SECONDS - start)) s)"
}

utils/setup.sh </dev/null || exit
check build utils/ci/build.sh "$preset" || finish
# The tests of MPI fail with the reason where it cannot be had.
utils/fetch-mpi.sh build/mpi </dev/null
# Those of an emulated processor are skipped.
utils/fetch-bochscpu.sh build/bochscpu </dev/null
run_tests
if [ -z "$filter" ]; then
  for script in utils/ci/*.sh; do
    name=$(basename "$script" .sh)
    case $name in build | lit) continue ;; esac
    check "$name" "$script"
  done
fi
finish
