"""Starts ranks under each flavour of MPI, and sees how they end."""

import concurrent.futures
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

# Flavour: launcher, option, and the name of its library.
FLAVOURS = {
    "openmpi4": ("mpirun.openmpi", ["--oversubscribe"], "libmpi.so.40"),
    "openmpi5": ("{}/openmpi/bin/mpirun", ["--oversubscribe"], "libmpi.so.40"),
    "mpich4": ("mpirun.mpich", [], "libmpich.so.12"),
    "mpich5": ("{}/mpich/bin/mpiexec", [], "libmpi.so.12"),
}

# MPICH 4 when its launcher leaves the others alone after one has ended.
PATIENT = "mpich4-patient"
LAUNCHERS = {
    **FLAVOURS,
    PATIENT: ("mpirun.mpich", ["-disable-auto-cleanup"], "libmpich.so.12"),
}

# Open MPI asks before it starts anything as root.
AS_ROOT = {
    prefix + "_ALLOW_RUN_AS_ROOT" + suffix: "1"
    for prefix in ("OMPI", "PRTE")
    for suffix in ("", "_CONFIRM")
}

# An error of ours, as it stands on a line of its own.
ERROR = re.compile(r"^error: .*$", re.MULTILINE)


def get_launcher(flavour, folder):
    """The command line of a flavour's launcher. Ends the test without it."""
    name, options, _ = LAUNCHERS[flavour]
    path = shutil.which(name.format(folder))
    if not path:
        sys.exit(
            f"{flavour}: {name.format(folder)} is not there; utils/setup.sh "
            f"installs Debian's, utils/fetch-mpi.sh {folder} the other two"
        )
    return [path, *options]


class Job:
    """Ranks that one launcher has started.

    `parts` are pairs: a number of ranks, and their command line.
    """

    def __init__(self, flavour, mpi, parts, env=None, stdin=subprocess.DEVNULL):
        self.launcher = get_launcher(flavour, mpi)
        self.flavour = flavour
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lamina-mpi-"))
        # Processes of this job have this in their environment.
        self.mark = f"LAMINA_TEST_JOB={self.folder}".encode() + b"\0"
        record = os.path.join(os.path.dirname(__file__), "record-exit.sh")
        command = list(self.launcher)
        for i, (count, part) in enumerate(parts):
            command += [":"] if i else []
            command += ["-n", str(count), record, *map(str, part)]
        self.out, self.err = self.folder / "out", self.folder / "err"
        environment = {**os.environ, **AS_ROOT, **(env or {})}
        environment["LAMINA_TEST_JOB"] = str(self.folder)
        with open(self.out, "w") as out, open(self.err, "w") as err:
            self.process = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=out,
                stderr=err,
                env=environment,
                start_new_session=True,
            )

    def find(self):
        """Its processes that have not ended: (id, rank or None, name)."""
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                with open(f"/proc/{entry}/environ", "rb") as file:
                    text = file.read()
                with open(f"/proc/{entry}/stat") as file:
                    name, rest = file.read().split("(", 1)[1].rsplit(")", 1)
            except OSError:
                continue  # it has ended, or is another user's
            if self.mark in text and rest.split()[0] != "Z":
                rank = re.search(rb"\0(?:OMPI_COMM_WORLD|PMI)_RANK=(\d+)\0", text)
                found.append((int(entry), rank and int(rank[1]), name))
        return found

    def find_rank(self, rank, command):
        """The process of a rank itself, not the script around it; None if it is
        not there."""
        name = os.path.basename(command)[:15]
        for process, number, found in self.find():
            if number == rank and found == name:
                return process
        return None

    def is_gone(self):
        return self.process.poll() is not None and not self.find()

    def wait(self, seconds):
        """Waits until all its processes have ended; False if they do not."""
        end = time.monotonic() + seconds
        while not self.is_gone():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def kill(self):
        while not self.is_gone():
            for process, _, _ in self.find():
                try:
                    os.kill(process, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.02)

    def remove(self):
        self.kill()
        shutil.rmtree(self.folder)

    def text(self):
        """What the ranks and the launcher have said; MPICH's says on standard
        output how a rank has ended."""
        return "".join(
            path.read_text(errors="replace") for path in (self.err, self.out)
        )

    def errors(self):
        """Our own errors; what launchers say is theirs."""
        return ERROR.findall(self.text())

    def exits(self):
        """Exit codes of the ranks that could leave one; one above 128 is of a
        signal."""
        return {
            int(path.suffix[1:]): int(path.read_text() or -1)
            for path in sorted(self.folder.glob("exit.*"))
        }


def run(flavour, mpi, parts, seconds=30, **options):
    """A job that must end within this time. Whoever calls removes it."""
    job = Job(flavour, mpi, parts, **options)
    if not job.wait(seconds):
        said = job.text()
        job.remove()
        sys.exit(f"{flavour}: {parts}: still there after {seconds} s\n{said}")
    return job


def run_all(function, *arguments, together=True):
    """Calls it for each flavour, and returns what it returns."""
    with concurrent.futures.ThreadPoolExecutor(4 if together else 1) as pool:
        return list(pool.map(lambda flavour: function(flavour, *arguments), FLAVOURS))
