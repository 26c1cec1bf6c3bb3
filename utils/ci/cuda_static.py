#!/usr/bin/env python3
"""Checks what can be known of the CUDA plugin without a GPU.

Usage: utils/ci/cuda_static.py BUILD [--table]

Of each kernel and architecture, from what ptxas said: no stack frame, no
spills, at most the registers stated here; from its machine code: loads and
stores of 128 bits where rows are read and written. Of kernels that wait for
other ranks: flags are stored with release and loaded with acquire at system
scope, and as many blocks as a launch may have are resident together. Of the
library: what it asks for, what it exports, that it holds PTX, and that
docs/CudaEntryPoints.md lists just the functions of CUDA's libraries that it
calls. With --table, prints the table of kernels for that page.
"""
import collections
import pathlib
import re
import subprocess
import sys

import cubins

# Kernels that wait for other ranks, and those whose loops go over rows.
WAITING = {"oneShotKernel", "twoShotKernel"}
ROW_KERNELS = WAITING | {"addKernel", "convertKernel", "residualRmsNormKernel", "siluMulKernel"}

# Registers of a thread, at most: what keeps enough warps on a multiprocessor.
MOST_REGISTERS = 96

ENTRY = re.compile(r"Compiling entry function '(\S+)' for '(sm_\d+)'")
FRAME = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
REGISTERS = re.compile(r"Used (\d+) registers")
SHARED = re.compile(r"(\d+) bytes smem")
Kernel = collections.namedtuple("Kernel", "name arch registers stack spills shared mangled")
NEEDED = {"libcudart.so.13", "libcublas.so.13", "libcublasLt.so.13", "libnccl.so.2"}
SYSTEM = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "ld-linux-x86-64.so.2"}


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def tool(name):
    return f"/usr/lib/llvm-22/bin/{name}" if pathlib.Path(f"/usr/lib/llvm-22/bin/{name}").exists() else name


def demangle(name):
    text = run("c++filt", name).strip()
    text = re.sub(r"lamina::cuda::|\(anonymous namespace\)::|void ", "", text)
    return text.split("(")[0].replace("<0>", " f32").replace("<1>", " f16").replace("<2>", " bf16")


def read_kernels(build):
    """What ptxas said of each kernel and architecture."""
    rows = []
    for log in sorted(build.glob("runtime/src/cuda/*.ptxas")):
        text = log.read_text()
        for part in text.split("ptxas info    : Compiling")[1:]:
            entry = ENTRY.search("Compiling" + part)
            frames, registers = FRAME.findall(part), REGISTERS.search(part)
            if not entry or not frames or not registers:
                continue
            stack, *spills = (max(int(frame[i]) for frame in frames) for i in range(3))
            shared = SHARED.search(part)
            rows.append(Kernel(demangle(entry[1]), entry[2], int(registers[1]), stack, sum(spills), int(shared[1]) if shared else 0, entry[1]))
    return sorted(rows)


def check_kernels(rows, errors):
    if not rows:
        errors.append("no kernels: ptxas said nothing")
    for kernel in rows:
        what = f"{kernel.name} on {kernel.arch}"
        if kernel.stack or kernel.spills:
            errors.append(f"{what}: stack {kernel.stack}, spills {kernel.spills} bytes, expected 0")
        if kernel.registers > MOST_REGISTERS:
            errors.append(f"{what}: {kernel.registers} registers, expected at most {MOST_REGISTERS}")


def check_accesses(rows, content, errors):
    """Returns (loads, stores) of 128 bits of each row."""
    found, wide = cubins.count_accesses(content), []
    for kernel in rows:
        counts = found.get((kernel.mangled, kernel.arch), {})
        wide.append((counts.get((cubins.LOAD, 16), 0), counts.get((cubins.STORE, 16), 0)))
        if kernel.name in ROW_KERNELS and 0 in wide[-1]:
            errors.append(f"{kernel.name} on {kernel.arch}: {wide[-1]} loads and stores of 128 bits, expected some")
    return wide


def read_most_blocks(root):
    text = (root / "runtime/src/cuda/Kernels.h").read_text()
    return int(re.search(r"kMaxMeetingBlocks = (\d+);", text)[1])


def count_resident(build, kernel, threads):
    """Blocks on one multiprocessor, and on the device."""
    line = f"{kernel.arch} {kernel.registers} {threads} {kernel.shared}\n"
    each, devices = map(int, subprocess.run(build / "runtime/src/cuda/cuda-occupancy", input=line, capture_output=True, text=True, check=True).stdout.split())
    return each, each * devices


def check_waiting(build, root, rows, content, errors):
    ptx = {demangle(name): text for name, text in cubins.read_ptx(content).items()}
    waiting = {name for name, text in ptx.items() if "ld.acquire.sys" in text}
    if waiting != WAITING:
        errors.append(f"kernels that load flags: {sorted(waiting)}, expected {sorted(WAITING)}")
    for name in sorted(waiting & WAITING):
        stores = len(re.findall(r"st\.release\.sys\.global\.u32", ptx[name]))
        # A barrier before, and one after.
        if stores != 2:
            errors.append(f"{name}: {stores} stores of flags with release at system scope, expected 2")
    most = read_most_blocks(root)
    for kernel in rows:
        if kernel.name not in WAITING:
            continue
        threads = int(re.search(r"\.maxntid (\d+)", find_directives(content, kernel.mangled))[1])
        _, resident = count_resident(build, kernel, threads)
        if resident < most:
            errors.append(f"{kernel.name} on {kernel.arch}: {resident} blocks are resident, expected {most}")


def find_directives(content, mangled):
    """What stands between the parameters and the body of a PTX entry."""
    entry = re.search(rf"\.entry {mangled}\(.*?\n\)(.*?)\n{{\n", content.decode("latin-1"), re.S)
    return entry[1] if entry else ""


def check_library(library, page, errors):
    dynamic = run(tool("llvm-readelf"), "-d", str(library))
    needed = set(re.findall(r"NEEDED.*\[(.*)\]", dynamic))
    if not NEEDED <= needed or needed - NEEDED - SYSTEM:
        errors.append(f"needs {sorted(needed)}, expected {sorted(NEEDED)} and libc")
    if re.search("RPATH|RUNPATH", dynamic):
        errors.append("has a path of its own for libraries")
    exported = run(tool("llvm-nm"), "-D", "--defined-only", str(library)).split()[2::3]
    if exported != ["lamrt_cuda_backend"]:
        errors.append(f"exports {exported}, expected lamrt_cuda_backend alone")
    content = library.read_bytes()
    for text in (b".target sm_90", b".entry "):
        if text not in content:
            errors.append(f"holds no PTX that can be read: {text.decode()}")
    called = re.findall(r" U ((?:cuda|cublas|nccl|__cuda)\w+)", run(tool("llvm-nm"), "-D", "--undefined-only", str(library)))
    called = {name for name in called if not name.startswith("__cuda")}
    listed = set(re.findall(r"^\| `(\w+)`", page.read_text(), re.M))
    for name in sorted(called - listed):
        errors.append(f"{page.name}: {name} is called and not listed")
    for name in sorted(listed - called):
        errors.append(f"{page.name}: {name} is listed and not called")


def main():
    build = pathlib.Path(sys.argv[1])
    root = pathlib.Path(__file__).resolve().parents[2]
    rows, errors = read_kernels(build), []
    library = build / "lib/lamina/liblamina_cuda.so"
    content = library.read_bytes()
    wide = check_accesses(rows, content, errors)
    if "--table" in sys.argv:
        print("| kernel | architecture | registers | stack, spills | loads, stores of 128 bits |\n|---|---|---|---|---|")
        for kernel, (loads, stores) in zip(rows, wide):
            print(f"| {kernel.name} | {kernel.arch} | {kernel.registers} | {kernel.stack}, {kernel.spills} | {loads}, {stores} |")
        return 0
    check_kernels(rows, errors)
    check_waiting(build, root, rows, content, errors)
    check_library(library, root / "docs/CudaEntryPoints.md", errors)
    for error in errors:
        print(f"error: {error}")
    print(f"{len(rows)} kernels, {len(errors)} errors")
    return bool(errors)


if __name__ == "__main__":
    sys.exit(main())
