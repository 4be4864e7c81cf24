"""Hone's side: hone-engine as anybody runs it, trained by run folder, scored by lines, served by HTTP."""
import concurrent.futures
import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import threading
import time

from installing import ROOT

ENGINE = ROOT / "build/release/bin/hone-engine"
SAME_BURST = 0.1  # seconds: answers that one batch gave


class Failed(Exception):
    """With what the program said."""


def finished(command, environment, log, stdin=None, on_line=None):
    """Runs a program to its end: its lines of stdout, and its peak resident memory in MB."""
    process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=open(log, "wb"), text=True, env=environment)
    if stdin is not None:
        threading.Thread(target=write_all, args=(process.stdin, stdin), daemon=True).start()
    lines = []
    for line in process.stdout:
        lines.append(line)
        if on_line:
            on_line(time.monotonic())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode != 0:
        last = (log.read_text(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
        raise Failed(f"{command[0]} ended with {process.returncode}: {last[-300:]}")
    return lines, usage.ru_maxrss * 1024 / 1e6


def write_all(pipe, text):
    with contextlib.suppress(BrokenPipeError), pipe:
        pipe.write(text)


def toml(fields):
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in fields.items())  # the two agree on these values


def train(folder, log, environment, run, dataset):
    """A run: {"seconds": [at each step's end], "losses", "tokens": [of each step], "peak_mb"}."""
    folder.mkdir(parents=True)
    (folder / "dataset.jsonl").write_text("".join(json.dumps(line) + "\n" for line in dataset))
    (folder / "run.toml").write_text(toml({**run, "dataset": "dataset.jsonl"}))
    _, peak = finished([ENGINE, "train", folder], environment, log)
    steps = [json.loads(line) for line in (folder / "progress.jsonl").read_text().splitlines()]
    tokens = [step["tokens"] for step in steps]
    return {"seconds": [step["seconds"] for step in steps], "losses": [step["loss"] for step in steps],
            "tokens": [now - before for now, before in zip(tokens, [0, *tokens])], "peak_mb": peak}


def score(log, environment, model, dtype, threads, texts):
    """{"seconds", "texts": how many} of all texts but those that the first batch answered, and "sums" of all."""
    ticks = []
    lines, peak = finished([ENGINE, "score", "--model", model, "--dtype", dtype, "--threads", threads], environment, log,
                           stdin="".join(json.dumps({"ids": ids}) + "\n" for ids in texts), on_line=ticks.append)
    first = sum(tick <= ticks[0] + SAME_BURST for tick in ticks)
    if first == len(texts):
        raise Failed("score answered everything in one batch: there are too few texts to measure it")
    return {"seconds": ticks[-1] - ticks[0], "texts": len(texts) - first,
            "sums": [json.loads(line)["sum"] for line in lines], "peak_mb": peak}


class Server:
    """`with Server(…) as server`: hone-engine serve on a port of its own choice."""

    def __init__(self, log, environment, model, dtype, threads):
        command = [ENGINE, "serve", "--model", model, "--name", "bench", "--listen", "127.0.0.1:0", "--dtype", dtype,
                   "--threads", threads, "--parent-pid", os.getpid()]
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=open(log, "wb"), text=True,
                                        env=environment)
        line = self.process.stdout.readline()
        match = re.search(r"listening on http://127\.0\.0\.1:(\d+)", line)
        if not match:
            self.process.kill()
            self.process.wait()
            raise Failed(f"hone-engine serve: {log.read_text(errors='replace').strip()[-300:] or line}")
        self.port = int(match[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def peak_mb(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024 / 1e6

    def ask(self, question, length, stream=False):
        """The answer's tokens, and of a stream the times of its first text and of each piece from then on."""
        body = {"model": "bench", "messages": [{"role": "user", "content": question}], "max_tokens": length,
                "temperature": 0, "ignore_eos": True, "stream": stream}
        if stream:
            body["stream_options"] = {"include_usage": True}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise Failed(f"hone-engine serve answered {answer.status}: {answer.read(300)!r}")
        try:
            return self.read_stream(answer) if stream else (json.loads(answer.read())["usage"]["completion_tokens"], [])
        finally:
            connection.close()

    @staticmethod
    def read_stream(answer):
        tokens, ticks = 0, []
        for line in answer:
            if not line.startswith(b"data: {"):
                continue
            chunk = json.loads(line[6:])
            if ticks or any(choice["delta"].get("content") for choice in chunk["choices"]):
                ticks.append(time.monotonic())
            if chunk.get("usage"):
                tokens = chunk["usage"]["completion_tokens"]
        return tokens, ticks


def generate(server, warmup, questions, length):
    """All questions at once, prompts included: {"seconds", "tokens"}."""
    with concurrent.futures.ThreadPoolExecutor(len(questions)) as pool:
        list(pool.map(lambda question: server.ask(question, 4), warmup))
        began = time.monotonic()
        tokens = sum(count for count, _ in pool.map(lambda question: server.ask(question, length), questions))
    seconds = time.monotonic() - began
    if tokens != len(questions) * length:
        raise Failed(f"the answers have {tokens} tokens, not {len(questions) * length}")
    return {"seconds": seconds, "tokens": tokens, "peak_mb": server.peak_mb()}


def stream(server, warmup, question, length):
    """One answer, from its first piece to its end: {"seconds", "tokens"}."""
    server.ask(warmup[0], 4)
    tokens, ticks = server.ask(question, length, stream=True)
    if tokens != length or len(ticks) < 2:
        raise Failed(f"the stream had {tokens} tokens in {len(ticks)} pieces, not {length}")
    return {"seconds": ticks[-1] - ticks[0], "tokens": tokens - 1, "peak_mb": server.peak_mb()}


def environment_of(threads):
    """Of every program that is measured, ours and theirs."""
    left = {name: value for name, value in os.environ.items()
            if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_DYNAMIC", "MKL_NUM_THREADS", "PYTHONPATH")}
    return {**left, "OMP_NUM_THREADS": str(threads)}
