#!/usr/bin/env bash
# Checks the models in test/Models with spin: no assertion fails and nobody waits
# for ever. A lost wake-up, a missing time limit and a wrong line in the table of
# the protocol, each put in on purpose, must be found.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Prints the number of errors that spin finds in a model.
count_errors() { # model, define...
  (
    cd "$folder"
    local model=$1
    shift
    spin "$@" -a "$model.pml" >spin.log
    clang-22 -O2 -w -DSAFETY -DNOREDUCE -DMEMLIM=4000 -o pan pan.c
    ./pan -m1000000 >pan.log
    sed -nE 's/.*errors: ([0-9]+).*/\1/p' pan.log
  )
}

expect_none() { # model
  local errors
  errors=$(count_errors "$1")
  if [ "$errors" != 0 ] || grep -q 'max search depth too small' "$folder/pan.log"; then
    echo "error: test/Models/$1.pml: $errors errors:"
    grep -E 'pan:|error' "$folder/pan.log"
    exit 1
  fi
  echo "$1: $(grep -E 'states, stored' "$folder/pan.log")"
}

expect_some() { # what, model, define...
  local what=$1
  shift
  if [ "$(count_errors "$@")" = 0 ]; then
    echo "error: test/Models/$1.pml: $what is not found"
    exit 1
  fi
}

cp test/Models/*.pml runtime/src/comm/Protocol.def "$folder"
expect_none meeting
expect_some "a lost wake-up" meeting -DNO_WAKE
expect_none group
expect_some "a missing time limit" group -DNO_LIMIT
sed -i 's/^TRANSITION(closing, complete, idle)/TRANSITION(closing, complete, offered)/' \
  "$folder/Protocol.def"
expect_some "a wrong transition" group
