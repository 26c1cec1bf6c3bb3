"""How far lamina and llama.cpp are from an f64 reference, on the same GGUF files;
bench/accuracy.sh gets llama.cpp and calls this.

The text of each sequence is a prompt of test/data/smollm2 and its golden
continuation, 48 tokens. Every engine reads it whole, and its logits at every
position stand beside those of bench/reference.py: the largest difference of a
logit, the KLD of the distributions in nats (mean and largest over positions), and
at how many positions the best token is the reference's.
"""
import argparse
import datetime
import json
import pathlib
import subprocess
import sys
import tempfile

import llama_cpp
import numpy

import reference

DATA = pathlib.Path(__file__).resolve().parents[1] / "test/data/smollm2"
PROMPTS = ("short", "chat", "code")
CONTINUATION = 48  # golden ids behind each prompt
GOLDEN_LIMIT = 1e-5  # the golden logits are f32


def read_safetensors(path):
    """name -> array, of the F32 tensors."""
    data = pathlib.Path(path).read_bytes()
    size = int.from_bytes(data[:8], "little")
    tensors = json.loads(data[8 : 8 + size])
    return {
        name: numpy.frombuffer(
            data[8 + size + tensor["data_offsets"][0] : 8 + size + tensor["data_offsets"][1]],
            numpy.float32,
        ).reshape(tensor["shape"])
        for name, tensor in tensors.items()
        if tensor["dtype"] == "F32"
    }


def run_lamina(lamina, model, sequences, activations):
    """Logits of every position of each sequence; None where lamina refuses the type."""
    logits = []
    with tempfile.TemporaryDirectory() as folder:
        dump = pathlib.Path(folder) / "dump.safetensors"
        for ids in sequences:
            command = [lamina, "run", model, f"--activations={activations}"]
            command += ["--ids", " ".join(map(str, ids)), "--dump", dump]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode == 2:  # no weight of a block type
                return None
            if done.returncode != 0:
                sys.exit(f"error: {' '.join(map(str, command))}: {done.stderr.strip()}")
            logits.append(read_safetensors(dump)["logits"])
    return logits


def run_llama_cpp(model, sequences, threads, flash):
    engine = llama_cpp.Llama(
        model, logits_all=True, n_ctx=512, n_threads=threads, n_threads_batch=threads,
        flash_attn=flash, verbose=False,
    )  # fmt: skip
    logits = []
    for ids in sequences:
        engine.reset()
        engine.eval(ids)
        logits.append(engine.scores[: len(ids)].copy())
    engine.close()
    return logits


def log_softmax(x):
    x = x.astype(numpy.float64) - x.max(axis=-1, keepdims=True)
    return x - numpy.log(numpy.exp(x).sum(axis=-1, keepdims=True))


def compare(logits, expected):
    """The figures of one engine over all positions of all sequences."""
    logits, expected = numpy.concatenate(logits), numpy.concatenate(expected)
    p, q = log_softmax(expected), log_softmax(logits)
    divergence = (numpy.exp(p) * (p - q)).sum(axis=-1)
    return {
        "largest_difference": float(abs(logits - expected).max()),
        "rms_difference": float(numpy.sqrt(((logits - expected) ** 2).mean())),
        "mean_kld": float(divergence.mean()),
        "largest_kld": float(divergence.max()),
        "same_best": int((logits.argmax(axis=-1) == expected.argmax(axis=-1)).sum()),
        "positions": len(logits),
    }


def check_reference(logits, prompts):
    """Ends the process if the reference has other last logits than the golden file."""
    golden = read_safetensors(DATA / "last_logits.safetensors")
    for name, prompt, found in zip(PROMPTS, prompts, logits):
        distance = abs(found[len(prompt) - 1] - golden[name]).max()
        if not distance <= GOLDEN_LIMIT:
            print(f"error: {name}: the reference is {distance:.2g} from the golden logits")
            sys.exit(8)
        print(f"reference, {name}: within {distance:.1e} of the golden logits", file=sys.stderr)


def measure(model, path, sequences, expected, options):
    """Yields (engine, figures) for all engines."""
    for activations in ("f32", "bf16", "int8"):
        logits = run_lamina(options.lamina, path, sequences, activations)
        if logits:
            yield f"lamina, {activations}", compare(logits, expected)
    for flash in (False, True):
        logits = run_llama_cpp(path, sequences, options.threads, flash)
        name = "llama.cpp, flash attention" if flash else "llama.cpp"
        yield name, compare(logits, expected)


def print_row(model, engine, figures):
    print(
        f"| {model} | {engine} | {figures['largest_difference']:.2g} | "
        f"{figures['rms_difference']:.2g} | {figures['mean_kld']:.2g} | "
        f"{figures['largest_kld']:.2g} | {figures['same_best']} of {figures['positions']} |",
        flush=True,
    )


def parse_arguments():
    parser = argparse.ArgumentParser(prog="bench/accuracy.sh", description=__doc__)
    parser.add_argument("--models", default="smollm2", help="only files with this in their name")
    parser.add_argument("--threads", type=int, default=2, help="of llama.cpp (2)")
    parser.add_argument("--json", metavar="FILE", help="the table as JSON too")
    parser.add_argument("--lamina", help=argparse.SUPPRESS)
    parser.add_argument("--files", nargs="*", default=[], help=argparse.SUPPRESS)
    return parser.parse_args([word for word in sys.argv[1:] if word != "--"])


def main():
    options = parse_arguments()
    cases = [json.loads((DATA / f"{name}.json").read_text()) for name in PROMPTS]
    prompts = [case["prompt_ids"] for case in cases]
    sequences = [
        prompt + case["continuation_ids"][:CONTINUATION] for prompt, case in zip(prompts, cases)
    ]
    table = []
    print("| file | engine | max abs Δ | rms Δ | mean KLD | max KLD | best token |")
    print("|---|---|---|---|---|---|---|")
    for model, path in (file.split("=", 1) for file in options.files):
        if not any(part in model for part in options.models.split(",")):
            continue
        expected = reference.Reference(path).logits(sequences)
        if model == "smollm2-q4_1":
            check_reference(expected, prompts)
        for engine, figures in measure(model, path, sequences, expected, options):
            print_row(model, engine, figures)
            table.append({"model": model, "engine": engine, **figures})
    version = subprocess.run([options.lamina, "--version"], capture_output=True, text=True).stdout
    about = [
        f"date: {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC",
        f"versions: {version.splitlines()[0]}; llama-cpp-python {llama_cpp.__version__}; "
        f"numpy {numpy.__version__}",
    ]
    print("\n" + "\n".join(about))
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"about": about, "table": table}, indent=1))


if __name__ == "__main__":
    main()
