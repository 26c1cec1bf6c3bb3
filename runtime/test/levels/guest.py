"""Memory of an emulated program, and how a static ELF file gets into it.

Guest addresses are physical addresses: page tables map each to itself. From
below:

  64 KiB     nothing, so that null pointers are found
  program    where its segments say, then the heap (brk)
  mappings   from a quarter of the memory on (mmap)
  stack      the last 8 MiB, growing down
  kernel     2 MiB behind the memory: page tables, the handler of system calls
"""

import ctypes
import mmap
import struct

LARGE_PAGE = 2 << 20
GUARD = 64 << 10
STACK = 8 << 20
PRESENT, WRITABLE, USER, LARGE = 1, 2, 4, 128


class GuestError(Exception):
    """One line that says what was found and what was expected."""

    def __init__(self, message, exit_code=3):
        super().__init__(message)
        self.exit_code = exit_code


class Memory:
    def __init__(self, size):
        if size < 64 << 20 or size > 1 << 30 or size % LARGE_PAGE:
            raise GuestError(
                f"--memory: {size >> 20} MiB, expected an even number from 64 to 1024",
                2,
            )
        self.size = size
        self.total = size + LARGE_PAGE
        self.bytes = mmap.mmap(-1, self.total)
        self.base = ctypes.addressof(ctypes.c_char.from_buffer(self.bytes))
        self.page_tables = size
        self.handler = size + 5 * mmap.PAGESIZE
        self.map_pages()

    def map_pages(self):
        level4, level3, level2, next_level2, level1 = (
            self.size + i * mmap.PAGESIZE for i in range(5)
        )
        user = PRESENT | WRITABLE | USER
        self.write_words(level4, [level3 | user])
        self.write_words(level3, [level2 | user, next_level2 | user])
        pages = [
            address | user | LARGE for address in range(0, self.size, LARGE_PAGE)
        ] + [self.size | PRESENT | WRITABLE | LARGE]
        # The first large page is small ones, since some are not there.
        pages[0] = level1 | user
        self.write_words(level2, pages[:512])
        self.write_words(next_level2, pages[512:])
        self.write_words(
            level1,
            [
                address | user if address >= GUARD else 0
                for address in range(0, LARGE_PAGE, mmap.PAGESIZE)
            ],
        )

    def check(self, address, size):
        if address < GUARD or size < 0 or address + size > self.size:
            raise IndexError(address)

    def read(self, address, size):
        self.check(address, size)
        return self.bytes[address : address + size]

    def read_string(self, address):
        self.check(address, 1)
        return self.bytes[address : self.bytes.find(b"\0", address)]

    def write(self, address, data):
        self.bytes[address : address + len(data)] = data

    def write_user(self, address, data):
        self.check(address, len(data))
        self.write(address, data)

    def write_words(self, address, words):
        self.write(address, struct.pack(f"<{len(words)}Q", *words))


class Program:
    """What a loaded program is started and examined with."""

    def __init__(self, path):
        self.path = path
        self.entry = self.headers = self.header_bytes = self.num_headers = 0
        self.end = 0  # the first address behind the segments
        self.functions = []  # mangled name, address, bytes

    def find_function(self, address):
        for name, begin, size in self.functions:
            if begin <= address < begin + size:
                return f"{name}+{address - begin:#x}"
        return "no known function"


PT_LOAD, PT_INTERP = 1, 3
ET_EXEC, ET_DYN = 2, 3
SHT_SYMTAB, STT_FUNC = 2, 2


def load_program(memory, path):
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise GuestError(f"{path}: {error.strerror}", 5) from error
    try:
        return load_elf(memory, path, data)
    except struct.error as error:
        raise GuestError(f"{path}: size: {len(data)} bytes, expected more") from error


def load_elf(memory, path, data):
    magic, kind, machine = struct.unpack_from("<6s10xHH", data)
    if magic != b"\x7fELF\x02\x01" or kind not in (ET_EXEC, ET_DYN) or machine != 62:
        raise GuestError(f"{path}: format: other, expected ELF for x86-64")
    program = Program(path)
    entry, headers, sections = struct.unpack_from("<QQQ", data, 24)
    header_bytes, num_headers = struct.unpack_from("<HH", data, 54)
    # A position-independent program goes where others are.
    bias = 0x400000 if kind == ET_DYN else 0
    program.entry = bias + entry
    program.header_bytes, program.num_headers = header_bytes, num_headers
    for i in range(num_headers):
        kind, _, offset, address, _, file_size, size, _ = struct.unpack_from(
            "<IIQQQQQQ", data, headers + i * header_bytes
        )
        if kind == PT_INTERP:
            raise GuestError(f"{path}: interpreter: one, expected a static program")
        if kind != PT_LOAD:
            continue
        address += bias
        if address < GUARD or address + size > memory.size // 4:
            raise GuestError(f"{path}: {size} bytes at {address:#x}: too large", 6)
        memory.write(address, data[offset : offset + file_size])
        if offset <= headers < offset + file_size:
            program.headers = address + headers - offset
        program.end = max(program.end, address + size)
    program.functions = read_functions(data, sections, bias)
    return program


def read_functions(data, sections, bias):
    section_bytes, num_sections = struct.unpack_from("<HH", data, 58)
    functions = []
    for i in range(num_sections):
        at = sections + i * section_bytes
        kind, offset, size, link = struct.unpack_from("<4xI16xQQI", data, at)
        if kind != SHT_SYMTAB:
            continue
        (strings,) = struct.unpack_from("<24xQ", data, sections + link * section_bytes)
        for symbol in range(offset, offset + size, 24):
            name, info, value, length = struct.unpack_from("<IB3xQQ", data, symbol)
            if info & 15 == STT_FUNC and length:
                end = data.index(b"\0", strings + name)
                text = data[strings + name : end].decode()
                functions.append((text, bias + value, length))
    return functions


def make_stack(memory, program, arguments, environment):
    """What Linux leaves on the stack of a new program; returns its address."""
    top = memory.size - 64
    addresses = []
    for text in [program.path, *arguments, *environment]:
        encoded = text.encode() + b"\0"
        top -= len(encoded)
        memory.write(top, encoded)
        addresses.append(top)
    count = 1 + len(arguments)
    top -= 16
    random = top
    memory.write(random, bytes(range(16)))
    auxiliary = {
        3: program.headers,
        4: program.header_bytes,
        5: program.num_headers,
        6: mmap.PAGESIZE,
        7: 0,  # no interpreter
        9: program.entry,
        17: 100,  # ticks of a clock
        23: 0,  # no other user's rights
        25: random,
        31: addresses[0],
        0: 0,
    }
    words = [count, *addresses[:count], 0, *addresses[count:], 0]
    for key, value in auxiliary.items():
        words += [key, value]
    stack = (top - 8 * len(words)) & ~15
    memory.write_words(stack, words)
    return stack
