"""What `hone dataset export --parquet` writes, loaded by `datasets` as trainers load it: the same columns,
types and rows as the same export in JSON lines.

    python3 tests/export/parquet_loads.py build/release/bin/hone

Runs in the virtual environment of `./dev bench engine`, which it makes at the first run
(bench/engine/peers.py). Exits 0 where all holds, 1 with what does not.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

from support import Checks, enter_transformers

PEOPLE, ANSWERS = 6, 10  # of each
MAP = """name = "desk"
trainable = true
[file]
format = "jsonl"
[interaction]
key.from = "/id"
person.from = "/person"
messages.from = "/messages"
[[signal]]
kind.from = "/kind"
final_text.from = "/final"
"""
TASKS = """[verifier]
type.text = "numeric"
answer.from = "/number"
"""
RECIPE = """name = "all"
alias = "assistant"
[dataset]
kinds = ["demonstration", "preference", "judgement", "task"]
held_out_people = 0.0
held_out_prompts = 0.0
ranked_pairs = {ranked}
"""
KINDS = {"trl": {"demonstration", "preference", "judgement", "task"},
         "sharegpt": {"demonstration", "preference", "judgement"},
         "torchtune": {"demonstration", "preference"}}


def records(name):
    for person in range(PEOPLE):
        for number in range(ANSWERS):
            kind = ("edited", "accepted", "rejected")[number % 3]
            yield {"id": f"{name}-{person}-{number}", "person": f"person{person}", "kind": kind, "number": str(number),
                   "final": f"Grüße {number} from {person} 🙂\n\"done\"" if kind == "edited" else "",
                   "messages": [{"role": "system", "content": "Be brief.\n\tAlways."},
                                {"role": "user", "content": f"What is {number} for {person}, {name}? 日本語 \\ é"},
                                {"role": "assistant", "content": f"It is {number}, {person}."}]}


class Hone:
    def __init__(self, program, folder):
        self.program, self.folder = pathlib.Path(program).resolve(), folder

    def run(self, *words):
        done = subprocess.run([self.program, "--data", self.folder / "data", "--json", *map(str, words)], cwd=self.folder,
                              capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"hone {' '.join(map(str, words))}: exit {done.returncode}\n{done.stderr[-2000:]}")
        return json.loads(done.stdout)

    def dataset(self, ranked):
        (self.folder / "recipe.toml").write_text(RECIPE.format(ranked=str(ranked).lower()))
        return self.run("dataset", "build", "recipe.toml")["digest"]


def load(kind, path, cache):
    from datasets import load_dataset
    return load_dataset(kind, data_files=str(path), split="train", cache_dir=str(cache))


def compare(checks, lines, tables, cache):
    """Two folders of one export."""
    from datasets import load_dataset
    for path in sorted(tables.glob("*.parquet")):
        of_lines = load("json", lines / f"{path.stem}.jsonl", cache)
        of_table = load("parquet", path, cache)
        name = f"{tables.name}/{path.name}"
        checks.that(of_table.features == of_lines.features, f"{name}: the same columns and types, {of_table.column_names}")
        checks.that(len(of_table) > 0 and of_table.to_list() == of_lines.to_list(), f"{name}: the same {len(of_lines)} rows")
        streamed = load_dataset("parquet", data_files=str(path), split="train", streaming=True)
        checks.that(list(streamed) == of_lines.to_list(), f"{name}: and streamed")


def main():
    import datasets
    import pyarrow.parquet
    datasets.disable_progress_bars()
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="hone-parquet-") as temporary:
        work = pathlib.Path(temporary)
        hone = Hone(sys.argv[1], work)
        for name, map_text in (("work", MAP), ("tasks", MAP + TASKS)):
            (work / f"{name}.toml").write_text(map_text)
            (work / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records(name)))
            hone.run("import", f"{name}.jsonl", "--map", f"{name}.toml", "--source", name)
        for ranked in (False, True):
            digest = hone.dataset(ranked)
            for form, kinds in KINDS.items():
                name = form + ("-ranked" if ranked else "")
                hone.run("dataset", "export", digest, work / f"{name}-lines", "--format", form)
                about = hone.run("dataset", "export", digest, work / name, "--format", form, "--parquet")
                checks.that(set(about["files"]) == {f"{kind}.parquet" for kind in kinds}, f"{name}: the files are {list(about['files'])}")
                compare(checks, work / f"{name}-lines", work / name, work / "cache")
            columns = pyarrow.parquet.read_schema(work / name.replace("torchtune", "trl") / "preference.parquet").names
            checks.that(("margin" in columns) == ranked, f"margins are there where pairs are ranked, and only there: {columns}")
    checks.end()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    enter_transformers()
    main()
