#!/usr/bin/env bash
# Runs the tests of threads and of ranks under ThreadSanitizer. Builds only the
# runtime and its tests. A test that forks with threads is left out: the
# sanitizer cannot.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

cmake --preset tsan >build/tsan-configure.log || {
  cat build/tsan-configure.log
  exit 1
}
ninja -C build/tsan RuntimeTests >build/tsan-build.log || {
  tail -n 40 build/tsan-build.log
  exit 1
}
TSAN_OPTIONS=halt_on_error=1 build/tsan/unittests/Runtime/RuntimeTests \
  --gtest_brief=1 --gtest_filter='GroupTest.*:RunWithin.*:Agreement.*:ThreadPool.*:*CoreBits*:Step*:-ThreadPool.AFileThatIsCut*'
