#!/usr/bin/env bash
# Each op has an example that is a test; each constraint (Cn) has a negative test.
exec python3 "$(dirname "${BASH_SOURCE[0]}")/constraints.py"
