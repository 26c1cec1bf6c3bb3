#!/usr/bin/env bash
# Makes an environment with Open MPI 5 and one with MPICH 5, out of the Python
# packages of that name (their launchers and libraries; each is 20 MB or less),
# for the tests of ranks that are processes:
#
#   utils/fetch-mpi.sh FOLDER
#
# FOLDER/openmpi/bin/mpirun and FOLDER/mpich/bin/mpiexec are then there, and are
# kept between calls. Exit: 0 done, 5 one could not be had.
set -euo pipefail
[ $# -eq 1 ] || { echo "error: utils/fetch-mpi.sh: arguments: $#, expected FOLDER" >&2; exit 2; }
folder=$1

fetch() { # package, version, launcher
  local place=$folder/$1
  [ -x "$place/bin/$3" ] && [ -f "$place/$2" ] && return
  rm -rf "$place"
  mkdir -p "$folder"
  # Made in its place: launchers know the folder that they were installed in.
  python3 -m venv "$place" >&2
  "$place/bin/pip" --quiet --disable-pip-version-check install "$1==$2" >&2 || {
    rm -rf "$place"
    echo "error: $1 $2: not to be had from the package index" >&2
    return 5
  }
  [ -x "$place/bin/$3" ] || {
    echo "error: $1 $2: has no $3" >&2
    return 5
  }
  touch "$place/$2"
}

status=0
fetch openmpi 5.0.11 mpirun || status=$?
fetch mpich 5.0.2 mpiexec || status=$?
exit $status
