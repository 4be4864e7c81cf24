#!/usr/bin/env python3
"""under_load.py BIN TOOLS [--seconds N]: the real server, built with a sanitizer (BIN/hone), under load.

The gateway benchmark's stub and load generator (TOOLS/gateway_stub, TOOLS/gateway_load) ask for whole answers,
large contexts and streams, N seconds each. Beside them tools hang up in mid-stream, people post feedback, the
dashboard reads, and the settings are read again. At last the server is told to end in the middle of it.

Fails where the sanitizer reports anything, the server ends badly, a call fails, or an interaction or a piece of
feedback that was acknowledged is not in the database."""
import argparse
import http.client
import json
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench/gateway"))
import peers  # noqa: E402
import run as benchmark  # noqa: E402

WORKS = {"small": 16, "context": 4, "streams": 16}  # connections of each
REPORT = re.compile(r"(ERROR|WARNING): \w+Sanitizer|runtime error:|Sanitizer:DEADLYSIGNAL|terminate called")
READS = ["/metrics", "/readyz", "/api/v1/me", "/api/v1/acceptance?by=tool", "/api/v1/timeline?by=tool&bucket=60",
         "/api/v1/interactions?limit=50", "/api/v1/models", "/api/v1/releases", "/api/v1/runs", "/api/v1/datasets"]
PATIENCE = 120


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Sanitised(peers.Hone):
    counted = "WHERE tool = 'bench'"  # what the load generator calls itself
    environment = {"UBSAN_OPTIONS": "print_stacktrace=1", "TSAN_OPTIONS": "second_deadlock_stack=1"}

    def missing(self, table, ids):
        """Those of `ids` that the database does not have, after it has had time to get them."""
        left = set(ids)
        until = time.monotonic() + PATIENCE
        while True:
            with sqlite3.connect(f"file:{self.folder}/data/hone.db?mode=ro", uri=True) as database:
                left -= {id_ for (id_,) in database.execute(f"SELECT id FROM {table}")}
            if not left or time.monotonic() > until:
                return left
            time.sleep(0.2)

    def end(self):
        """Its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            super().stop()
        self.process = None

    def report(self):
        """What a sanitizer wrote into the log, from its first line on."""
        log = self.folder / "log.txt"
        text = log.read_text(errors="replace") if log.exists() else ""
        found = REPORT.search(text)
        return text[found.start():found.start() + 8000] if found else ""


class Beside:
    """What goes on beside the load: each of `works` again and again on a thread, until the block ends."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.headers = dict(header.split(": ", 1) for header in gateway.headers) | {"x-hone-tool": "beside"}
        self.interactions, self.feedback, self.problems, self.rounds = [], [], [], {}
        self.done = threading.Event()
        self.threads = [threading.Thread(target=self.repeat, args=[work])
                        for work in (self.hang_up, self.judge, self.read, self.reload)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        for thread in self.threads:
            thread.join()

    def repeat(self, work):
        name = work.__name__
        try:
            while not self.done.is_set():
                work()
                self.rounds[name] = self.rounds.get(name, 0) + 1
                self.done.wait(0.05)
        except Exception as problem:  # noqa: BLE001: whatever it is, it is told
            self.problems.append(f"{name}: {problem!r}")

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=60)
        try:
            connection.request(method, path, body and json.dumps(body), self.headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            if answer.status not in (200, 202):
                raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]}")
            return answer.headers, text
        finally:
            connection.close()

    @staticmethod
    def call(model, stream):
        return {"model": model, "stream": stream, "messages": [{"role": "user", "content": "Is it done?"}]}

    def hang_up(self):
        body = json.dumps(self.call("bench-slow", True), separators=(",", ":"))
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        with socket.create_connection(("127.0.0.1", self.gateway.port), timeout=60) as connection:
            connection.sendall(f"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\n{head}"
                               f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
            got = b""
            while b"data: " not in got:
                piece = connection.recv(4096)
                if not piece:
                    raise RuntimeError(f"the stream ended: {got[:300]}")
                got += piece
        self.interactions.append(re.search(rb"x-hone-interaction-id: (\S+)", got)[1].decode())

    def judge(self):
        headers, _ = self.ask("POST", "/v1/chat/completions", self.call("bench", False))
        interaction = headers["x-hone-interaction-id"]
        self.interactions.append(interaction)
        _, text = self.ask("POST", "/api/v1/feedback", {"handle": interaction, "kind": "edited", "final_text": "Yes."})
        self.feedback.append(json.loads(text)["id"])

    def read(self):
        for path in READS:
            self.ask("GET", path)

    def reload(self):
        self.gateway.process.send_signal(signal.SIGHUP)
        self.done.wait(1.5)


def load(gateway, options):
    """What went wrong, as lines."""
    problems = []
    bench = benchmark.Bench(options)
    with Beside(gateway) as beside:
        for work, connections in WORKS.items():
            figures = bench.load(gateway, work, options.seconds, warmup=0.3, connections=connections)
            for what in ("failed", "unanswered", "waiting", "lost"):
                if figures[what]:
                    problems.append(f"{work}: {figures[what]} calls {what}")
            if not figures["answered"]:
                problems.append(f"{work}: nothing was answered")
    problems += beside.problems
    problems += [f"{work.__name__}: not once" for work in (beside.hang_up, beside.judge, beside.read, beside.reload)
                 if not beside.rounds.get(work.__name__)]
    for table, ids in (("interaction", beside.interactions), ("feedback", beside.feedback)):
        if missing := gateway.missing(table, ids):
            problems.append(f"{len(missing)} of {len(ids)} rows of {table} are lost: {sorted(missing)[:5]}")
    print("beside: " + ", ".join(f"{count} times {work}" for work, count in beside.rounds.items()))
    return problems


def end_under_load(gateway):
    """Ends the server while it is asked; what the load generator makes of that is not held against anybody."""
    work, _ = benchmark.WORKS["streams"]
    command = [str(benchmark.LOAD), "--port", str(gateway.port), "--path", gateway.path, *work, "--connections", "16",
               "--warmup", "0", "--seconds", "60", *benchmark.texts()]
    for header in gateway.headers:
        command += ["--header", header]
    asking = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        status = gateway.end()
    finally:
        asking.kill()
        asking.wait()
    return [f"the server ended with status {status}"] if status != 0 else []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("tools", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=1.5)
    options = parser.parse_args()
    benchmark.LOAD = options.tools.resolve() / "gateway_load"
    benchmark.DRAIN_PATIENCE = PATIENCE
    Sanitised.binary = options.bin.resolve() / "hone"
    folder = ROOT / "build/under-load"
    upstream = free_port()
    stub = subprocess.Popen([str(options.tools.resolve() / "gateway_stub"), str(upstream)])
    gateway = Sanitised(free_port(), upstream, folder)
    problems = []
    try:
        peers.wait_for_port(upstream)
        gateway.start()
        problems += load(gateway, options)
        problems += end_under_load(gateway)
    except (AssertionError, OSError, peers.NotInstallable, subprocess.TimeoutExpired) as problem:
        problems.append(f"{type(problem).__name__}: {problem}")
    finally:
        gateway.stop()
        stub.terminate()
        stub.wait()
    if report := gateway.report():
        problems.append("a sanitizer reports:\n" + report)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{Sanitised.binary}: " + (f"{len(problems)} problems" if problems else "nothing to report"))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
