#!/bin/sh
# record-exit.sh COMMAND...: runs a rank, and leaves its exit code in a file.
# Ends as the command does, with its code or by its signal.
"$@"
code=$?
echo $code > "$LAMINA_TEST_JOB/exit.${OMPI_COMM_WORLD_RANK:-$PMI_RANK}"
[ $code -gt 128 ] && kill -$((code - 128)) $$
exit $code
