"""The system calls of Linux that a static program makes from start to end."""

import errno
import mmap
import os
import struct
import time

from guest import STACK

MAP_FIXED, MAP_ANONYMOUS = 0x10, 0x20
ARCH_SET_FS = 0x1002
FUTEX_WAKE = 1
SIGABRT = 6


def round_up(value):
    return (value + mmap.PAGESIZE - 1) // mmap.PAGESIZE * mmap.PAGESIZE


class Linux:
    def __init__(self, memory, program_end, set_fs_base):
        self.memory = memory
        self.set_fs_base = set_fs_base
        self.exit_code = None
        self.unknown = set()
        self.files = set()  # that the program has opened
        self.heap_begin = self.heap_end = round_up(program_end)
        self.mappings = memory.size // 4
        # Ranges of addresses that were given back, [begin, end).
        self.free = [(self.mappings, memory.size - STACK)]
        self.calls = {
            0: self.read,
            1: self.write,
            3: self.close,
            5: self.get_status,  # fstat
            8: self.seek,
            9: self.map,
            11: self.unmap,
            12: self.set_heap_end,
            16: lambda *_: -errno.ENOTTY,  # ioctl
            20: self.write_vector,
            39: lambda *_: 1,  # getpid
            60: self.exit,
            63: self.get_name,
            79: self.get_folder,
            89: lambda *_: -errno.ENOENT,  # readlink
            96: self.get_time_of_day,
            158: self.set_thread_pointer,
            186: lambda *_: 1,  # gettid
            201: lambda *_: int(time.time()),
            202: lambda _, what, *__: 0 if what & 127 == FUTEX_WAKE else -errno.EAGAIN,
            204: self.get_affinity,
            218: lambda *_: 1,  # set_tid_address
            228: self.get_clock,
            231: self.exit,
            234: self.kill,  # tgkill
            257: self.open,
            262: self.get_status_at,
            267: lambda *_: -errno.ENOENT,  # readlinkat
            302: self.get_limit,
            318: self.get_random,
            334: lambda *_: -errno.ENOSYS,  # rseq
        }
        # mprotect, rt_sigaction, rt_sigprocmask, sched_yield, madvise,
        # four user and group ids, sigaltstack, set_robust_list
        for number in (10, 13, 14, 24, 28, 102, 104, 107, 108, 131, 273):
            self.calls[number] = lambda *_: 0

    def call(self, number, arguments):
        """The result of a system call: from -4095 to -1, an error."""
        function = self.calls.get(number)
        if function is None:
            self.unknown.add(number)
            return -errno.ENOSYS
        try:
            return function(*arguments)
        except IndexError:
            return -errno.EFAULT
        except OSError as error:
            return -error.errno

    def open(self, _, path, flags, *__):
        if flags & os.O_ACCMODE != os.O_RDONLY:
            return -errno.EROFS
        file = os.open(self.memory.read_string(path), os.O_RDONLY | os.O_CLOEXEC)
        self.files.add(file)
        return file

    def read(self, file, address, size, *_):
        if file not in self.files:
            return -errno.EBADF
        data = os.read(file, size)
        self.memory.write_user(address, data)
        return len(data)

    def seek(self, file, offset, whence, *_):
        if file not in self.files:
            return -errno.ESPIPE
        if offset >= 1 << 63:
            offset -= 1 << 64
        return os.lseek(file, offset, whence)

    def close(self, file, *_):
        if file in self.files:
            self.files.remove(file)
            os.close(file)
        return 0

    def write(self, file, address, size, *_):
        if file not in (1, 2):
            return -errno.EBADF
        data = self.memory.read(address, size)
        while data:
            data = data[os.write(file, data) :]
        return size

    def write_vector(self, file, address, count, *_):
        total = 0
        for i in range(count):
            piece = struct.unpack("<QQ", self.memory.read(address + 16 * i, 16))
            written = self.write(file, *piece)
            if written < 0:
                return written
            total += written
        return total

    def get_status(self, file, address, *_):
        """The kind of a file and its size, and zeros."""
        status = bytearray(144)
        struct.pack_into("<I", status, 24, 0o010600)  # a pipe
        if file in self.files:
            found = os.fstat(file)
            struct.pack_into("<I", status, 24, found.st_mode)
            struct.pack_into("<q", status, 48, found.st_size)
        self.memory.write_user(address, bytes(status))
        return 0

    def get_status_at(self, file, path, address, *_):
        if self.memory.read_string(path):
            return -errno.ENOENT
        return self.get_status(file, address)

    def set_heap_end(self, address, *_):
        if self.heap_begin <= address <= self.mappings:
            if address < self.heap_end:  # to be found zeroed when it comes again
                self.clear(address, self.heap_end)
            self.heap_end = address
        return self.heap_end

    def map(self, address, size, _, flags, *__):
        if not flags & MAP_ANONYMOUS or flags & MAP_FIXED:
            return -errno.ENODEV
        size = round_up(size)
        for i, (begin, end) in enumerate(self.free):
            if size and end - begin >= size:
                self.free[i] = (begin + size, end)
                self.clear(begin, begin + size)
                return begin
        return -errno.ENOMEM

    def unmap(self, address, size, *_):
        end = address + round_up(size)
        if address < self.mappings or end > self.memory.size - STACK:
            return -errno.EINVAL
        merged = []
        for begin, stop in sorted(self.free + [(address, end)]):
            if merged and merged[-1][1] == begin:
                merged[-1] = (merged[-1][0], stop)
            elif begin < stop:
                merged.append((begin, stop))
        self.free = merged
        return 0

    def clear(self, begin, end):
        self.memory.write(begin, bytes(end - begin))

    def exit(self, code, *_):
        self.exit_code = code & 255
        return 0

    def kill(self, _, __, signal, *___):
        self.exit_code = 128 + signal
        return 0

    def get_name(self, address, *_):
        fields = ("Linux", "emulated", "5.10.0", "0", "x86_64", "")
        self.memory.write_user(
            address, b"".join(field.encode().ljust(65, b"\0") for field in fields)
        )
        return 0

    def get_folder(self, address, size, *_):
        folder = os.fsencode(os.getcwd()) + b"\0"
        if size < len(folder):
            return -errno.ERANGE
        self.memory.write_user(address, folder)
        return len(folder)

    def get_clock(self, _, address, *__):
        self.memory.write_user(
            address, struct.pack("<qq", *divmod(time.time_ns(), 10**9))
        )
        return 0

    def get_time_of_day(self, address, *_):
        self.memory.write_user(
            address, struct.pack("<qq", *divmod(time.time_ns() // 1000, 10**6))
        )
        return 0

    def set_thread_pointer(self, code, address, *_):
        if code != ARCH_SET_FS:
            return -errno.EINVAL
        self.set_fs_base(address)
        return 0

    def get_affinity(self, _, size, address, *__):
        self.memory.write_user(address, b"\1".ljust(min(size, 8), b"\0"))
        return min(size, 8)

    def get_limit(self, _, __, ___, address, *____):
        if address:
            self.memory.write_user(address, struct.pack("<QQ", STACK, STACK))
        return 0

    def get_random(self, address, size, *_):
        # The same in each run.
        self.memory.write_user(address, bytes(i & 255 for i in range(size)))
        return size
