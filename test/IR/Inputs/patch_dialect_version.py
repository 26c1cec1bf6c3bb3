"""Copies a bytecode file with another version of the llama dialect.

usage: patch_dialect_version.py IN OUT VERSION

The first section of a file lists the dialects; a dialect with a version has a
section of its own, of id 7, that holds what the dialect wrote: one varint.
"""
import sys

DIALECTS, DIALECT_VERSION = 1, 7


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def varint(self):
        """A varint of one byte, which is all that a small file has here."""
        byte = self.data[self.at]
        assert byte & 1, f"byte {self.at}: a varint of several bytes"
        self.at += 1
        return byte >> 1

    def section(self):
        """Returns the id and the length of a section without an alignment."""
        kind = self.data[self.at]
        assert kind < 128, f"byte {self.at}: an aligned section"
        self.at += 1
        return kind, self.varint()


def version_offset(data):
    """Returns the offset of the only version of a dialect."""
    assert data[:4] == b"ML\xefR", "no bytecode"
    reader = Reader(data)
    reader.at = 4
    reader.varint()
    reader.at = data.index(0, reader.at) + 1  # the producer
    assert reader.section()[0] == DIALECTS, "the first section lists the dialects"
    offsets = []
    for _ in range(reader.varint()):
        if reader.varint() & 1:
            kind, length = reader.section()
            assert kind == DIALECT_VERSION and length == 1, (kind, length)
            offsets.append(reader.at)
            reader.at += length
    assert len(offsets) == 1, f"{len(offsets)} dialects with a version"
    return offsets[0]


def main():
    source, target, version = sys.argv[1:]
    with open(source, "rb") as file:
        data = bytearray(file.read())
    data[version_offset(data)] = int(version) << 1 | 1
    with open(target, "wb") as file:
        file.write(data)


if __name__ == "__main__":
    main()
