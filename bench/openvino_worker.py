"""Times OpenVINO GenAI on a GGUF file, as its caller asks.

    python openvino_worker.py MODEL.gguf THREADS

Reads lines from standard input and answers each with a line of JSON:

    prefill TOKENS              -> tokens a second of a prompt
    decode BATCH DEPTH TOKENS   -> tokens a second of all sequences, without the prompt

The model is read once, since its conversion takes seconds. Times come from the
pipeline's own metrics. Prefix caching is off: prompts come again and again.
"""
import json
import sys

import numpy
import openvino
import openvino_genai


def make_inputs(batch, tokens, vocabulary):
    ids = (numpy.arange(batch * tokens).reshape(batch, tokens) * 7919 + 13) % vocabulary
    return openvino_genai.TokenizedInputs(
        openvino.Tensor(ids.astype(numpy.int64)),
        openvino.Tensor(numpy.ones((batch, tokens), numpy.int64)),
    )


def make_pipeline(model, threads):
    scheduler = openvino_genai.SchedulerConfig()
    scheduler.enable_prefix_caching = False
    scheduler.max_num_batched_tokens = 4096  # a prompt is one step
    return openvino_genai.LLMPipeline(
        model, "CPU", INFERENCE_NUM_THREADS=threads, scheduler_config=scheduler
    )


def measure(pipeline, batch, prompt, tokens, vocabulary):
    """Returns the seconds to the first token, and those from it to the last."""
    config = openvino_genai.GenerationConfig()
    config.max_new_tokens = tokens
    config.ignore_eos = True
    config.apply_chat_template = False
    result = pipeline.generate(make_inputs(batch, prompt, vocabulary), config)
    assert all(len(answer) == tokens for answer in result.tokens)
    metrics = result.perf_metrics
    first = metrics.get_ttft().mean / 1000
    return first, metrics.get_generate_duration().mean / 1000 - first


def main():
    model, threads = sys.argv[1], int(sys.argv[2])
    pipeline = make_pipeline(model, threads)
    vocabulary = len(pipeline.get_tokenizer().get_vocab())
    measure(pipeline, 1, 32, 2, vocabulary)  # the first run is slower
    print(json.dumps({"version": openvino_genai.__version__}), flush=True)
    for line in sys.stdin:
        word, *numbers = line.split()
        if word == "prefill":
            (tokens,) = map(int, numbers)
            first, _ = measure(pipeline, 1, tokens, 1, vocabulary)
            rate = tokens / first
        else:
            batch, depth, tokens = map(int, numbers)
            _, rest = measure(pipeline, batch, depth, tokens + 1, vocabulary)
            rate = batch * tokens / rest
        print(json.dumps({"tokens_per_second": rate}), flush=True)


if __name__ == "__main__":
    main()
