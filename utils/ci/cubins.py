"""Reads the machine code and the PTX that a library holds for GPUs.

A cubin is an ELF file of machine 190 inside the library; the code of a kernel is
its section .text.<name>, in instructions of 16 bytes. Their low 12 bits are the
opcode, and of loads and stores bits 73 to 75 the width. Neither is documented:
they were read off kernels that copy one value of each width, and are the same
for sm_80 and sm_90. PTX lies in the library as text:
https://docs.nvidia.com/cuda/parallel-thread-execution/
"""
import collections
import re
import struct

CUDA_MACHINE = 190
# Loads and stores of global memory, and how many bytes by their width.
LOAD, STORE = 0x981, 0x986
WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 8, 6: 16}


def read_sections(elf):
    """(name, bytes) of each section of an ELF file of 64 bits."""
    (table,) = struct.unpack_from("<Q", elf, 40)
    size, count, names = struct.unpack_from("<HHH", elf, 58)
    headers = [struct.unpack_from("<IIQQQQ", elf, table + i * size) for i in range(count)]
    for header in headers:
        start = headers[names][4] + header[0]
        yield elf[start : elf.index(b"\0", start)].decode(), elf[header[4] : header[4] + header[5]]


def find_cubins(library):
    at = library.find(b"\x7fELF", 4)
    while at >= 0:
        if struct.unpack_from("<H", library, at + 18)[0] == CUDA_MACHINE:
            yield library[at:]
        at = library.find(b"\x7fELF", at + 4)


def count_accesses(library):
    """{(mangled kernel, "sm_90"): Counter of (LOAD or STORE, bytes)}."""
    found = {}
    for cubin in find_cubins(library):
        (flags,) = struct.unpack_from("<I", cubin, 48)
        for name, code in read_sections(cubin):
            if not name.startswith(".text."):
                continue
            counts = collections.Counter()
            for low, high in struct.iter_unpack("<QQ", code[: len(code) // 16 * 16]):
                if low & 0xFFF in (LOAD, STORE):
                    counts[low & 0xFFF, WIDTHS.get(high >> 9 & 7, 0)] += 1
            found[name[len(".text.") :], f"sm_{flags >> 8 & 0xFF}"] = counts
    return found


def read_ptx(library):
    """{mangled kernel: its PTX}."""
    text = library.decode("latin-1")
    entries = re.finditer(r"\.entry (\w+)\(.*?\n\{\n(.*?)\n\}\n", text, re.S)
    return {entry[1]: entry[2] for entry in entries}
