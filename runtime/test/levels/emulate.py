#!/usr/bin/env python3
"""Runs a static x86-64 Linux program on an emulated processor (Bochs).

  emulate.py --hooks LIBRARY [--cpu MODEL] [--memory MIB] [--env NAME=VALUE...]
             [--count PREFIX] PROGRAM [ARGUMENT...]

MODEL is nehalem (x86-64-v2), haswell (v3), skylake_x (v4) or sapphire_rapids
(v4 with VNNI and BF16, the default). With --count, a table of the EVEX
instructions that were executed in functions whose mangled name begins with
PREFIX goes to standard error: opcode map, prefix, opcode, count.

One thread, and files to read: enough of Linux for a static program that computes.
Its environment is what --env says. It is about 50 times slower than a processor, and says nothing about
speed. Exit: that of the program; 128 + the signal that an exception would have
raised; 2 usage; 3 no static program; 5 it cannot be read; 6 too little memory.

It needs the package bochscpu-python (utils/fetch-bochscpu.sh), and LIBRARY is
EmulatorHooks.cpp.
"""

import argparse
import ctypes
import mmap
import os
import struct
import sys

from guest import GuestError, Memory, load_program, make_stack
from guest_linux import Linux

# name: what Bochs calls it, XCR0 (0: it has none).
MODELS = {
    "nehalem": ("corei5_lynnfield_750", 0),
    "haswell": ("corei7_haswell_4770", 0x7),
    "skylake_x": ("corei7_skylake_x", 0xE7),
    "sapphire_rapids": ("sapphire_rapids", 0xE7),
}
EXCEPTIONS = {  # vector: name, signal
    0: ("division error", 8),
    3: ("breakpoint", 5),
    6: ("invalid instruction", 4),
    13: ("general protection fault", 11),
    14: ("page fault", 11),
    16: ("x87 error", 8),
    17: ("misaligned access", 7),
    19: ("SIMD exception", 8),
}
CR0 = 0x80050033  # paging, write protection, native errors, protected mode
CR4 = 0x620  # physical addresses of 64 bits, SSE
CR4_XSAVE = 1 << 18
EFER = 0xD01  # long mode, no-execute, system calls
SYSRET = bytes([0x48, 0x0F, 0x07])


class Emulator:
    """A processor, its memory, and the kernel that a program sees."""

    def __init__(self, arguments):
        self.hooks = ctypes.CDLL(arguments.hooks, ctypes.RTLD_GLOBAL)
        import bochscpu.memory  # after the hooks, so that its calls lead there

        self.bochscpu = bochscpu
        self.library = ctypes.CDLL(bochscpu._bochscpu.__file__)
        self.name = arguments.program
        self.exception = None
        self.failure = None
        self.exit_code = None
        model, self.xcr0 = MODELS[arguments.cpu]
        function = f"create_{model}_cpuid"
        self.set_pointer(
            "hooks_make_cpu",
            getattr(self.library, f"_Z{len(function)}{function}P8BX_CPU_C"),
        )
        self.set_pointer("hooks_get_pc", self.library.cpu_get_pc)
        self.library.cpu_get_reg64.restype = ctypes.c_uint64
        self.library.cpu_get_pc.restype = ctypes.c_uint64
        self.library.cpu_get_cr2.restype = ctypes.c_uint64
        # Kept, since the library keeps no reference.
        self.callbacks = [
            ctypes.CFUNCTYPE(None)(self.on_system_call),
            ctypes.CFUNCTYPE(None, ctypes.c_uint, ctypes.c_uint)(self.on_exception),
        ]
        self.set_pointer("hooks_system_call", self.callbacks[0])
        self.set_pointer("hooks_exception", self.callbacks[1])

        self.session = bochscpu.Session()
        self.session.missing_page_handler = self.on_missing_page
        self.memory = Memory(arguments.memory << 20)
        for address in range(0, self.memory.total, mmap.PAGESIZE):
            bochscpu.memory.page_insert(address, self.memory.base + address)
        self.set_hook("hooks_memory", self.memory.base)
        self.set_hook("hooks_memory_bytes", self.memory.total)
        self.set_hook("hooks_handler", self.memory.handler)

    def set_hook(self, name, value):
        ctypes.c_uint64.in_dll(self.hooks, name).value = value

    def set_pointer(self, name, function):
        self.set_hook(name, ctypes.cast(function, ctypes.c_void_p).value)

    def count_in(self, program, prefix):
        """Counts EVEX instructions in functions of this name only."""
        found = sorted(
            (begin, begin + size)
            for name, begin, size in program.functions
            if name.startswith(prefix)
        )
        if not found:
            raise GuestError(f"{self.name}: functions named {prefix}...: none")
        ranges = []
        for begin, end in found:
            if ranges and begin < ranges[-1][1]:
                ranges[-1][1] = max(end, ranges[-1][1])
            else:
                ranges.append([begin, end])
        flat = [address for pair in ranges for address in pair]
        self.ranges = (ctypes.c_uint64 * len(flat))(*flat)
        self.set_hook("hooks_ranges", ctypes.addressof(self.ranges))
        self.set_hook("hooks_num_ranges", len(ranges))

    def make_state(self, entry, stack):
        state = self.bochscpu.State()
        state.cr0, state.cr4, state.efer = CR0, CR4, EFER
        state.cr3 = self.memory.page_tables
        if self.xcr0:
            state.cr4 |= CR4_XSAVE
            state.xcr0 = self.xcr0
        state.mxcsr, state.mxcsr_mask = 0x1F80, 0xFFFF
        state.fpcw, state.fptw = 0x37F, 0xFFFF
        state.rflags = 0x202
        state.rip, state.rsp = entry, stack
        # SYSCALL takes CS 0x10, SYSRET gives CS 0x33 and SS 0x2b back.
        state.star = 0x23 << 48 | 0x10 << 32
        state.lstar = self.memory.handler
        state.sfmask = 0x700
        state.cs = self.make_segment(0x33, 0xA0FB)
        data = self.make_segment(0x2B, 0xCF3)
        state.ss = state.ds = state.es = state.fs = state.gs = data
        return state

    def make_segment(self, selector, attributes):
        segment = self.bochscpu.Segment()
        segment.present = True
        segment.selector = selector
        segment.limit = 0xFFFFFFFF
        segment.attr = attributes
        return segment

    def run(self, program, arguments, environment):
        self.program = program
        self.linux = Linux(self.memory, program.end, self.set_fs_base)
        # on_system_call does the work just before.
        self.memory.write(self.memory.handler, SYSRET)
        stack = make_stack(self.memory, program, arguments, environment)
        self.session.cpu.state = self.make_state(program.entry, stack)
        self.session.run([])
        sys.stdout.flush()
        if self.failure:
            raise self.failure
        if self.exception:
            return self.report_exception()
        return self.exit_code

    def set_fs_base(self, base):
        segment = self.session.cpu.fs
        segment.base = base
        self.session.cpu.fs = segment

    def on_missing_page(self, address):
        self.failure = GuestError(f"{self.name}: physical address {address:#x}: none")
        self.session.stop()

    def on_system_call(self):
        # rax, rdi, rsi, rdx, r10, r8, r9
        values = [self.library.cpu_get_reg64(0, r) for r in (0, 7, 6, 2, 10, 8, 9)]
        try:
            result = self.linux.call(values[0], values[1:])
            if self.linux.exit_code is not None:
                self.exit_code = self.linux.exit_code
                self.session.stop()
            self.session.cpu.rax = result & 0xFFFFFFFFFFFFFFFF
        except Exception as error:  # must not leave a callback
            self.failure = error
            self.session.stop()

    def on_exception(self, vector, error):
        # The faults of the handler that is not there come after the first.
        if self.exception is None:
            self.exception = (
                vector,
                self.library.cpu_get_pc(0),
                self.library.cpu_get_cr2(0),
            )
        self.session.stop()

    def report_exception(self):
        vector, pc, address = self.exception
        name, signal = EXCEPTIONS.get(vector, (f"exception {vector}", 11))
        where = f"{pc:#x} in {self.program.find_function(pc)}"
        if vector == 14:
            where += f", of address {address:#x}"
        if vector == 6:
            where += f", bytes {self.memory.read(pc, 12).hex(' ')}"
        print(f"error: {self.name}: {name} at {where}", file=sys.stderr)
        for number in sorted(self.linux.unknown):
            print(f"note: system call {number} is not there", file=sys.stderr)
        return 128 + signal

    def print_counts(self):
        counts = (ctypes.c_uint64 * (8 * 4 * 256)).in_dll(self.hooks, "hooks_evex")
        total = ctypes.c_uint64.in_dll(self.hooks, "hooks_instructions").value
        lines = [f"instructions {total}", f"evex {sum(counts)}"]
        for index, count in enumerate(counts):
            if count:
                prefix = ("none", "66", "f3", "f2")[index >> 8 & 3]
                lines.append(
                    f"evex map {index >> 10} prefix {prefix} "
                    f"opcode {index & 255:02x} {count}"
                )
        print("\n".join(lines), file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--hooks", required=True)
    parser.add_argument("--cpu", choices=MODELS, default="sapphire_rapids")
    parser.add_argument("--memory", type=int, default=256)
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--count")
    parser.add_argument("program")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    try:
        emulator = Emulator(arguments)
        program = load_program(emulator.memory, arguments.program)
        if arguments.count is not None:
            emulator.count_in(program, arguments.count)
        code = emulator.run(program, arguments.arguments, arguments.env)
        if arguments.count is not None:
            emulator.print_counts()
    except GuestError as error:
        print(f"error: {error}", file=sys.stderr)
        code = error.exit_code
    sys.stdout.flush()
    sys.stderr.flush()
    # The library's destructors free what they did not allocate.
    os._exit(code)


if __name__ == "__main__":
    main()
