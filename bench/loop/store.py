"""Hone's own way from signals to examples, by the programs that people run: answers come in by `hone import`, feedback
by `POST /api/v1/feedback` with each person's key, verdicts by `hone verdict replay`, examples by `hone dataset build`."""
import concurrent.futures
import http.client
import json
import shutil
import signal
import socket
import sqlite3
import subprocess
import time

import workforce
from installing import ROOT

HONE = ROOT / "build/release/bin/hone"
POLICY = ROOT / "recipes/verdict.toml"
AT_ONCE = 500  # signals in a post
PATIENCE = 300  # seconds until what was acknowledged is in the database
RECIPE = """name = "loop"
alias = "assistant"
[dataset]
kinds = ["preference"]
min_strength = 0.5
held_out_people = 0.0
held_out_prompts = 0.0
max_per_person = {cap}
seed = {seed}
[train]
method = "reward"
"""


class Failed(Exception):
    """With what the program said."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write_lines(path, objects):
    path.write_text("".join(json.dumps(one) + "\n" for one in objects))


class Store:
    def __init__(self, folder, port=0):
        self.folder, self.port = folder, port
        folder.mkdir(parents=True, exist_ok=True)

    def config(self, policy=POLICY):
        path = self.folder / f"{policy.stem}.hone.toml"
        path.write_text(f"""data = "{self.folder}/data"
log_level = "warn"
verdict_policy = "{policy}"
[server]
listen = "127.0.0.1:{self.port or 8700}"
auth = "keys"
[[upstream]]
name = "nobody"
url = "http://127.0.0.1:9"
wires = ["openai-chat"]
""")
        return path

    def hone(self, *words, policy=POLICY):
        """What the command prints, as JSON."""
        command = [str(HONE), "--config", str(self.config(policy)), "--json", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"hone {' '.join(map(str, words))} ended with {done.returncode}: {done.stderr[-1000:]}")
        return json.loads(done.stdout)

    def make_people(self):
        """Everybody's key; a store of its own that others are copied from, for each takes a command."""
        keys = {}
        for person in [*workforce.names(), workforce.OBSERVER]:
            team = "tools" if person == workforce.OBSERVER else workforce.team_of(person)
            keys[person] = self.hone("key", "create", "--person", person, "--team", team)["key"]
        return keys

    def copy_people(self, other):
        shutil.copytree(other.folder / "data", self.folder / "data")

    def take_in(self, world, batches, keys):
        """The answers, and then everything that is said of them."""
        self.import_answers(world)
        log = self.folder / "serve.log"
        with open(log, "wb") as said:
            server = subprocess.Popen([str(HONE), "--config", str(self.config()), "serve"], stdout=said, stderr=said)
        try:
            self.wait_until_it_listens(server, log)
            sent = set()
            for batch in batches:
                self.post(batch, keys)
                sent |= {(one.person, one.key) for one in batch}
                self.wait_until_stored(len(sent))
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(60)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
        return len(sent)

    def import_answers(self, world):
        path = self.folder / "answers.jsonl"
        write_lines(path, ({"id": one.key, "person": one.asked_by, "team": workforce.team_of(one.asked_by),
                            "tool": "reply-desk", "model": "reply-model", "at": workforce.iso(one.at), "feedback": "shown",
                            "messages": [{"role": "user", "content": one.prompt}, {"role": "assistant", "content": one.text}]}
                           for one in world.answers))
        report = self.hone("import", path, "--map", "chat-jsonl", "--source", "loop", "--trainable")
        if report["interactions"] != len(world.answers) or report["trainable"] != len(world.answers):
            raise Failed(f"of {len(world.answers)} answers the import made: {json.dumps(report)[:1000]}")

    def wait_until_it_listens(self, server, log):
        until = time.monotonic() + 60
        while time.monotonic() < until and server.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise Failed(f"hone serve does not listen: {log.read_text(errors='replace')[-1000:]}")

    def post(self, batch, keys):
        """Of each person all that comes, as a tool that was offline sends it; people beside each other."""
        of_person = {}
        for one in batch:
            of_person.setdefault(one.person, []).append(self.body(one))
        posts = [(keys[person], bodies[at:at + AT_ONCE]) for person, bodies in of_person.items()
                 for at in range(0, len(bodies), AT_ONCE)]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda post: self.post_once(*post), posts))

    @staticmethod
    def body(one):
        body = {"handle": {"kind": "import", "value": f"loop/{one.answer.key}"}, "kind": one.kind, "by": one.by,
                "at": workforce.iso(one.at), "idempotency_key": one.key}
        return body if one.value is None else {**body, "value": one.value}

    def post_once(self, key, bodies):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("POST", "/api/v1/feedback", json.dumps(bodies),
                               {"Content-Type": "application/json", "Authorization": f"Bearer {key}"})
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
            if answer.status != 202:
                raise Failed(f"feedback was answered {answer.status}: {text[:500]}")
        finally:
            connection.close()

    def wait_until_stored(self, expected):
        """Each once, however often it was sent, and each at its answer."""
        until, found = time.monotonic() + PATIENCE, None
        while time.monotonic() < until:
            with sqlite3.connect(f"file:{self.folder}/data/hone.db?mode=ro", uri=True, timeout=30) as database:
                found = database.execute("SELECT count(*), coalesce(sum(interaction_id = ''), 0) FROM feedback "
                                         "WHERE source LIKE 'api:%'").fetchone()
            if found == (expected, 0):
                return
            time.sleep(0.2)
        raise Failed(f"of {expected} signals {found[0]} are in the database, {found[1]} of them without their answer")

    def examples(self, name, policy, cap, seed):
        """(the pairs that the policy leads to, as [(prompt, better, worse)], and what the programs say of it)."""
        replayed = self.hone("verdict", "replay", "--apply", policy=policy)
        recipe = self.folder / f"{name}.recipe.toml"
        recipe.write_text(RECIPE.format(cap=cap, seed=seed))
        dataset = self.hone("dataset", "build", recipe, policy=policy)
        path = self.folder / f"{name}.pairs.jsonl"
        self.hone("dataset", "export", dataset["digest"], path, "--kind", "preference", policy=policy)
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        pairs = [(line["prompt"][-1]["content"], line["chosen"], line["rejected"]) for line in lines]
        return pairs, {"digest": dataset["digest"], "left_out": dataset["left_out"],
                       "people_discounted": replayed["people_discounted"], "signals": replayed["signals"]}
