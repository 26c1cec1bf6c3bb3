#!/usr/bin/env python3
"""Reads lit's JSON results: prints what did not pass, then the totals."""
import json
import sys

# A test that is expected to fail and does has passed; one that is excluded was
# left out by a filter. Every other code than these is a failure: FAIL, XPASS,
# UNRESOLVED, TIMEOUT, FLAKYPASS, and what a later lit may add.
PASSED = {"PASS", "XFAIL"}
SKIPPED = {"UNSUPPORTED"}
NOT_RUN = {"EXCLUDED"}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        tests = json.load(file)["tests"]
    tests = [test for test in tests if test["code"] not in NOT_RUN]
    # With its cases in the list, the entry of a whole test program has no code
    # of its own worth counting.
    skipped = [test for test in tests if test["code"] in SKIPPED]
    failed = [test for test in tests if test["code"] not in PASSED | SKIPPED]
    for test in skipped:
        print(f"skipped: {test['name']}")
    for test in sorted(failed, key=lambda test: test["name"]):
        print(f"{test['code']}: {test['name']}")
        print("  " + test.get("output", "").strip().replace("\n", "\n  "))
    passed = len(tests) - len(skipped) - len(failed)
    print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
