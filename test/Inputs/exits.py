"""exits.py CODE COMMAND...: runs the command; fails unless it exits with CODE."""

import subprocess
import sys

expected = int(sys.argv[1])
actual = subprocess.run(sys.argv[2:]).returncode
if actual != expected:
    sys.exit(f"exits.py: exit code {actual}, expected {expected}: {sys.argv[2:]}")
