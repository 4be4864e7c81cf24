"""What the learning tests share: the engine's commands, run folders, and means with their intervals.

Each test drives hone-engine's release build on a real model, prints a report, and exits 1 where what it
promises does not hold. `./dev test --full` runs them.
"""
import argparse
import gzip
import json
import math
import pathlib
import subprocess
import sys
import time

STARTED = time.monotonic()


def arguments(description, **numbers):
    """--engine, --base, --shared, --folder, --threads, and a number for each of `numbers`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--engine", default="build/release/bin/hone-engine")
    parser.add_argument("--base", required=True, help="SmolLM2 in Hugging Face layout")
    parser.add_argument("--shared", default="../shared", help="the folder with data/")
    parser.add_argument("--folder", required=True, help="where to work; it may not exist yet")
    parser.add_argument("--threads", type=int, default=2)
    for name, value in numbers.items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(value), default=value)
    return parser.parse_args()


def malformed(message):
    say(f"MALFORMED: {message}")
    sys.exit(1)


def say(text):
    print(f"[{time.monotonic() - STARTED:6.0f} s] {text}", flush=True)


def data(shared, name):
    """The objects of a .jsonl.gz, or the end of the test, said aloud, where it is not there."""
    path = pathlib.Path(shared) / "data" / name
    if not path.exists():
        print(f"SKIPPED: needs {path}", file=sys.stderr)
        sys.exit(0)
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def write_lines(path, objects):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(each) + "\n" for each in objects), encoding="utf-8")
    return path


def read_lines(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines()]


def engine(options, *words, given=None):
    """Runs a command of hone-engine; its output, or the end of the test."""
    command = [options.engine, *map(str, words)]
    done = subprocess.run(command, input=given, capture_output=True, text=True)
    if done.returncode != 0:
        malformed(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


def train(options, folder, examples, **fields):
    """Trains on `examples` in a new run folder; the lines of its progress."""
    write_lines(folder / "train.jsonl", examples)
    fields = {"base_model": str(pathlib.Path(options.base).resolve()), "dataset": "train.jsonl",
              "threads": options.threads, **fields}
    text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in fields.items())
    (folder / "run.toml").write_text(text, encoding="utf-8")
    engine(options, "train", folder)
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    progress = read_lines(folder / "progress.jsonl")
    if result.get("state") != "done" or len(progress) != result.get("steps"):
        malformed(f"{folder}: result.json says {result}, and progress.jsonl has {len(progress)} lines")
    if not all(math.isfinite(line["loss"]) for line in progress):
        malformed(f"{folder}: a loss is not finite")
    return progress


def score(options, conversations, adapter=None, reward=False):
    """Log-probabilities of each conversation's answer, or its reward, as `hone-engine score` has them."""
    words = ["score", "--model", options.base, "--threads", options.threads, "--dtype", "bf16"]
    if adapter:
        words += ["--adapter", adapter]
    if reward:
        words += ["--reward"]
    given = "".join(json.dumps({"messages": each}) + "\n" for each in conversations)
    lines = [json.loads(line) for line in engine(options, *words, given=given).splitlines()]
    if len(lines) != len(conversations):
        malformed(f"score answered {len(lines)} of {len(conversations)} lines")
    return lines


def with_answer(prompt, answer):
    return [*prompt, {"role": "assistant", "content": answer}]


def mean(values):
    return sum(values) / len(values)


def interval(values):
    """Mean, and its 95% interval: the normal one, which a few dozen values are enough for."""
    middle = mean(values)
    variance = sum((value - middle) ** 2 for value in values) / (len(values) - 1)
    half = 1.96 * math.sqrt(variance / len(values))
    return middle, middle - half, middle + half


def shown(triple, digits=3):
    return f"{triple[0]:.{digits}f} [{triple[1]:.{digits}f}, {triple[2]:.{digits}f}]"
