#!/usr/bin/env python3
"""Writes runtime/src/tokenizer/UnicodeTables.cpp: letters and numbers.

Needs the Python package unicodedata2 of the wanted version of Unicode, 16.0.0
(the one that the Hugging Face tokenizers read their expressions with):

  pip install unicodedata2==16.0.0
  utils/generate-unicode-tables.py > runtime/src/tokenizer/UnicodeTables.cpp
"""
import sys

import unicodedata2

VERSION = "16.0.0"

HEADER = """\
//===- UnicodeTables.cpp - Letters and numbers of Unicode {version} -----------===//
//
// Written by utils/generate-unicode-tables.py; do not edit.
//
//===----------------------------------------------------------------------===//

#include "tokenizer/UnicodeTables.h"

using namespace lamina;

// clang-format off
"""


def ranges(initial):
    """The ranges of code points whose general category starts so."""
    result = []
    for code in range(0x110000):
        if unicodedata2.category(chr(code))[0] != initial:
            continue
        if result and result[-1][1] == code - 1:
            result[-1][1] = code
        else:
            result.append([code, code])
    return result


def write_table(name, table):
    print(f"const CodePointRange lamina::{name}[] = {{")
    cells = [f"{{0x{low:X}, 0x{high:X}}}," for low, high in table]
    line = " "
    for cell in cells:
        if len(line) + 1 + len(cell) > 80:
            print(line)
            line = " "
        line += " " + cell
    print(line)
    print("};")
    print(f"const size_t lamina::{name}Count = {len(table)};")


def main():
    if unicodedata2.unidata_version != VERSION:
        sys.exit(f"error: unicodedata2: {unicodedata2.unidata_version}, "
                 f"expected {VERSION}")
    print(HEADER.format(version=VERSION), end="")
    write_table("kLetterRanges", ranges("L"))
    print()
    write_table("kNumberRanges", ranges("N"))


main()
