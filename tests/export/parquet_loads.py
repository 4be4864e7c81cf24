"""What `hone dataset export --parquet` writes, loaded by `datasets` as trainers load it: the same columns,
types and rows as the same export in JSON lines. Of conversations with tools, which `datasets` takes as JSON
from lines and as a struct from tables, the same rows but for nulls, and the same text by a chat template.

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
tool_calls = {tools}
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


def call(number):
    function = {"name": "read", "arguments": json.dumps({"path": f"{number}.py"})}
    return [{"id": f"id{number}", "type": "function", "function": function}]


def with_tools():
    """Half of the people accept a call of a tool, the others reject a text in its place."""
    for person in range(PEOPLE):
        for number in range(ANSWERS):
            answer = ({"content": "I go on." if number % 2 else None, "tool_calls": call(2)} if person % 2
                      else {"content": "No."})
            yield {"id": f"tools-{person}-{number}", "person": f"person{person}", "final": "",
                   "kind": "accepted" if person % 2 else "rejected",
                   "messages": [{"role": "user", "content": f"Fix number {number}"},
                                {"role": "assistant", "content": None, "tool_calls": call(1)},
                                {"role": "tool", "tool_call_id": "id1", "content": f"It is {number}.\n"},
                                {"role": "assistant", **answer}]}


class Hone:
    def __init__(self, program, folder):
        self.program, self.folder = pathlib.Path(program).resolve(), folder

    def run(self, *words):
        done = subprocess.run([self.program, "--data", self.folder / "data", "--json", *map(str, words)], cwd=self.folder,
                              capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"hone {' '.join(map(str, words))}: exit {done.returncode}\n{done.stderr[-2000:]}")
        return json.loads(done.stdout)

    def dataset(self, ranked=False, tools=False):
        (self.folder / "recipe.toml").write_text(RECIPE.format(ranked=str(ranked).lower(), tools=str(tools).lower()))
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


def of_template(rows):
    """The conversations of rows, as a trainer makes them a text."""
    import trl
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast
    template = pathlib.Path(trl.__file__).parent / "chat_templates/qwen3.jinja"
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"": 0}, unk_token="")),
                                        chat_template=template.read_text())
    return [tokenizer.apply_chat_template(row["prompt"] + row[answer], tokenize=False)
            for row in rows for answer in ("completion", "chosen", "rejected") if answer in row]


def compare_with_tools(checks, lines, tables, cache):
    from trl.trainer.utils import remove_none_values
    for kind in ("demonstration", "preference", "judgement"):
        of_lines = load("json", lines / f"{kind}.jsonl", cache)
        of_table = load("parquet", tables / f"{kind}.parquet", cache)
        texts = of_template(of_table)
        name = f"{tables.name}/{kind}.parquet"
        calling = sum("<tool_call>" in text for text in texts)
        checks.that(0 < calling < len(texts), f"{name}: {calling} of {len(texts)} conversations have calls")
        checks.that(texts == of_template(of_lines), f"{name}: a chat template makes the same texts of lines and table")
        of_lines, of_table = (list(rows.with_transform(remove_none_values)) for rows in (of_lines, of_table))
        checks.that(of_table == of_lines, f"{name}: the same {len(of_lines)} rows but for nulls")


def main():
    import datasets
    import pyarrow.parquet
    datasets.disable_progress_bars()
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="hone-parquet-") as temporary:
        work = pathlib.Path(temporary)
        hone = Hone(sys.argv[1], work)
        for name, map_text, of in (("work", MAP, records("work")), ("tasks", MAP + TASKS, records("tasks")),
                                   ("tools", MAP, with_tools())):
            (work / f"{name}.toml").write_text(map_text)
            (work / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in of))
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
        digest = hone.dataset(tools=True)
        for form, compared in (("trl", compare_with_tools), ("sharegpt", compare)):
            lines, tables = work / f"{form}-tools-lines", work / f"{form}-tools"
            hone.run("dataset", "export", digest, lines, "--format", form)
            hone.run("dataset", "export", digest, tables, "--format", form, "--parquet")
            compared(checks, lines, tables, work / "cache")
    checks.end()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    enter_transformers()
    main()
