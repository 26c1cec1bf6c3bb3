#!/usr/bin/env python3
"""plan_memory.py PAGE [--check]: planned activation memory, fused and not, in PAGE.

Plans the step of each shape on 1, 2, 4 and 8 ranks, from configs alone, and writes the
tables behind the line `<!-- tables -->` of PAGE; with --check, says whether it has them.
Needs lamina and lamina-translate on the path.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

CONFIGS = pathlib.Path(__file__).parent.parent / "test/data/configs"
SHAPES = {
    "TinyLlama-1.1B": "tinyllama-1.1b",
    "Llama-2-7B": "llama-2-7b",
    "Llama-2-70B": "llama-2-70b",
    "Llama-3.1-405B": "llama-3.1-405b",
}
RANKS = (1, 2, 4, 8)
MARK = "<!-- tables -->\n"


def call(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def plan(module, ranks, *options):
    """Bytes of the arena of a rank for each row of tokens; of rows that it keeps, its share."""
    text = call("lamina", "compile", module, "--from=import", f"--tp={ranks}", *options, "--emit=planned", "-o", "-")
    tokens, own = map(int, re.search(r"lamina\.arena = array<i64: (\d+), \d+, (\d+)>", text).groups())
    return tokens + own // ranks


def make_table(element):
    lines = [f"\n## Activations in {element}\n"]
    lines.append("| shape | ranks | fused | not fused | fused / not fused | residual in rows | of fused |")
    lines.append("|---|---|---|---|---|---|---|")
    for name, config in SHAPES.items():
        with tempfile.NamedTemporaryFile(suffix=".mlir") as module:
            call("lamina-translate", "--import-llama-config", f"--dtype={element}", f"{CONFIGS}/{config}.json", "-o", module.name)
            for ranks in RANKS:
                fused, unfused = plan(module.name, ranks), plan(module.name, ranks, "--no-fuse")
                rows = plan(module.name, ranks, "--shard-residual")
                lines.append(f"| {name} | {ranks} | {fused} | {unfused} | {fused / unfused:.3f} | {rows} | {rows / fused:.3f} |")
    return "\n".join(lines) + "\n"


def main():
    page = pathlib.Path(sys.argv[1])
    before, mark, _ = page.read_text().partition(MARK)
    if not mark:
        sys.exit(f"error: {page}: no line {MARK.strip()}")
    text = before + MARK + make_table("bf16") + make_table("f32")
    if "--check" not in sys.argv:
        page.write_text(text)
    elif text != page.read_text():
        sys.exit(f"error: {page}: its tables are not what is planned now; python3 bench/plan_memory.py {page}")


main()
