"""signals.py MPI PROGRAM: a rank of a long run is lost to a signal, under each flavour.

Rank 1 is killed, or stopped, in the middle of collectives, or is another program
from the start. All processes must be gone two seconds after the time limit, the
survivors with 7; without a limit they stay when rank 1 is stopped.
"""

import os
import re
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
import mpi

TICKS = os.sysconf("SC_CLK_TCK")
BUSY = 0.5  # seconds of processor time after which it runs steps


def start(flavour, folder, program, limit):
    """A long run, and the process of its rank 1, once it is at work. Open MPI 5
    holds its output back: only the time that it has used tells."""
    command = [program, "--bench", "--bench-repeat", "1000", "--comm-timeout"]
    job = mpi.Job(flavour, folder, [(2, [*command, limit])])
    end = time.monotonic() + 20
    while time.monotonic() < end and job.process.poll() is None:
        victim = job.find_rank(1, program)
        try:
            with open(f"/proc/{victim}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            if (int(fields[11]) + int(fields[12])) / TICKS > BUSY:
                return job, victim
        except OSError:
            pass
        time.sleep(0.01)
    said = job.text()
    job.remove()
    sys.exit(f"{flavour}: did not come to work\n{said}")


def finish(job, what, seconds, guilty, pattern):
    """Whether it ends as it must."""
    begin = time.monotonic()
    gone = job.wait(seconds)
    taken = time.monotonic() - begin
    exits, said, left = job.exits(), job.text(), job.find()
    print(
        f"{what:8} {job.flavour:9} {taken:4.1f} s  launcher {job.process.poll()!s:4} "
        f"ranks {' '.join(f'{k}:{v}' for k, v in exits.items()) or 'none'}"
    )
    wrong = [] if gone else [f"still there: {left}"]
    wrong += [
        f"rank {rank} has ended with {code}"
        for rank, code in exits.items()
        if code not in {7, 134, 137, 143} and rank != guilty
    ]
    if pattern and not any(re.search(pattern, line) for line in job.errors()):
        wrong.append(f"not said: {pattern}")
    job.remove()
    if wrong:
        print(*wrong, said, sep="\n")
    return not wrong


def check(flavour, folder, program):
    good = []
    job, victim = start(flavour, folder, program, "1")
    os.kill(victim, signal.SIGKILL)
    good.append(finish(job, "SIGKILL", 3, 1, None))
    job, victim = start(flavour, folder, program, "1")
    os.kill(victim, signal.SIGSTOP)
    good.append(finish(job, "SIGSTOP", 3, 1, r"waited 1000 ms in .*for rank 1$"))
    return all(good)


def check_other(flavour, folder, program):
    """Rank 1 never comes to MPI. The start has five time limits."""
    command = [program, "--ids", "1", "-n", "3", "--comm-timeout", "1"]
    parts = [(1, command), (1, ["/bin/sleep", "100"]), (1, command)]
    job = mpi.Job(flavour, folder, parts)
    # The launcher may take a while before it starts them.
    said = r"mpi: rank \d waited 5000 ms for the 3 processes"
    return finish(job, "sleep", 5 + 2 + 2, 1, said)


def hangs(flavour, folder, program):
    job, victim = start(flavour, folder, program, "3600")
    os.kill(victim, signal.SIGSTOP)
    hung = not job.wait(2)
    if not hung:
        print(f"SIGSTOP under {flavour} without a limit: has ended\n{job.text()}")
    job.remove()
    return hung


def main():
    folder, program = sys.argv[1:]
    good = all(mpi.run_all(check, folder, program, together=False))
    good &= all(mpi.run_all(check_other, folder, program))
    good &= all(mpi.run_all(hangs, folder, program))
    sys.exit(not good)


main()
