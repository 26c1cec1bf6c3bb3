"""Plans the buffers of random steps, and breaks the plans.

Usage: random_plans.py COUNT. `--llama-plan-buffers` checks each plan with the
symbolic memory of `--llama-verify-plan`, which knows no lifetimes. Then one slot
of an op is changed to another of its type: most such plans are wrong, and the
check must refuse most (a slot that is free at that point is right as well).
"""
import random
import re
import subprocess
import sys

WIDE, NARROW = "tensor<?x64xf32>", "tensor<?x32xf32>"
ROPE = "frequencies #llama.rope<[1.0, 0.5]> pairing halves"
NORM = "eps 1.0e-05 norm hf"
PART = "// -----"


class Step:
    """One random step: nested loops that carry, swap and capture values."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lines = []
        self.names = 0

    def name(self):
        self.names += 1
        return f"%v{self.names}"

    def pick(self, scope, kind):
        values = [value for value in scope if value[1] == kind]
        return self.random.choice(values)[0] if values else None

    def add_op(self, indent, scope, depth):
        kind = self.random.choice([WIDE, NARROW])
        a, b = self.pick(scope, kind), self.pick(scope, kind)
        if not a:
            return
        features = kind[9:11]
        choice = self.random.randrange(9 if depth < 2 else 8)
        value = self.name()
        if choice == 8:
            self.add_loop(indent, scope, depth)
            return
        result = kind
        if choice == 0:
            text = f"{value} = llama.add {a}, {b} : {kind}"
        elif choice == 1:
            text = f"{value} = llama.silu_mul {a}, {b} : {kind}"
        elif choice == 2:
            text = f"{value} = llama.rms_norm {a}, @n{features} {NORM} : {kind}"
        elif choice in (3, 4):
            other = self.name()
            scope.append((other, kind))
            text = f"{value}, {other} = llama.residual_rms_norm {a}, {b}, @n{features} {NORM} : {kind}"
        elif choice == 5:
            result = self.random.choice([WIDE, NARROW])
            weight = f"@w{result[9:11]}_{features}"
            text = f"{value} = llama.linear {a}, {weight} leaves [] : ({kind}) -> {result}"
        elif choice == 6:
            text = f"{value} = llama.rope {a}, %positions {ROPE} : {kind}"
        else:
            self.lines.append(f'{indent}llama.tap {a}, "t" : {kind}')
            return
        self.lines.append(indent + text)
        scope.append((value, result))

    def add_loop(self, indent, scope, depth):
        inits = [self.random.choice(scope) for _ in range(self.random.randrange(4))]
        values = [(self.name(), kind) for _, kind in inits]
        types = ", ".join(kind for _, kind in inits)
        loop = self.name()
        carried = ", ".join(f"{v} = {i}" for (v, _), (i, _) in zip(values, inits))
        head = f"llama.layers {self.name()} to {self.random.randrange(4)}"
        if inits:
            head = f"{loop}:{len(inits)} = {head} iter ({carried}) : {types}"
        self.lines.append(f"{indent}{head} {{")
        inner = self.add_block(indent + "  ", scope + values, depth + 1, 7)
        yielded = []
        for _, kind in values:
            made = [v for v, k in inner[len(scope) :] if k == kind]
            everything = [v for v, k in inner if k == kind]
            choose_made = made and self.random.random() < 0.8
            yielded.append(self.random.choice(made if choose_made else everything))
        tail = f" {', '.join(yielded)} : {types}" if inits else ""
        self.lines += [f"{indent}  llama.yield{tail}", indent + "}"]
        scope += [(f"{loop}#{i}", kind) for i, (_, kind) in enumerate(values)]

    def add_block(self, indent, scope, depth, most):
        scope = list(scope)
        for _ in range(self.random.randrange(most)):
            self.add_op(indent, scope, depth)
        return scope

    def make(self):
        self.lines = ['llama.weight private @e : tensor<8x64xf32> from "e"']
        for out in (64, 32):
            self.lines.append(f'llama.weight private @n{out} : tensor<{out}xf32> from "n{out}"')
            for into in (64, 32):
                self.lines.append(
                    f"llama.weight private @w{out}_{into} : tensor<{out}x{into}xf32>"
                    f' from "w{out}_{into}"'
                )
        indices = ("ids", "positions", "sequences", "wanted")
        arguments = ", ".join(f"%{name}: tensor<?xi32>" for name in indices)
        self.lines.append(f"func.func @step({arguments}) -> {WIDE} {{")
        self.lines.append(f"  %e0 = llama.embed %ids, @e : {WIDE}")
        scope = self.add_block("  ", [("%e0", WIDE)], 0, 16)
        last = self.pick(scope, WIDE)
        self.lines += [f"  %s = llama.select_rows {last}, %wanted : {WIDE} -> {WIDE}"]
        self.lines += [f"  return %s : {WIDE}", "}"]
        return "\n".join(self.lines)


def run(text, *arguments):
    command = ["lamina-opt", "-", "--split-input-file", *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True)


def break_plan(text, chance):
    """Gives one result of one op another slot of its type, or returns None."""
    uses = list(re.finditer(r"lamina\.slots = array<i32: ([\d, ]+)>", text))
    table = re.findall(r'rows = "(\w+)", type = ([^}]+)}', text)
    use = chance.choice(uses)
    numbers = [int(number) for number in use.group(1).split(",")]
    place = chance.randrange(len(numbers))
    old = numbers[place]
    others = [i for i in range(len(table)) if i != old and table[i] == table[old]]
    if not others:
        return None
    numbers[place] = chance.choice(others)
    new = ", ".join(map(str, numbers))
    return text[: use.start(1)] + new + text[use.end(1) :]


def main():
    count = int(sys.argv[1])
    steps = [Step(seed).make() for seed in range(count)]
    planned = run(f"\n{PART}\n".join(steps), "--llama-plan-buffers")
    if planned.returncode != 0:
        sys.exit(planned.stderr)
    plans = planned.stdout.split(PART)
    assert len(plans) == count, len(plans)
    copied = sum("lamina.copies" in plan for plan in plans)
    chance = random.Random(count)
    broken = [text for text in (break_plan(plan, chance) for plan in plans) if text]
    refused = run(f"\n{PART}\n".join(broken), "--llama-verify-plan").stderr.count(": error: ")
    print(f"{count} plans, {copied} with copies; {len(broken)} broken, {refused} refused")
    assert copied > count // 5
    assert len(broken) > count // 2 and refused > 0.7 * len(broken)


main()
