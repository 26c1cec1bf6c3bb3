#!/usr/bin/env bash
# Includes point one way: tools -> Pipelines -> passes, import -> IR.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
status=0

# The layers that each layer may include besides itself.
declare -A allowed=(
  [Support]=""
  [IR]="Support"
  [Import]="IR Support"
  [Transforms]="IR Support"
  [Conversion]="IR Support"
  [Interpreter]="IR Support"
  [Target]="Support"
  [Tools]="IR Support"
  [Pipelines]="Conversion Transforms Import IR Support"
  [Registration]="Pipelines Conversion Transforms Import IR Support"
)

# The layer of a header or source: lib/IR/X.cpp, lib/Pipelines.cpp,
# include/lamina/Pipelines.h, "lamina/IR/X.h".
layer_of() {
  local rest=${1#lib/}
  rest=${rest#include/}
  rest=${rest#lamina/}
  rest=${rest%%/*}
  printf '%s' "${rest%%.*}"
}

while IFS=: read -r file line; do
  header=${line#*\"}
  header=${header%%\"*}
  from=$(layer_of "$file")
  to=$(layer_of "$header")
  # The ABI is what both sides share.
  [ "$header" = lamina/runtime.h ] && continue
  if [ -z "${allowed[$from]+set}" ]; then
    echo "error: $file: layer $from, expected one of: ${!allowed[*]}"
    status=1
  elif [ "$from" != "$to" ] && [[ " ${allowed[$from]} " != *" $to "* ]]; then
    echo "error: $file: $from includes $header, expected only: ${allowed[$from]:-nothing}"
    status=1
  fi
done < <(git grep -I --untracked -E '^ *#? *include "lamina/' -- lib include)

# The runtime shares its ABI with the compiler, and builds on the same base.
while IFS=: read -r file line; do
  case $line in *'"lamina/runtime.h"'* | *'"lamina/Support/'*) continue ;; esac
  echo "error: $file: ${line}, expected of lamina/ only lamina/runtime.h and lamina/Support"
  status=1
done < <(git grep -I --untracked -E '^ *# *include "lamina/' -- runtime)
exit $status
