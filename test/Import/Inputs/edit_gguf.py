#!/usr/bin/env python3
"""edit_gguf.py IN OUT EDIT...: a GGUF file with other metadata or tensors.

Edits: `set KEY TYPE VALUE...` (u16, u32, i32, f32, str, bool; arrays i32s, f32s,
strs), `cut KEY COUNT` (the first elements of an array of strings), `drop KEY`,
`rename TENSOR NAME`, `retype TENSOR` (quantises an F32 tensor to Q8_0 by
absolute maxima), `number TENSOR TYPE` (another number of the type over the same
bytes), `add TENSOR VALUE...` (a vector of F32). Separate edits by `--`.
"""
import struct
import sys

TYPES = {"u16": 2, "u32": 4, "i32": 5, "f32": 6, "bool": 7, "str": 8}
FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
BLOCKS = {0: (1, 4), 1: (1, 2), 8: (32, 34)}  # type: elements and bytes of a block


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        value = struct.unpack_from("<" + form, self.data, self.at)[0]
        self.at += struct.calcsize("<" + form)
        return value

    def string(self):
        size = self.take("Q")
        self.at += size
        return self.data[self.at - size : self.at]

    def skip_value(self, kind):
        if kind == 8:
            self.string()
        elif kind == 9:
            element, count = self.take("I"), self.take("Q")
            for _ in range(count):
                self.skip_value(element)
        else:
            self.take(FORMATS[kind])


def text(value):
    return struct.pack("<Q", len(value)) + value


def encode(kind, words):
    if kind == "str":
        return struct.pack("<I", 8) + text(words[0].encode())
    if kind == "i32s":
        return struct.pack("<IIQ", 9, 5, len(words)) + struct.pack(f"<{len(words)}i", *map(int, words))
    if kind == "f32s":
        return struct.pack("<IIQ", 9, 6, len(words)) + struct.pack(f"<{len(words)}f", *map(float, words))
    if kind == "strs":
        return struct.pack("<IIQ", 9, 8, len(words)) + b"".join(text(word.encode()) for word in words)
    value = {"f32": float, "bool": lambda w: w == "true"}.get(kind, int)(words[0])
    return struct.pack("<I" + FORMATS[TYPES[kind]], TYPES[kind], value)


def quantise(data):
    out = b""
    for start in range(0, len(data), 128):
        block = struct.unpack_from("<32f", data, start)
        d = struct.unpack("<e", struct.pack("<e", max(map(abs, block)) / 127))[0]
        quants = [max(-127, min(127, round(x / d))) if d else 0 for x in block]
        out += struct.pack("<e32b", d, *quants)
    return out


def read(path):
    reader = Reader(open(path, "rb").read())
    head = [reader.take(form) for form in "IIQQ"]
    metadata, tensors = {}, {}
    for _ in range(head[3]):
        key, start = reader.string(), reader.at
        reader.skip_value(reader.take("I"))
        metadata[key] = reader.data[start : reader.at]
    for _ in range(head[2]):
        name = reader.string()
        dims = [reader.take("Q") for _ in range(reader.take("I"))]
        tensors[name] = [dims, reader.take("I"), reader.take("Q")]
    base = (reader.at + 31) // 32 * 32
    for tensor in tensors.values():
        elements, size = BLOCKS[tensor[1]]
        for dim in tensor[0]:
            size *= dim
        start = base + tensor.pop()
        tensor.append(reader.data[start : start + size // elements])
    return metadata, tensors


def apply(edit, metadata, tensors):
    name = edit[1].encode()
    if edit[0] == "set":
        metadata[name] = encode(edit[2], edit[3:])
    elif edit[0] == "drop":
        del metadata[name]
    elif edit[0] == "rename":
        tensors[edit[2].encode()] = tensors.pop(name)
    elif edit[0] == "retype":
        dims, _, data = tensors[name]
        tensors[name] = [dims, 8, quantise(data)]
    elif edit[0] == "number":
        tensors[name][1] = int(edit[2])
    elif edit[0] == "cut":
        reader = Reader(metadata[name])
        assert (reader.take("I"), reader.take("I"), reader.take("Q") >= int(edit[2])) == (9, 8, True)
        strings = [reader.string() for _ in range(int(edit[2]))]
        metadata[name] = struct.pack("<IIQ", 9, 8, len(strings)) + b"".join(map(text, strings))
    elif edit[0] == "add":
        values = list(map(float, edit[2:]))
        tensors[name] = [[len(values)], 0, struct.pack(f"<{len(values)}f", *values)]
    else:
        sys.exit(f"unknown edit {edit}")


def write(path, metadata, tensors):
    out = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(metadata))
    for key, value in metadata.items():
        out += text(key) + value
    offset, body = 0, b""
    for name, (dims, kind, data) in tensors.items():
        out += text(name) + struct.pack("<I", len(dims)) + struct.pack(f"<{len(dims)}Q", *dims)
        out += struct.pack("<IQ", kind, offset)
        data += bytes(-len(data) % 32)
        body += data
        offset += len(data)
    open(path, "wb").write(out + bytes(-len(out) % 32) + body)


def main():
    metadata, tensors = read(sys.argv[1])
    edit = []
    for word in sys.argv[3:] + ["--"]:
        if word != "--":
            edit.append(word)
        elif edit:
            apply(edit, metadata, tensors)
            edit = []
    write(sys.argv[2], metadata, tensors)


if __name__ == "__main__":
    main()
