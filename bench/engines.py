"""The engines that bench/peers.py measures, and how each is asked.

An engine has a name, settings, and measure(model, threads, setting, workload) ->
{figure: tokens a second}. The figures are `prefill` and `decode1`, `decode4`, ...:
the tokens of all sequences together, decoded behind `depth` positions.
"""
import json
import pathlib
import re
import subprocess
import tempfile

WORKER = pathlib.Path(__file__).with_name("openvino_worker.py")


class Workload:
    """What is measured: tokens of a prompt, depth, tokens decoded, batch sizes."""

    def __init__(self, prompt, depth, tokens, batches):
        self.prompt, self.depth, self.tokens, self.batches = prompt, depth, tokens, batches

    def figures(self):
        return ["prefill"] + [f"decode{batch}" for batch in self.batches]


class Failure(Exception):
    """A command failed; the text says which, and how."""


class Runner:
    """Runs commands, and keeps one of each kind for the report."""

    def __init__(self):
        self.commands = {}

    def run(self, kind, *command):
        command = [str(word) for word in command]
        self.commands.setdefault(kind, " ".join(command))
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or ["no message"]
            raise Failure(f"{' '.join(command)}: exit code {done.returncode}: {lines[-1]}")
        return done


class Lamina:
    """`lamina bench`. Its decode includes taking the best token."""

    def __init__(self, runner, program, activations):
        self.runner, self.program = runner, program
        self.name, self.activations = "lamina", activations

    def version(self):
        return self.runner.run("lamina version", self.program, "--version").stdout.splitlines()[0]

    def settings(self, model, threads):
        # Only weights of block types can have int8 inputs.
        return [
            f"activations={name}"
            for name in self.activations
            if name != "int8" or not model.endswith("bf16.gguf")
        ]

    def measure(self, model, threads, setting, workload):
        figures = {}
        for batch in workload.batches:
            prompt = workload.prompt if batch == workload.batches[0] else 1
            done = self.runner.run(
                "lamina", self.program, "bench", model, f"--{setting}", "--threads", threads,
                "--bench-prompt", prompt, "--bench-depth", workload.depth,
                "-n", workload.tokens + 1, "--batch", batch, "--bench-repeat", 1, "--json",
            )  # fmt: skip
            answer = json.loads(done.stdout)
            if prompt == workload.prompt:
                figures["prefill"] = answer["prefill_tokens_per_second_median"]
            figures[f"decode{batch}"] = answer["decode_tokens_per_second_median"]
        return figures


class LlamaCpp:
    """llama-bench for one sequence, llama-batched-bench for several. No sampling."""

    SETTINGS = {
        f"fa={flash} repack={repack}": (flash, repack) for flash in (1, 0) for repack in (1, 0)
    }

    def __init__(self, runner, folder):
        self.runner, self.bin = runner, pathlib.Path(folder) / "bin"
        self.name = "llama.cpp"

    def version(self):
        cache = (self.bin.parent / "CMakeCache.txt").read_text()
        package = re.search(r"llama_cpp_python-[0-9.]*[0-9]", cache)
        kind = re.search(r"^CMAKE_BUILD_TYPE:\w+=(.*)$", cache, re.M).group(1)
        native = re.search(r"^GGML_NATIVE:\w+=(.*)$", cache, re.M).group(1)
        libraries = [path.name for path in self.bin.glob("libggml.so.*.*.*")]
        return " ".join(
            [package.group(0) if package else "llama.cpp", *libraries, f"{kind}, native {native}"]
        )

    def settings(self, model, threads):
        # Where no weight is repacked, the two settings of it are one.
        repacks = "CPU_REPACK" in self.describe_buffers(model)
        return [name for name, (_, repack) in self.SETTINGS.items() if repacks or repack]

    def bench(self, model, threads, setting, *options):
        flash, repack = self.SETTINGS[setting]
        done = self.runner.run(
            "llama.cpp decode" if "-d" in options else "llama.cpp prefill",
            self.bin / "llama-bench", "-m", model, "-t", threads, *options,
            "-fa", flash, "--repack", repack, "-r", 1, "-o", "jsonl",
        )  # fmt: skip
        return json.loads(done.stdout)["avg_ts"]

    def batched_bench(self, model, threads, setting, workload):
        flash, repack = self.SETTINGS[setting]
        batches = [batch for batch in workload.batches if batch > 1]
        if not batches:
            return {}
        done = self.runner.run(
            "llama.cpp batches", self.bin / "llama-batched-bench", "-m", model, "-t", threads,
            "-npp", workload.depth, "-ntg", workload.tokens, "-npl", ",".join(map(str, batches)),
            "-c", max(batches) * (workload.depth + workload.tokens),
            "-fa", "on" if flash else "off", "--repack" if repack else "--no-repack",
            "--output-format", "jsonl",
        )  # fmt: skip
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        return {f"decode{line['pl']}": line["speed_tg"] for line in lines}

    def measure(self, model, threads, setting, workload):
        figures = {"prefill": self.bench(model, threads, setting, "-p", workload.prompt, "-n", 0)}
        if 1 in workload.batches:
            figures["decode1"] = self.bench(
                model, threads, setting, "-p", 0, "-n", workload.tokens, "-d", workload.depth
            )
        return {**figures, **self.batched_bench(model, threads, setting, workload)}

    def describe_buffers(self, model):
        """What the log says of the buffers of the weights: whether they are repacked."""
        done = self.runner.run(
            "llama.cpp log", self.bin / "llama-bench", "-m", model, "-p", 1, "-n", 0, "-r", 1, "-v"
        )
        found = re.findall(r"(\S+) +model buffer size = *([0-9.]+ MiB)", done.stderr)
        return ", ".join(f"{name} {size}" for name, size in found) or "nothing"


class OpenVino:
    """LLMPipeline of openvino-genai, in a process for each model and thread count."""

    def __init__(self, runner, python):
        self.runner, self.python, self.name = runner, python, "OpenVINO"
        self.key = self.process = self.package = None

    def version(self):
        return f"openvino-genai {self.package}"

    def settings(self, model, threads):
        return ["default"]

    def start(self, model, threads):
        self.stop()
        command = [self.python, str(WORKER), str(model), str(threads)]
        self.runner.commands.setdefault("OpenVINO", " ".join(command))
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True
        )
        self.key = model, threads
        self.package = self.read()["version"]

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            lines = self.errors.read().strip().splitlines() or ["no message"]
            raise Failure(f"{' '.join(self.process.args)}: {lines[-1]}")
        return json.loads(line)

    def ask(self, question):
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        return self.read()["tokens_per_second"]

    def measure(self, model, threads, setting, workload):
        if self.key != (model, threads):
            self.start(model, threads)
        figures = {"prefill": self.ask(f"prefill {workload.prompt}")}
        for batch in workload.batches:
            figures[f"decode{batch}"] = self.ask(
                f"decode {batch} {workload.depth} {workload.tokens}"
            )
        return figures

    def stop(self):
        if self.process:
            self.process.communicate()  # the end of its input ends it
            self.errors.close()
        self.process = self.key = None
