#!/usr/bin/env python3
"""fault_sweep.py BIN TOOLS [--fault NAME] [--at N,N,…]: the real server (BIN/hone) on a system that fails.

strace lets a system call of the server fail, or kills the server at it: the Nth sync, the Nth write, from the Nth
write on, and so on, for many N. Meanwhile tools call and people judge; then the server ends and starts again without
the fault. What must hold, whatever failed and when:

  - a tool gets its answer, as long as the server runs;
  - feedback gets a 2xx or a 503, and what got a 2xx is in the database once after the restart;
  - an interaction that was answered is in the database, or was counted as unrecorded;
  - after a sync of the outbox that failed, /readyz says so and nothing more is acknowledged;
  - the server ends by itself, without a crash, and the next start succeeds.

A server that cannot start says why and exits. Of TOOLS, gateway_stub is the upstream. Prints a line for each fault."""
import argparse
import http.client
import json
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench/gateway"))
import peers  # noqa: E402
from under_load import Sanitised, free_port  # noqa: E402

SYNCS, WRITES = "fdatasync,fsync", "pwrite64"
FAULTS = {  # what strace injects; {} is N
    "sync-fails": (SYNCS, "error=EIO:when={}"),
    "syncs-fail-from": (SYNCS, "error=EIO:when={}+"),
    "write-fails": (WRITES, "error=EIO:when={}"),
    "disk-full-from": (WRITES, "error=ENOSPC:when={}+"),
    "disk-full-now-and-then": (WRITES, "error=ENOSPC:when={}+3"),
    "killed-at-sync": (SYNCS, "signal=KILL:when={}"),
    "killed-at-write": (WRITES, "signal=KILL:when={}"),
    "no-more-files": ("accept4,accept", "error=EMFILE:when={}+2"),
}
MOMENTS = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 40]  # counted for each thread of the server
ENDS_ITSELF = "Ending, so that a restart recovers"
ROUNDS = 12  # calls, each with a piece of feedback
PATIENCE = 20


class Broken(Exception):
    """A promise that was not kept."""


class Server(Sanitised):
    """A data folder that is made once and copied for each fault."""

    lived = 0  # how long the log was when it last began

    def prepare(self):
        self.folder.mkdir(parents=True)
        self.begin()
        self.end()
        shutil.copytree(self.folder, self.folder.with_name("template"))

    def start_over(self):
        shutil.rmtree(self.folder)
        shutil.copytree(self.folder.with_name("template"), self.folder)

    def serve(self, *before):
        """Whether it came up; with `before` it may say that it cannot."""
        self.lived = len(self.log())
        log = open(self.folder / "log.txt", "ab")
        self.process = subprocess.Popen([*before, self.binary, "--config", self.folder / "hone.toml", "serve"],
                                        stdout=log, stderr=log, cwd=self.folder, start_new_session=True)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self.process.poll() is None:
            try:
                self.ask("GET", "/healthz")
                return True
            except OSError:
                time.sleep(0.02)
        if self.process.poll() is None:
            raise Broken("it neither serves nor ends")
        return False

    def end(self):
        """Its exit status. One that ends by itself is not hurried: a SIGTERM then ends it at once."""
        if self.process.poll() is None and ": fenced: " not in self.log()[self.lived:]:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired as late:
            raise Broken("it does not end") from late

    def ask(self, method, path, body=None):
        headers = dict(header.split(": ", 1) for header in self.headers)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body and json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        except http.client.HTTPException as cut:
            raise OSError(f"{method} {path}: {cut!r}") from cut
        finally:
            connection.close()

    def log(self):
        path = self.folder / "log.txt"
        return path.read_text(errors="replace") if path.exists() else ""

    def metric(self, name):
        _, _, text = self.ask("GET", "/metrics")
        found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
        return int(float(found[1])) if found else 0

    def rows(self, table):
        with sqlite3.connect(f"file:{self.folder}/data/hone.db?mode=ro", uri=True, timeout=10) as database:
            return [id_ for (id_,) in database.execute(f"SELECT id FROM {table}")]


class Day:
    """What people did while something failed."""

    def __init__(self, server, may_die):
        self.server, self.may_die = server, may_die
        self.answered, self.acknowledged, self.refused, self.unrecorded = [], [], 0, 0
        self.dead = False

    def live(self):
        try:
            for number in range(ROUNDS):
                self.one_call(number)
                time.sleep(0.01)
            time.sleep(0.1)  # a commit, and a batch of the index
            self.unrecorded = self.server.metric("hone_unrecorded_total")
            self.look_at_readiness()
        except OSError as gone:
            try:
                self.server.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                raise Broken(f"it runs and does not answer: {gone}") from gone
            if not self.may_die and ENDS_ITSELF not in self.server.log():
                raise Broken(f"it went away: {gone}") from gone
            self.dead = True

    def one_call(self, number):
        body = {"model": "bench", "messages": [{"role": "user", "content": f"Question {number}, and no secret."}]}
        status, headers, text = self.server.ask("POST", "/v1/chat/completions", body)
        if status != 200:
            raise Broken(f"a tool got {status}: {text[:200]}")
        interaction = headers["x-hone-interaction-id"]
        self.answered.append(interaction)
        status, _, text = self.server.ask("POST", "/api/v1/feedback", {"handle": interaction, "kind": "accepted"})
        if status in (200, 202):
            self.acknowledged.append(json.loads(text)["id"])
        elif status == 503:
            self.refused += 1
        else:
            raise Broken(f"feedback got {status}: {text[:200]}")

    def look_at_readiness(self):
        fenced = self.server.metric("hone_outbox_fenced")
        status, _, text = self.server.ask("GET", "/readyz")
        if fenced and status == 200:
            raise Broken("it is fenced and says that it is ready")
        if fenced:
            status, _, text = self.server.ask("POST", "/api/v1/feedback", {"handle": "int_x", "kind": "accepted"})
            if status != 503:
                raise Broken(f"fenced, and feedback got {status}: {text[:200]}")

    def check(self):
        """After the restart: all that was promised is there."""
        until = time.monotonic() + PATIENCE
        while True:
            feedback, calls = self.server.rows("feedback"), set(self.server.rows("interaction"))
            lost = [id_ for id_ in self.acknowledged if id_ not in feedback]
            missing = [id_ for id_ in self.answered if id_ not in calls]
            if not lost and len(missing) <= self.unrecorded:
                break
            if time.monotonic() > until:
                raise Broken(f"{len(lost)} acknowledged pieces of feedback and {len(missing)} interactions are lost, "
                             f"{self.unrecorded} counted as unrecorded")
            time.sleep(0.05)
        if len(feedback) != len(set(feedback)):
            raise Broken("feedback is there twice")


def try_one(server, calls, how):
    """What happened, in words."""
    kills = "KILL" in how
    server.start_over()
    # Without it all other calls stop too; but strace 6.1 then kills at a thread's first call only.
    quick = [] if kills else ["--seccomp-bpf"]
    came_up = server.serve("strace", "-f", "-D", "-qqq", *quick, "-o", "/dev/null", "-e", f"trace={calls}", "-e",
                           f"inject={calls}:{how}")
    day = Day(server, kills)
    if came_up:
        day.live()
    status = server.end()
    log = server.log()
    if report := server.report():
        raise Broken("it says: " + report)
    if status < 0 and not (kills and status == -signal.SIGKILL):
        raise Broken(f"it ended by signal {-status}")
    if not came_up and not kills and (status == 0 or not log.strip()):
        raise Broken(f"it did not come up, with status {status}, and said: {log.strip()[:200] or 'nothing'}")
    if not server.serve():
        raise Broken(f"it does not start again: {server.log().strip()[-500:]}")
    day.check()
    if (status := server.end()) != 0:
        raise Broken(f"without a fault it ends with status {status}")
    if not came_up:
        return "did not start"
    return f"{len(day.answered)} answered, {len(day.acknowledged)} acknowledged, {day.refused} refused" + (
        f", {day.unrecorded} unrecorded" if day.unrecorded else "") + (", gone" if day.dead else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("tools", type=pathlib.Path)
    parser.add_argument("--fault", choices=FAULTS, help="only this one")
    parser.add_argument("--at", default="", help="only at these moments")
    options = parser.parse_args()
    moments = [int(word) for word in options.at.split(",")] if options.at else MOMENTS
    folder = ROOT / "build/fault-sweep"
    shutil.rmtree(folder, ignore_errors=True)
    upstream = free_port()
    stub = subprocess.Popen([str(options.tools.resolve() / "gateway_stub"), str(upstream)])
    Server.binary = options.bin.resolve() / "hone"
    server = Server(free_port(), upstream, folder)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))  # and end what was started
    broken = tried = 0
    try:
        peers.wait_for_port(upstream)
        server.prepare()
        for name, (calls, how) in FAULTS.items():
            if options.fault not in (None, name):
                continue
            for moment in moments:
                tried += 1
                try:
                    print(f"{name} {moment}: " + try_one(server, calls, how.format(moment)), flush=True)
                except Broken as problem:
                    broken += 1
                    print(f"{name} {moment}: BROKEN: {problem}", flush=True)
                finally:
                    server.stop()
    finally:
        server.stop()
        stub.terminate()
        stub.wait()
    print(f"{tried - broken} faults passed, {broken} broken")
    return 1 if broken or not tried else 0


if __name__ == "__main__":
    sys.exit(main())
