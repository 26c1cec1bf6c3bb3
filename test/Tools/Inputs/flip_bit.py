"""usage: flip_bit.py IN OUT BYTE BIT: copies a file with one bit flipped."""

import sys

source, target, byte, bit = sys.argv[1:]
with open(source, "rb") as file:
    data = bytearray(file.read())
data[int(byte)] ^= 1 << int(bit)
with open(target, "wb") as file:
    file.write(data)
