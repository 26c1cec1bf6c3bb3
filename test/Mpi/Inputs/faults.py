"""faults.py MPI PROGRAM FAULT...: one rank of three does wrong, under each flavour.

Fails unless the fault fired, all processes have ended two seconds after a limit
of one, every rank that the launcher did not kill has ended with 7 (or, if it is
the guilty one and knows it, with its own status), the guilty rank is named
(unless the launcher kills the others first), and no unfinished file is left.
Where a rank stalls, the same without a limit must not end. Prints what each rank and launcher has ended with.
"""

import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
import mpi

GUILTY = 1
LIMIT = 1  # seconds
START_LIMITS = 5  # time limits that the start of MPI may take
HANG = 2  # seconds

# Fault: whether the guilty rank waits for ever, its own exit code, and what we
# say of it. None: the launcher may be the only one that says anything.
FAULTS = {
    "stalls-at-the-start": (True, None, r"collective 11, all_reduce.* for rank 1$"),
    "stalls-before": (True, None, r"collective 11, all_reduce.* for rank 1$"),
    "stalls-at-the-end": (True, None, r"the end of the step, for rank 1$"),
    "is-stopped-before": (True, None, r"collective 11, all_reduce.* for rank 1$"),
    "fails-inside": (False, 3, r"rank 1: program: weight -5 of 14$"),
    "returns-error": (False, 6, r"rank 1: program: its code ended with status 6$"),
    "does-not-end": (False, 1, r"rank 1: program: its code did not end the step$"),
    "skips": (False, 7, r"came to collective 11 with .*rank"),
    "swaps-two": (False, 7, r"came to collective 11 with .*rank"),
    "other-shape": (False, 7, r"came to collective 11 with .*rank"),
    "other-type": (False, 7, r"gather of 1 x 512 bf16"),
    "other-argument": (False, 7, r"collective 12 with .*and other arguments$"),
    "dies-before": (False, 137, None),
    "exits-before": (False, 0, None),
    "dies-at-once": (False, 137, None),
    "exits-at-once": (False, 0, None),
    "dies-after": (False, 137, None),
}

# How launchers name a process that has ended.
BY_LAUNCHER = re.compile(rf"\b(rank|RANK) {GUILTY}\b|Process name: \S*[,@]{GUILTY}\b")


def start(flavour, folder, program, fault, limit):
    fired = os.path.join(os.getcwd(), f"{fault}.{flavour}.{limit}.fired")
    dump = os.path.join(os.getcwd(), f"{fault}.{flavour}.{limit}.dump")
    for path in (fired, dump):
        if os.path.exists(path):
            os.remove(path)
    env = {"LAMINA_FAULT": fault, "LAMINA_FAULT_STEP": "3", "LAMINA_FAULT_FILE": fired}
    if fault == "dies-after":
        env["LAMINA_FAULT_STEP"] = "4"  # the last one
    command = [program, "--ids", "1 2 3 4", "--chunk", "1", "--dump", dump]
    command += ["--comm-timeout", limit]
    job = mpi.Job(flavour, folder, [(3, command)], env=env)
    end = time.monotonic() + 20
    while not os.path.exists(fired):
        if time.monotonic() > end or job.process.poll() is not None:
            job.kill()
            sys.exit(f"{fault} under {flavour}: has not fired\n{job.text()}")
        time.sleep(0.005)
    return job, dump


def get_namer(job):
    """Who has named the guilty rank."""
    if any(f"rank {GUILTY}" in line for line in job.errors()):
        return "us"
    return "launcher" if BY_LAUNCHER.search(job.text()) else "nobody"


def may_be_silent(job, fault):
    """True if the launcher has killed the others before they could say anything:
    MPICH's does when a process ends, and names one of those that it killed;
    Open MPI 4's names none that has ended before it came to MPI. A rank that
    never comes to MPI is not known to the others by its number."""
    if FAULTS[fault][2]:
        return False
    return job.flavour in ("mpich4", "mpich5") or fault.endswith("-at-once")


def check(job, fault, dump, gone):
    """What is wrong with how the job has ended, as lines."""
    waits, own, said = FAULTS[fault]
    wrong = []
    if not gone:
        wrong.append(f"still there: {job.find()}")
    for rank, code in job.exits().items():
        # By SIGKILL, SIGTERM or SIGABRT it is the launcher's doing.
        allowed = {7, 137, 143, 134}
        if rank == GUILTY and own is not None:
            allowed.add(own)
        if code not in allowed:
            wrong.append(f"rank {rank} has ended with {code}")
    if said and not any(re.search(said, line) for line in job.errors()):
        wrong.append(f"not said: {said}")
    if get_namer(job) == "nobody" and not may_be_silent(job, fault):
        wrong.append(f"rank {GUILTY} is not named")
    # Also when a rank dies after the last step: the ranks meet before it is written.
    if os.path.exists(dump):
        wrong.append(f"{os.path.basename(dump)} is there")
    return wrong


def run_limited(flavour, folder, program, fault):
    """Returns what is wrong."""
    job, dump = start(flavour, folder, program, fault, LIMIT)
    begin = time.monotonic()
    limits = START_LIMITS if fault.endswith("-at-once") else 1
    gone = job.wait(limits * LIMIT + 2)
    seconds = time.monotonic() - begin
    wrong = check(job, fault, dump, gone)
    codes = " ".join(f"{rank}:{code}" for rank, code in job.exits().items())
    print(
        f"{fault:20} {flavour:9} {seconds:4.1f} s  launcher "
        f"{job.process.poll()!s:4} ranks {codes or 'none'}, "
        f"named by {get_namer(job)}"
    )
    if wrong:
        print(*wrong, job.text(), sep="\n")
    job.remove()
    return wrong


def hangs(flavour, folder, program, fault):
    """Without a limit: whether they are still there after some time."""
    job, _ = start(flavour, folder, program, fault, 3600)
    hung = not job.wait(HANG)
    if not hung:
        print(f"{fault} under {flavour} without a limit: has ended\n{job.text()}")
    job.remove()
    return hung


def main():
    folder, program, *faults = sys.argv[1:]
    is_wrong = False
    for fault in faults:
        arguments = (folder, program, fault)
        # Those of the start wait for five limits.
        is_start = fault.endswith("-at-once")
        is_wrong |= any(mpi.run_all(run_limited, *arguments, together=is_start))
        # When a rank is killed, this launcher may crash.
        if fault == "exits-before":
            is_wrong |= bool(run_limited(mpi.PATIENT, *arguments))
        if FAULTS[fault][0]:
            is_wrong |= not all(mpi.run_all(hangs, *arguments))
    sys.exit(is_wrong)


main()
