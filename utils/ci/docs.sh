#!/usr/bin/env bash
# The reference pages are those of the .td files; links and mkdocs.yml are whole.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
status=0

utils/gen-docs.sh "$tmp" || exit 1
if ! diff -ru docs/reference "$tmp"; then
  echo "error: docs/reference: out of date, run utils/gen-docs.sh"
  status=1
fi

# Every page is in the navigation, and every entry of it is a page.
nav=$(sed -nE 's/^ +- .*: ([^ ]+\.md)$/\1/p' mkdocs.yml | sort)
pages=$(cd docs && find . -name '*.md' -not -path './decisions/*' | sed 's,^\./,,' | sort)
if ! diff <(printf '%s\n' "$nav" | grep -v '^decisions/') <(printf '%s\n' "$pages"); then
  echo "error: mkdocs.yml: its navigation (<) and the pages in docs (>) differ"
  status=1
fi

# Relative links lead to a file.
while IFS=: read -r page link; do
  target=${link#*](}
  target=${target%%[)#]*}
  case $target in '' | http://* | https://* | mailto:*) continue ;; esac
  if [ ! -e "$(dirname "$page")/$target" ]; then
    echo "error: $page: link to $target, expected a file"
    status=1
  fi
done < <(find . -maxdepth 1 -name '*.md' -print0 >"$tmp/pages" &&
  find docs -name '*.md' -print0 >>"$tmp/pages" &&
  xargs -0 grep -oHE '\]\([^) ]+\)' <"$tmp/pages")
exit $status
