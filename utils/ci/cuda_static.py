#!/usr/bin/env python3
"""Checks what can be known of the CUDA plugin without a GPU.

Usage: utils/ci/cuda_static.py BUILD [--table]

Of each kernel and architecture, from what ptxas said: no stack frame, no
spills, at most the registers stated here. Of the library: what it asks for,
what it exports, that it holds PTX, and that docs/CudaEntryPoints.md lists just
the functions of CUDA's libraries that it calls. With --table, prints the table
of kernels for that page.
"""
import pathlib
import re
import subprocess
import sys

# Registers of a thread, at most: what keeps enough warps on a multiprocessor.
MOST_REGISTERS = 96

ENTRY = re.compile(r"Compiling entry function '(\S+)' for '(sm_\d+)'")
FRAME = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
REGISTERS = re.compile(r"Used (\d+) registers")
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
    """Rows of (kernel, architecture, registers, stack, spills)."""
    rows = []
    for log in sorted(build.glob("runtime/src/cuda/*.ptxas")):
        text = log.read_text()
        for part in text.split("ptxas info    : Compiling")[1:]:
            entry = ENTRY.search("Compiling" + part)
            frames, registers = FRAME.findall(part), REGISTERS.search(part)
            if not entry or not frames or not registers:
                continue
            stack, *spills = (max(int(frame[i]) for frame in frames) for i in range(3))
            rows.append((demangle(entry[1]), entry[2], int(registers[1]), stack, sum(spills)))
    return sorted(rows)


def check_kernels(rows, errors):
    if not rows:
        errors.append("no kernels: ptxas said nothing")
    for kernel, arch, registers, stack, spills in rows:
        if stack or spills:
            errors.append(f"{kernel} on {arch}: stack {stack}, spills {spills} bytes, expected 0")
        if registers > MOST_REGISTERS:
            errors.append(f"{kernel} on {arch}: {registers} registers, expected at most {MOST_REGISTERS}")


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
    if "--table" in sys.argv:
        print("| kernel | architecture | registers | stack, spills |\n|---|---|---|---|")
        for kernel, arch, registers, stack, spills in rows:
            print(f"| {kernel} | {arch} | {registers} | {stack}, {spills} |")
        return 0
    check_kernels(rows, errors)
    check_library(build / "lib/lamina/liblamina_cuda.so", root / "docs/CudaEntryPoints.md", errors)
    for error in errors:
        print(f"error: {error}")
    print(f"{len(rows)} kernels, {len(errors)} errors")
    return bool(errors)


if __name__ == "__main__":
    sys.exit(main())
