#!/usr/bin/env python3
"""Proves lamina/Support/CheckedMath.h for every input.

    prove_checked_math.py INCLUDE_FOLDER [FUNCTION...]

Compiles the functions to LLVM IR, translates each instruction to a bit-vector
term as the LLVM language reference defines it, and asks z3 for an input for
which a claim is false. The claims are stated with 128 bits, in which no sum and
no product of two 64-bit numbers overflows:

- checkedAdd, checkedMul (uint64_t, int64_t): there is a result exactly if the
  exact one fits, and it is that.
- checkedAlignUp, for alignment > 0: the same, of size + (-size mod alignment).
  That this is the least multiple of alignment from size on is proved of the
  integers.

Exit: 0 proved, 8 a claim is false or not decided, 1 an instruction that the
translation does not know, 5 clang or z3 cannot be run.
"""
import re
import subprocess
import sys

SOURCE = """#include "lamina/Support/CheckedMath.h"
using namespace lamina;
#define CLAIM(name, function, Int)                                             \\
  extern "C" void name(Int a, Int b, Int *value, bool *present) {              \\
    std::optional<Int> result = function(a, b);                                \\
    *present = result.has_value();                                             \\
    *value = result.value_or(0);                                               \\
  }
CLAIM(add_u64, checkedAdd, uint64_t)
CLAIM(add_i64, checkedAdd, int64_t)
CLAIM(mul_u64, checkedMul, uint64_t)
CLAIM(mul_i64, checkedMul, int64_t)
CLAIM(align_up, checkedAlignUp, uint64_t)
"""

# (function, exact result as 128 bits, what may be assumed of the inputs)
CLAIMS = [
    ("add_u64", "(bvadd {a} {b})", "true"),
    ("add_i64", "(bvadd {a} {b})", "true"),
    ("mul_u64", "(product {a} {b})", "true"),
    ("mul_i64", "(product {a} {b})", "true"),
    (
        "align_up",
        "(ite (= (rest |%a| |%b|) (_ bv0 64)) {a} "
        "(bvadd {a} (bvsub {b} ((_ zero_extend 64) (rest |%a| |%b|)))))",
        "(not (= |%b| (_ bv0 64)))",
    ),
]

# With size = quotient*alignment + rest: `up` is a multiple of alignment, not
# below size, and no multiple lies between. A multiple is other*alignment, and
# `other` is either at most quotient, or at least quotient + 1; a product is
# monotonic in it, which is given to z3 as it knows no induction.
LEAST_MULTIPLE = """
(declare-const size Int) (declare-const alignment Int)
(declare-const quotient Int) (declare-const rest Int) (declare-const other Int)
(assert (and (>= size 0) (> alignment 0) (>= rest 0) (< rest alignment)))
(assert (= size (+ (* quotient alignment) rest)))
(define-fun up () Int (ite (= rest 0) size (+ size (- alignment rest))))
(define-fun factor () Int (ite (= rest 0) quotient (+ quotient 1)))
(assert (=> (<= other quotient) (<= (* other alignment) (* quotient alignment))))
(assert (=> (>= other (+ quotient 1))
            (>= (* other alignment) (+ (* quotient alignment) alignment))))
(assert (not (and (= up (* factor alignment)) (>= up size)
                  (=> (>= (* other alignment) size) (>= (* other alignment) up)))))
"""

# Products of 128 bits and remainders are functions of which no more is known than
# REST_FACT: with the circuits z3 is slow, or does not come to an end. What is proved
# of all such functions holds for these; a counterexample has to be one of them.
OPAQUE = """
(declare-fun product ((_ BitVec 128) (_ BitVec 128)) (_ BitVec 128))
(declare-fun rest ((_ BitVec 64) (_ BitVec 64)) (_ BitVec 64))
"""
KNOWN = """
(define-fun product ((a (_ BitVec 128)) (b (_ BitVec 128))) (_ BitVec 128) (bvmul a b))
(define-fun rest ((a (_ BitVec 64)) (b (_ BitVec 64))) (_ BitVec 64) (bvurem a b))
"""
REST_FACT = "(assert (=> (not (= {1} (_ bv0 64))) (bvult (rest {0} {1}) {1})))"

BINARY = {
    "add": "bvadd", "sub": "bvsub", "mul": "bvmul", "and": "bvand", "or": "bvor",
    "xor": "bvxor", "shl": "bvshl", "lshr": "bvlshr", "ashr": "bvashr",
    "urem": "rest",
}  # fmt: skip
COMPARE = {
    "eq": "(= {0} {1})", "ne": "(not (= {0} {1}))",
    "ult": "(bvult {0} {1})", "ule": "(bvule {0} {1})",
    "ugt": "(bvugt {0} {1})", "uge": "(bvuge {0} {1})",
    "slt": "(bvslt {0} {1})", "sle": "(bvsle {0} {1})",
    "sgt": "(bvsgt {0} {1})", "sge": "(bvsge {0} {1})",
}  # fmt: skip


class Unknown(Exception):
    """An instruction without a translation."""


def extend(kind, term, bits):
    return f"((_ {kind}_extend {bits}) {term})"


class Function:
    """One function of the IR as definitions of SMT-LIB. An i1 is a bit-vector
    of one bit; a pair is a Python pair of terms. There are no loops."""

    def __init__(self, body):
        self.lines = ["(declare-const |%a| (_ BitVec 64))", "(declare-const |%b| (_ BitVec 64))"]
        self.terms = {"%a": "|%a|", "%b": "|%b|"}
        self.stored = {}
        self.edges = {}  # (from, to) -> condition
        self.obligations = []  # what must hold for the code to be defined
        self.condition, self.block = "true", "entry"
        for line in body:
            self.translate(line)

    def define(self, name, bits, term):
        self.lines.append(f"(define-fun |{name}| () (_ BitVec {bits}) {term})")
        self.terms[name] = f"|{name}|"

    def value(self, text, bits):
        if text in self.terms:
            return self.terms[text]
        literal = {"true": "1", "false": "0"}.get(text, text)
        if not re.fullmatch(r"-?\d+", literal):
            raise Unknown(text)
        return f"(_ bv{int(literal) % (1 << bits)} {bits})"

    def require(self, term):
        self.obligations.append(f"(=> {self.condition} {term})")

    def translate(self, line):
        label = re.match(r"([\w.$-]+):", line)
        if label:
            self.block = label[1]
            if self.block == "entry":
                return
            conditions = [term for (_, to), term in self.edges.items() if to == self.block]
            if not conditions:
                raise Unknown(f"block {self.block} before the blocks that enter it")
            self.condition = f"(or {' '.join(conditions)} false)"
            return
        assigned = re.match(r"(%[\w.$-]+) = (.*)", line)
        handler = self.assign if assigned else self.act
        if not handler(*(assigned.groups() if assigned else [line])):
            raise Unknown(line)

    def act(self, line):
        if line == "ret void":
            return True
        jump = re.fullmatch(r"br label %([\w.$-]+)", line)
        if jump:
            self.edges[self.block, jump[1]] = self.condition
            return True
        branch = re.fullmatch(r"br i1 (\S+), label %([\w.$-]+), label %([\w.$-]+)", line)
        if branch:
            taken = f"(= {self.value(branch[1], 1)} #b1)"
            self.edges[self.block, branch[2]] = f"(and {self.condition} {taken})"
            self.edges[self.block, branch[3]] = f"(and {self.condition} (not {taken}))"
            return True
        store = re.fullmatch(r"store i(\d+) (\S+), ptr (%value|%present)", line)
        if store and self.condition_is_total():
            self.stored[store[3]] = self.value(store[2], int(store[1]))
            return True
        return False

    def condition_is_total(self):
        """Stores are in the first block or where all paths have joined."""
        if self.condition == "true":
            return True
        script = OPAQUE + "\n".join(self.lines + [f"(assert (not {self.condition}))"])
        return solve(script) == "unsat"

    def assign(self, name, text):
        for method in (self.binary, self.compare, self.convert, self.choose, self.pairs):
            if method(name, text):
                return True
        return False

    def binary(self, name, text):
        match = re.fullmatch(r"(\w+)((?: nuw| nsw)*) i(\d+) (\S+), (\S+)", text)
        if not match or match[1] not in BINARY:
            return False
        operation, flags, bits = match[1], match[2].split(), int(match[3])
        left, right = (self.value(match[i], bits) for i in (4, 5))
        if operation == "urem":
            if bits != 64:
                return False
            self.require(f"(not (= {right} (_ bv0 {bits})))")
            self.lines.append(REST_FACT.format(left, right))
        if operation in ("shl", "lshr", "ashr"):
            self.require(f"(bvult {right} (_ bv{bits} {bits}))")
        if flags and operation not in ("add", "sub", "mul"):
            return False
        term = f"({BINARY[operation]} {left} {right})"
        for flag in flags:  # a result that wraps is poison
            kind = "zero" if flag == "nuw" else "sign"
            wide = [extend(kind, operand, bits) for operand in (left, right)]
            exact = f"({BINARY[operation]} {wide[0]} {wide[1]})"
            self.require(f"(= {exact} {extend(kind, term, bits)})")
        self.define(name, bits, term)
        return True

    def compare(self, name, text):
        match = re.fullmatch(r"icmp (\w+) i(\d+) (\S+), (\S+)", text)
        if not match or match[1] not in COMPARE:
            return False
        operands = (self.value(match[i], int(match[2])) for i in (3, 4))
        self.define(name, 1, f"(ite {COMPARE[match[1]].format(*operands)} #b1 #b0)")
        return True

    def convert(self, name, text):
        match = re.fullmatch(r"(zext|sext|trunc) i(\d+) (\S+) to i(\d+)", text)
        if not match:
            return False
        source, target = int(match[2]), int(match[4])
        term = self.value(match[3], source)
        if match[1] == "trunc":
            term = f"((_ extract {target - 1} 0) {term})"
        else:
            term = extend("zero" if match[1] == "zext" else "sign", term, target - source)
        self.define(name, target, term)
        return True

    def choose(self, name, text):
        match = re.fullmatch(r"select i1 (\S+), i(\d+) (\S+), i(\d+) (\S+)", text)
        if match:
            bits = int(match[2])
            values = [self.value(match[i], bits) for i in (3, 5)]
            self.define(name, bits, f"(ite (= {self.value(match[1], 1)} #b1) {values[0]} {values[1]})")
            return True
        match = re.fullmatch(r"phi i(\d+) (.*)", text)
        if not match:
            return False
        bits = int(match[1])
        incoming = re.findall(r"\[ (\S+), %([\w.$-]+) \]", match[2])
        term = self.value(incoming[-1][0], bits)
        for value, block in incoming[:-1]:
            edge = self.edges[block, self.block]
            term = f"(ite {edge} {self.value(value, bits)} {term})"
        self.define(name, bits, term)
        return True

    def pairs(self, name, text):
        match = re.fullmatch(r"extractvalue \{ i64, i1 \} (\S+), ([01])", text)
        if match:
            self.terms[name] = self.terms[match[1]][int(match[2])]
            return True
        match = re.fullmatch(
            r"(?:tail )?call \{ i64, i1 \} @llvm\.([us])(add|sub|mul)\.with\.overflow\.i64"
            r"\(i64 (\S+), i64 (\S+)\)", text)  # fmt: skip
        if not match:
            return False
        kind = "zero" if match[1] == "u" else "sign"
        wide = [extend(kind, self.value(match[i], 64), 64) for i in (3, 4)]
        operation = {"add": "bvadd", "sub": "bvsub", "mul": "product"}[match[2]]
        self.define(name + ".exact", 128, f"({operation} {wide[0]} {wide[1]})")
        self.define(name + ".value", 64, f"((_ extract 63 0) |{name}.exact|)")
        back = extend(kind, f"|{name}.value|", 64)
        self.define(name + ".wraps", 1, f"(ite (= {back} |{name}.exact|) #b0 #b1)")
        self.terms[name] = (f"|{name}.value|", f"|{name}.wraps|")
        return True


def run(command, text=None):
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True)
    except OSError as error:
        print(f"error: {command[0]}: {error.strerror}, expected utils/setup.sh to install it")
        sys.exit(5)
    return done


def solve(script):
    done = run(["z3", "-in", "-T:30"], script + "\n(check-sat)\n")
    return done.stdout.strip()


def compile_functions(include):
    done = run(["clang++-22", "-std=c++17", "-O1", "-fno-discard-value-names", "-S",
                "-emit-llvm", "-g0", f"-I{include}", "-x", "c++", "-", "-o", "-"], SOURCE)  # fmt: skip
    if done.returncode != 0:
        sys.exit(f"error: {include}: {done.stderr.strip()}")
    functions, body = {}, None
    for line in done.stdout.splitlines():
        start = re.match(r"define .* @(\w+)\(", line)
        if start:
            body = functions.setdefault(start[1], [])
        elif line == "}":
            body = None
        elif body is not None and line.strip():
            # Neither metadata, comments nor attributes say what is computed.
            body.append(re.sub(r",? (align \d+|![\w.]+ !\d+)(?=,|$)| #\d+|\s*;.*", "", line).strip())
    return functions


def prove(name, exact, assumption, body):
    """Prints what z3 says of one function; returns whether it is proved."""
    function = Function(body)
    signed = name.endswith("_i64")
    kind = "sign" if signed else "zero"
    wide = {operand: extend(kind, f"|%{operand}|", 64) for operand in "ab"}
    low, high = (-(1 << 63), (1 << 63) - 1) if signed else (0, (1 << 64) - 1)
    less = "bvsle" if signed else "bvule"
    bound = [f"(_ bv{number % (1 << 128)} 128)" for number in (low, high)]
    present, value = function.stored["%present"], function.stored["%value"]
    script = "\n".join([*function.lines,
        f"(define-fun exact () (_ BitVec 128) {exact.format(**wide)})",
        f"(define-fun fits () Bool (and ({less} {bound[0]} exact) ({less} exact {bound[1]})))",
        f"(define-fun present () Bool (= {present} (_ bv1 8)))",
        f"(define-fun absent () Bool (= {present} (_ bv0 8)))",
        f"(define-fun right () Bool (= {extend(kind, value, 64)} exact))",
        f"(define-fun defined () Bool (and true {' '.join(function.obligations)}))",
        f"(assert {assumption})",
        "(assert (not (and defined (ite fits (and present right) absent))))",
    ])  # fmt: skip
    answer = solve(OPAQUE + script)
    if answer != "unsat":
        done = run(["z3", "-in", "-T:30"],
                   KNOWN + script + "\n(check-sat)\n(get-value (|%a| |%b|))\n")  # fmt: skip
        answer, _, model = done.stdout.strip().partition("\n")
    if answer == "sat":
        print(f"error: {name}: false for {' '.join(model.split())}")
    elif answer != "unsat":
        print(f"error: {name}: z3 says {answer!r}, expected 'unsat'")
    else:
        print(f"{name}: proved")
    return answer == "unsat"


def main():
    include, chosen = sys.argv[1], sys.argv[2:]
    functions = compile_functions(include)
    proved = True
    for name, exact, assumption in CLAIMS:
        if chosen and name not in chosen:
            continue
        try:
            proved &= prove(name, exact, assumption, functions[name])
        except Unknown as instruction:
            sys.exit(f"error: {name}: no translation of: {instruction}")
    answer = solve(LEAST_MULTIPLE)
    print(f"least multiple: {'proved' if answer == 'unsat' else answer}")
    sys.exit(0 if proved and answer == "unsat" else 8)


if __name__ == "__main__":
    main()
