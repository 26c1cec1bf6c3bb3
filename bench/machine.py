"""What a table of times must say about the machine, and what makes it doubtful."""
import os
import pathlib
import platform


def read(path):
    try:
        return pathlib.Path(path).read_text()
    except OSError:
        return ""


def describe():
    info = read("/proc/cpuinfo")
    model = next(
        (line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name")),
        platform.machine(),
    )
    flags = next((line.split() for line in info.splitlines() if line.startswith("flags")), [])
    known = [name for name in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16") if name in flags]
    count = len(os.sched_getaffinity(0))
    return f"{model}, {count} processors, {' '.join(known)}; Linux {platform.release()}"


def get_load():
    return os.getloadavg()[0]


def get_quota():
    """Processors that the control group of the root mount allows, or None."""
    words = read("/sys/fs/cgroup/cpu.max").split()
    if not words:
        folder = "/sys/fs/cgroup/cpu/cpu.cfs_"
        words = (read(folder + "quota_us") + " " + read(folder + "period_us")).split()
    if len(words) != 2 or words[0] in ("max", "-1"):
        return None
    return int(words[0]) / int(words[1])


def find_warnings(threads):
    warnings = []
    if get_load() > 0.5:
        warnings.append(f"load average {get_load():.2f} at the start: other work runs here")
    quota, count = get_quota(), len(os.sched_getaffinity(0))
    if quota is not None and quota < threads:
        warnings.append(f"{threads} threads, and a quota of {quota:.2f} processors")
    if threads > count:
        warnings.append(f"{threads} threads on {count} usable processors")
    return warnings
