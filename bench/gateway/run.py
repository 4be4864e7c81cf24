#!/usr/bin/env python3
"""`./dev bench gateway`: what Hone's gateway costs, beside a plain proxy and other gateways, on one stub
upstream in one run. Each gateway runs alone; every body is different; Hone records, redacts and syncs all.

  --quick            short, Hone and nginx only
  --gateways A,B     of: direct, nginx, hone, portkey, mlflow, litellm
  --works A,B        of: small, context, streams, first-byte, idle, minute, mix-600, mix-1300, stored-N (small, with
                     N interactions in the store; 100,000 take half a minute to make, and 200 MB)
  --seconds N        for each measurement (default 8)
  --repeats N        (default 2)
  --json FILE        all figures

docs/performance.md tells what the works are and what was measured."""
import argparse
import json
import os
import pathlib
import resource
import socket
import subprocess
import sys
import time

import peers
from peers import ROOT

LOAD, STUB = ROOT / "build/release/bin/gateway_load", ROOT / "build/release/bin/gateway_stub"
SHORT = ["small", "context", "streams"]
WORKS = {  # arguments of gateway_load, and what the rate counts
    "small": (["--work", "small", "--connections", "64"], "requests/s"),
    "context": (["--work", "agent", "--connections", "16"], "requests/s"),
    "streams": (["--work", "small", "--stream", "--connections", "64"], "streams/s"),
    "first-byte": (["--work", "small", "--stream", "--connections", "64"], "streams/s"),
    "idle": (["--work", "small", "--connections", "64"], "requests/s"),
    "minute": (["--work", "small", "--connections", "64"], "requests/s"),
    "stored": (["--work", "small", "--connections", "64"], "requests/s"),
    "mix": (["--work", "mix", "--stream", "--model", "bench-slow"], "calls/s"),
}
DRAIN_PATIENCE = 300
OPENING = 100  # sessions a second that begin before a mix: a company's do not all begin in its peak
RESTING = 9_000  # each side of a connection is a file, and 20,000 are what some systems allow
TICK = os.sysconf("SC_CLK_TCK")


def kind_of(work):
    return work.partition("-")[0] if work.startswith(("mix-", "stored-")) else work


def family(root):
    """The process and all that came of it."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                pass
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found and pid not in found}:
        found |= more
    return found


def cpu_seconds(root):
    total = 0
    for pid in family(root):
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(int(field) for field in fields[11:15])
        except OSError:
            pass
    return total / TICK


def resident_mb(root):
    pages = 0
    for pid in family(root):
        try:
            pages += int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
        except OSError:
            pass
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


def texts():
    files = sorted(path for pattern in ("src/**/*.cpp", "src/**/*.h", "docs/**/*.md") for path in ROOT.glob(pattern))
    return [word for path in files for word in ("--text", str(path))]


class resting_connections:
    """Connections that have asked once, and now rest."""

    def __init__(self, port, count):
        self.port, self.count, self.sockets = port, count, []

    def __enter__(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        for _ in range(self.count):
            connection = socket.create_connection(("127.0.0.1", self.port))
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n")
            assert connection.recv(4096), "a connection was turned away"
            self.sockets.append(connection)
        return self

    def still_open(self):
        for connection in self.sockets:
            connection.setblocking(False)
        return sum(self.rests(connection) for connection in self.sockets)

    @staticmethod
    def rests(connection):
        try:
            return connection.recv(1) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    def __exit__(self, *_):
        for connection in self.sockets:
            connection.close()


class Bench:
    def __init__(self, options):
        self.options = options
        self.figures = []  # dicts: gateway, work, repeat, rate, cpu_s_per_1000, …
        self.seed = 0

    def load(self, gateway, work, seconds, warmup, rate=0, connections=None, opening=0):
        """One measurement: the load generator's figures, with the gateway's CPU time and memory."""
        arguments, _ = WORKS[kind_of(work)]
        self.seed += 1
        command = [str(LOAD), "--port", str(gateway.port), "--path", gateway.path, *arguments, "--seconds",
                   str(seconds), "--warmup", str(warmup), "--seed", str(self.seed), "--rate", str(rate), "--opening", str(opening)]
        if connections:
            command += ["--connections", str(connections)]
        for header in gateway.headers:
            command += ["--header", header]
        before = gateway.counts() if gateway.records else None
        process = subprocess.Popen(command + texts(), stdout=subprocess.PIPE, text=True)
        pid = gateway.process.pid if gateway.process else process.pid
        start_cpu = cpu_seconds(pid) if gateway.process else 0
        memory = []
        assert process.stdout.readline() == "begin\n", "the load generator failed"
        cpu = cpu_seconds(pid)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            memory.append(resident_mb(pid))
            time.sleep(min(1, max(0, until - time.monotonic())))
        assert process.stdout.readline() == "end\n"
        cpu = cpu_seconds(pid) - cpu
        figures = json.loads(process.stdout.readline())
        process.wait()
        answered_in_time = max(1, figures["rate"] * seconds)
        figures |= {"gateway": gateway.name, "work": work, "rate_asked": rate,
                    "cpu_s_per_1000": 1000 * cpu / answered_in_time if gateway.process else None,
                    "memory_mb_first": memory[0], "memory_mb_last": memory[-1], "memory_mb_max": max(memory)}
        if gateway.records:
            figures |= self.drain(gateway, before, figures["answered"])
            figures["cpu_s_per_1000_with_index"] = (
                1000 * (cpu_seconds(pid) - start_cpu) / max(1, figures["answered"]))
        self.figures.append(figures)
        self.say(figures)
        return figures

    def drain(self, gateway, before, answered):
        """Waits until the store has every interaction, and counts them."""
        began = time.monotonic()
        all_, stored = gateway.counts()
        first_backlog = answered - (all_ - before[0])
        while all_ - before[0] < answered and time.monotonic() < began + DRAIN_PATIENCE:
            time.sleep(0.2)
            all_, stored = gateway.counts()
        return {"backlog": first_backlog, "drain_s": time.monotonic() - began,
                "lost": answered - (all_ - before[0]), "without_content": answered - (stored - before[1])}

    def say(self, f):
        unit = WORKS[kind_of(f["work"])][1]
        cpu = "" if f["cpu_s_per_1000"] is None else f", {f['cpu_s_per_1000']:.3f} CPU s per 1,000"
        line = (f"{f['gateway']:8} {f['work']:13} {f['rate']:9.1f} {unit}{cpu}, first byte p50 "
                f"{f['first_byte_ms']['p50']:.2f} p99 {f['first_byte_ms']['p99']:.2f} ms, {f['memory_mb_max']:.0f} MB")
        if f["failed"] or f["unanswered"] or f["waiting"]:
            line += f", FAILED {f['failed']}, unanswered {f['unanswered']}, not begun {f['waiting']}"
        if "lost" in f:
            line += (f"; index behind by {f['backlog']}, drained in {f['drain_s']:.1f} s "
                     f"({f['cpu_s_per_1000_with_index']:.3f} CPU s per 1,000 with it)")
            if f["lost"] or f["without_content"]:
                line += f", LOST {f['lost']}, WITHOUT CONTENT {f['without_content']}"
        print(line, flush=True)

    def half_rate(self, name):
        rates = [f["rate"] for f in self.figures if f["gateway"] == name and f["work"] == "streams"]
        return max(rates) / 2 if rates else None

    def measure(self, gateway):
        options = self.options
        for work in (w for w in SHORT if w in options.works):
            self.load(gateway, work, options.seconds, 1 + options.seconds / 4)
        if "first-byte" in options.works:
            # Those that can are asked for half of what Hone can do; a peer, for half of its own.
            name = "hone" if gateway.name in ("direct", "nginx", "hone") else gateway.name
            if rate := options.first_byte_rate or self.half_rate(name):
                self.load(gateway, "first-byte", options.seconds, 1, rate=rate)
        if gateway.name not in ("hone", "nginx"):
            return
        if "idle" in options.works:
            with resting_connections(gateway.port, RESTING) as resting:
                self.load(gateway, "idle", options.seconds, 1)
                print(f"{gateway.name:8} idle          {resting.still_open()} of {RESTING} still rest", flush=True)
        if "minute" in options.works and gateway.records:
            self.load(gateway, "minute", options.long_seconds, 2)
        for name in (w for w in options.works if w.startswith("mix-")):
            rate = int(name[4:])
            self.load(gateway, name, options.long_seconds, 10, rate=rate, connections=4 * rate, opening=OPENING)

    def run(self, gateways):
        for repeat in range(self.options.repeats):
            for gateway in gateways:
                gateway.start()
                try:
                    self.measure(gateway)
                finally:
                    gateway.stop()
            self.with_stores(gateways)
            # The long works once.
            self.options.works = [w for w in self.options.works if w in SHORT + ["first-byte"]]
            if not self.options.works:
                break

    def with_stores(self, gateways):
        """Hone's rate of small requests beside what the store holds already."""
        for work in (w for w in self.options.works if w.startswith("stored-")):
            for gateway in (g for g in gateways if g.records):
                gateway.stored = int(work.removeprefix("stored-"))
                gateway.start()
                try:
                    self.load(gateway, work, self.options.seconds, 1 + self.options.seconds / 4)
                finally:
                    gateway.stop()
                    gateway.stored = 0

    def median(self, gateway, work, key):
        values = sorted(f[key] for f in self.figures if f["gateway"] == gateway and f["work"] == work)
        return values[len(values) // 2] if values else None

    def summary(self):
        """Hone's rate over each other's."""
        for work in SHORT:
            own = self.median("hone", work, "rate")
            if own is None:
                continue
            others = {f["gateway"] for f in self.figures} - {"hone", "direct"}
            ratios = []
            for other in sorted(others):
                rate = self.median(other, work, "rate")
                if rate:
                    ratios.append(f"{own / rate:.2f} of {other}'s")
            print(f"ratio    {work:13} {own:9.1f}: " + ", ".join(ratios))
        hone, nginx = (next((f for f in self.figures if f["gateway"] == name and f["work"] == "first-byte"), None)
                       for name in ("hone", "nginx"))
        if hone and nginx:
            added = {p: hone["first_byte_ms"][p] - nginx["first_byte_ms"][p] for p in ("p50", "p99")}
            print(f"first byte at {hone['rate_asked']:.0f} streams/s, over nginx's: "
                  f"p50 {added['p50']:+.2f} ms, p99 {added['p99']:+.2f} ms")


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--gateways", default="hone,direct,nginx,portkey,mlflow,litellm")
    parser.add_argument("--works", default="small,context,streams,first-byte,idle,minute,mix-600,mix-1300")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--long-seconds", type=float, default=60)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--first-byte-rate", type=float, default=0, help="instead of half of Hone's streams/s")
    parser.add_argument("--json", default=str(ROOT / "build/bench-gateway.json"))
    options = parser.parse_args()
    if options.quick:
        options.gateways, options.works = "hone,nginx", "small,context,streams,first-byte"
        options.seconds, options.repeats = 3, 1
    options.gateways, options.works = options.gateways.split(","), options.works.split(",")
    return options


def main():
    options = read_options()
    folder = ROOT / "build/bench-gateway"
    upstream = 18400
    stub = subprocess.Popen([str(STUB), str(upstream)])
    gateways = []
    try:
        peers.wait_for_port(upstream)
        known = {kind.name.lower(): kind for kind in peers.ALL}
        for number, name in enumerate(options.gateways):
            gateway = known[name](upstream + 1 + number, upstream, folder)
            try:
                gateway.install()
                gateways.append(gateway)
            except peers.NotInstallable as reason:
                print(f"SKIPPED {gateway.name}: cannot be installed here: {reason}", flush=True)
        bench = Bench(options)
        bench.run(gateways)
        bench.summary()
        pathlib.Path(options.json).write_text(json.dumps(bench.figures, indent=1))
    finally:
        stub.terminate()


if __name__ == "__main__":
    sys.exit(main())
