#!/usr/bin/env bash
# Installs what Lamina needs to build and to test on Debian 12 (bookworm), from
# Debian's own archive: bookworm, bookworm-updates and bookworm-security.
# Run it as root, or as a user who may use sudo. It changes nothing, and says
# nothing, when all is there. Exit: 0 done, 5 something could not be installed.
set -euo pipefail
export LC_ALL=C

packages=(
  # MLIR and LLVM 22, the compiler, the linker, the sanitizers, the formatter.
  libmlir-22-dev mlir-22-tools llvm-22-dev llvm-22-tools
  clang-22 clang-format-22 lld-22 liblld-22-dev libclang-rt-22-dev
  # What the CMake packages of MLIR and LLVM look for.
  libffi-dev libxml2-dev libzstd-dev zlib1g-dev
  # Build tools.
  ccache cmake g++ git ninja-build
  # Libraries of the project, of its programs, and of its tests.
  libbenchmark-dev libboost-context-dev libgmock-dev libgtest-dev libsimdjson-dev
  libxxhash-dev
  # Ranks that are processes; nothing of them is needed to build.
  mpich openmpi-bin
  # lit, the scripts in utils/, time limits of lit (psutil), proofs (z3, spin).
  python3 python3-psutil python3-venv spin z3
)

fail() {
  echo "error: utils/setup.sh: $1" >&2
  exit 5
}

# Sets `missing` to the packages that are not installed.
find_missing() {
  local installed package
  installed=$(dpkg-query -W -f='${db:Status-Status}:${Package}\n' \
    "${packages[@]}" 2>/dev/null) || true
  missing=()
  for package in "${packages[@]}"; do
    case $'\n'"$installed"$'\n' in
    *$'\n'"installed:$package"$'\n'*) ;;
    *) missing+=("$package") ;;
    esac
  done
}

command -v dpkg-query >/dev/null ||
  fail "system: no dpkg, expected Debian 12; see the package list in this file"
find_missing
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null ||
    fail "user: $(id -un) without sudo, expected root or sudo to install: ${missing[*]}"
  as_root=(sudo)
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT

apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -y -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1 </dev/null
}

# What apt said first: which host or package it was.
reason() {
  grep -E '^(E|W): ' "$log" | head -n 1 || tail -n 1 "$log"
}

echo "setup: installing ${#missing[@]} packages: ${missing[*]}"
# A host that does not answer is only a warning to apt.
apt update || fail "apt-get update: $(reason), expected a reachable Debian archive"
for package in "${missing[@]}"; do
  apt-cache show "$package" >/dev/null 2>&1 && continue
  if grep -q 'Failed to fetch' "$log"; then
    fail "network: $(reason), expected a reachable Debian archive"
  fi
  fail "package: $package is not in the archive, expected Debian 12 with bookworm-security"
done
apt install --no-install-recommends "${missing[@]}" ||
  fail "apt-get install: $(reason), expected ${missing[*]}"

find_missing
[ ${#missing[@]} -eq 0 ] || fail "package: still missing after the install: ${missing[*]}"
