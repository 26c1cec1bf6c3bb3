#!/usr/bin/env bash
# Makes a Python environment with the processor of Bochs, the package
# bochscpu-python (6 MB), for the tests of x86 levels that this machine lacks:
#
#   utils/fetch-bochscpu.sh FOLDER
#
# FOLDER/bin/python3 can then import it; it is kept between calls. Exit: 0 done,
# 5 it could not be had.
set -euo pipefail
[ $# -eq 1 ] || { echo "error: utils/fetch-bochscpu.sh: arguments: $#, expected FOLDER" >&2; exit 2; }
folder=$1
version=0.4.0

[ -x "$folder/bin/python3" ] && [ -f "$folder/$version" ] && exit 0
rm -rf "$folder"
mkdir -p "$(dirname "$folder")"
python3 -m venv "$folder" >&2
"$folder/bin/pip" --quiet --disable-pip-version-check install --no-deps \
  --only-binary :all: "bochscpu-python==$version" >&2 || {
  rm -rf "$folder"
  echo "error: bochscpu-python $version: not to be had from the package index" >&2
  exit 5
}
touch "$folder/$version"
