#!/usr/bin/env bash
# Greps: CHECK lines without a colon, TODOs without an issue, paths of one machine,
# conflicts that were not resolved.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
status=0

# Runs git grep (untracked files too) and fails with `why` if it finds anything.
must_not_find() { # why, git grep arguments
  local why=$1 found
  shift
  found=$(git grep -nI --untracked "$@")
  case $? in
  0) echo "error: $why:" && printf '%s\n' "$found" && status=1 ;;
  1) ;;
  *) echo "error: git grep failed: $*" && status=1 ;;
  esac
}

# Such a directive checks nothing.
must_not_find "CHECK without a colon" \
  -E '(//|#) *CHECK[A-Z0-9-]*[^:A-Z0-9{-]' -- 'test/*.mlir' 'test/*.test'

must_not_find "a note without its issue, expected TODO(#12):" \
  -E '\b(TODO|FIXME|XXX)\b([^(]|\([^#]|\(#[0-9]+\)[^:]|$)' -- . \
  ':!utils/ci/checks.sh' ':!*.md'

must_not_find "a path of one machine" \
  -E '(^|[^A-Za-z0-9_.~-])/(home|root|Users|mnt|media)/[A-Za-z0-9_.-]' -- . \
  ':!utils/ci/checks.sh'
must_not_find "a conflict of a merge" -E '^(<<<<<<<|>>>>>>>) ' -- .

parent=$(dirname "$PWD")
if [ "$parent" != / ]; then
  must_not_find "a path of this machine" -F "$parent/" -- .
fi
if [ -n "${HOME:-}" ] && [ "$HOME" != / ]; then
  must_not_find "the home folder" -F "$HOME/" -- .
fi
# What a merge leaves.
must_not_find "a conflict marker" -E '^(<<<<<<<|>>>>>>>) ' -- . \
  ':!utils/ci/checks.sh'
exit $status
