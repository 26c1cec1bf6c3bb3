#!/usr/bin/env bash
# Checks the models in test/Models with spin: no assertion fails and nobody waits
# for ever. A lost wake-up, put in on purpose, must be found.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Prints the number of errors that spin finds in the model.
count_errors() { # define...
  (
    cd "$folder"
    spin "$@" -a meeting.pml >spin.log
    clang-22 -O2 -w -DSAFETY -DNOREDUCE -DMEMLIM=4000 -o pan pan.c
    ./pan -m1000000 >pan.log
    sed -nE 's/.*errors: ([0-9]+).*/\1/p' pan.log
  )
}

cp test/Models/meeting.pml "$folder"
errors=$(count_errors -DRANKS=3)
if [ "$errors" != 0 ] || grep -q 'max search depth too small' "$folder/pan.log"; then
  echo "error: test/Models/meeting.pml: $errors errors:"
  grep -E 'pan:|error' "$folder/pan.log"
  exit 1
fi
grep -E 'states, stored' "$folder/pan.log"
if [ "$(count_errors -DRANKS=3 -DNO_WAKE)" = 0 ]; then
  echo "error: test/Models/meeting.pml: a lost wake-up is not found"
  exit 1
fi
