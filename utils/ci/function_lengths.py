#!/usr/bin/env python3
"""Prints `lines<TAB>file:function` for every C++ and Python function.

C++ is read as tokens: comments, literals and preprocessor lines are blanked,
then braces are matched. A block that stands at file, namespace or class level is
a function if its head (the text since the last `;`, `{` or `}`) has a parameter
list and is neither a namespace, a class, an enum nor an initialiser. Blocks
within a function, lambdas too, belong to it. The length counts from the line
where the head starts to the closing brace. This needs no formatted source and no
compiler; a macro that expands to unbalanced braces would mislead it, and makes it
fail with the file's name.
"""
import ast
import bisect
import re
import subprocess
import sys

BLANKED = re.compile(
    r'R"(?P<delimiter>[^()\\\s]{0,16})\(.*?\)(?P=delimiter)"'
    r'|//[^\n]*|/\*.*?\*/'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])*'"
    r"|^[ \t]*#(?:\\\n|[^\n])*",
    re.DOTALL | re.MULTILINE,
)
SCOPE = re.compile(r"\b(?:namespace|class|struct|union|enum)\b|^\s*extern\s*$")
NAME = re.compile(r"(~?[\w:]+|operator\s*[^\s\w]+)\s*\(")


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def kind_of(head, parentheses):
    """What the block behind this head is: a "scope" that functions stand in, a
    "function", or a "part" of a longer declaration."""
    if parentheses > 0:
        return "part"
    plain = re.sub(r"<[^<>]*>|\b(?:alignas|__attribute__)\s*\(.*?\)+", "", head)
    if "=" not in plain and "(" not in plain and SCOPE.search(plain):
        return "scope"
    # A member initialiser, `: width{0}`: only a parenthesis or another
    # initialiser stands before the body of a constructor.
    in_initialisers = re.search(r"\)\s*(noexcept\s*)?:(?!:)", head)
    if in_initialisers and not re.search(r"[)}]\s*$", head):
        return "part"
    is_initialiser = re.search(r"(?<!operator)=\s*$", head)
    return "function" if NAME.search(head) and not is_initialiser else "part"


def cpp_functions(text):
    """Yields (name, first line, last line)."""
    text = BLANKED.sub(blank, text)
    newlines = [m.start() for m in re.finditer("\n", text)]
    line = lambda offset: bisect.bisect_left(newlines, offset) + 1
    open_blocks = []  # (kind, start)
    parentheses = 0
    head_start = 0
    for match in re.finditer(r"[{}();]", text):
        token, offset = match.group(), match.start()
        if token == "}":
            if not open_blocks:
                raise ValueError(f"line {line(offset)}: unmatched }}")
            kind, start = open_blocks.pop()
            if kind == "function":
                yield NAME.search(text, start).group(1), line(start), line(offset)
            if kind in ("function", "scope"):
                head_start = offset + 1
        elif open_blocks and open_blocks[-1][0] != "scope":
            if token == "{":
                open_blocks.append(("inner", offset))
        elif token in "()":
            parentheses += 1 if token == "(" else -1
        elif token == "{":
            head = text[head_start:offset]
            start = head_start + len(head) - len(head.lstrip())
            kind = kind_of(head, parentheses)
            open_blocks.append((kind, start))
            if kind == "scope":
                head_start = offset + 1
        elif parentheses == 0:
            head_start = offset + 1
    if open_blocks:
        raise ValueError(f"line {line(open_blocks[-1][1])}: unmatched {{")


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno


def main():
    patterns = ["*.c", "*.cpp", "*.h", "*.cu", "*.cuh", "*.py"]
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--"]
        + patterns,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = sys.argv[1:] or listing.stdout.splitlines()
    for path in paths:
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            continue  # deleted, and not yet committed
        functions = python_functions if path.endswith(".py") else cpp_functions
        try:
            for name, first, last in functions(text):
                print(f"{last - first + 1}\t{path}:{name}")
        except (ValueError, SyntaxError) as error:
            sys.exit(f"error: {path}: {error}")


if __name__ == "__main__":
    main()
