#!/usr/bin/env python3
"""What an import of each set in DATA must report, counted over the raw files by other means than Hone's.

    count.py DATA          one JSON object: {map name: {file: counts}}

tests/import/import_counts_test.cpp holds `hone import`'s report against it. Nothing here knows of maps:
each function says in its own words what docs/formats/import.md and recipes/maps promise of a set.
"""
import ast
import csv
import datetime
import gzip
import io
import json
import pathlib
import re
import sys
from collections import Counter

csv.field_size_limit(1 << 25)


def lines(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        return [json.loads(line) for line in file if line.strip()]


def result(records, people, interactions, trainable, feedback, left_out, tasks=0):
    return {
        "records": records,
        "people": people,
        "interactions": interactions,
        "trainable": trainable,
        "tasks": tasks,
        "feedback": {kind: count for kind, count in sorted(feedback.items()) if count},
        "left_out": {reason: count for reason, count in sorted(left_out.items()) if count},
    }


class Keys:
    """The same key again is the same thing again, or something else that cannot be told from it."""

    def __init__(self, left_out):
        self.seen, self.left_out = {}, left_out

    def is_new(self, key, content):
        content = json.dumps(content, sort_keys=True)
        if key not in self.seen:
            self.seen[key] = content
            return True
        self.left_out["repeated" if self.seen[key] == content else "conflict"] += 1
        return False


def defacto(path):
    feedback, left_out, interactions = Counter(), Counter(), 0
    rows = lines(path)
    keys = Keys(left_out)
    for row in rows:
        judged = row["feedback"] or {}
        final, candidate = (judged.get("summary") or "").strip(), row["candidate"].strip()
        if not row["article"].strip() or not candidate:
            left_out["empty"] += 1
        elif row["has_error"] and not final:
            left_out["empty"] += 1
        elif row["has_error"] and final == candidate:
            left_out["unchanged"] += 1
        elif keys.is_new(row["doc_id"], row):
            interactions += 1
            feedback["corrected" if row["has_error"] else "accepted"] += 1
    return result(len(rows), 1, interactions, 0, feedback, left_out)


def mlqe(path):
    feedback, left_out, interactions = Counter(), Counter(), 0
    rows = lines(path)
    keys = Keys(left_out)
    for row in rows:
        if not row["src"].strip() or not row["mt"].strip() or not row["pe"].strip():
            left_out["empty"] += 1
        elif keys.is_new(json.dumps(row, sort_keys=True), row):
            interactions += 1
            feedback["accepted" if row["mt"].strip() == row["pe"].strip() else "edited"] += 1
    return result(len(rows), 1, interactions, interactions, feedback, left_out)


def hh(path):
    feedback, left_out, interactions = Counter(), Counter(), 0
    rows = lines(path)
    keys = Keys(left_out)

    def turns(text):
        parts = re.split(r"\n\n(Human|Assistant):", text)
        assert not parts[0].strip()
        return [(who, said.strip()) for who, said in zip(parts[1::2], parts[2::2])]

    for row in rows:
        chosen, rejected = turns(row["chosen"]), turns(row["rejected"])
        assert chosen[-1][0] == rejected[-1][0] == "Assistant"
        if not chosen[-1][1] or not rejected[-1][1]:
            left_out["empty"] += 1
        elif chosen[:-1] != rejected[:-1]:
            left_out["contexts_differ"] += 1
        elif chosen[-1] == rejected[-1]:
            left_out["unchanged"] += 1
        elif keys.is_new(json.dumps(row, sort_keys=True), row):
            interactions += 2
            feedback["compared"] += 2
    return result(len(rows), 1, interactions, 0, feedback, left_out)


def gsm8k(path):
    left_out, interactions, tasks = Counter(), 0, 0
    rows = lines(path)
    keys = Keys(left_out)
    for row in rows:
        if keys.is_new(json.dumps(row, sort_keys=True), row):
            interactions += 1
            tasks += bool(re.search(r"#### *-?[0-9][0-9,.]*\s*$", row["answer"]))
    return result(len(rows), 1, interactions, interactions, {"accepted": interactions}, left_out, tasks)


def mbpp(path):
    left_out, interactions, tasks = Counter(), 0, 0
    rows = lines(path)
    keys = Keys(left_out)
    for row in rows:
        if keys.is_new(row["task_id"], row):
            interactions += 1
            tasks += all(test.startswith("assert") for test in row["test_list"]) and bool(row["test_list"])
    return result(len(rows), 1, interactions, interactions, {"accepted": interactions}, left_out, tasks)


def realhumaneval(path):
    feedback, left_out, interactions, trainable, people = Counter(), Counter(), 0, 0, set()
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(io.StringIO(file.read(), newline="")))
    keys = Keys(left_out)
    for row in rows:
        request = ast.literal_eval(row["request"])
        if not any(message["content"].strip() for message in request) or not row["response"].strip():
            left_out["empty"] += 1
        elif keys.is_new((row["programmer_id"], row["timestamp"]), row):
            interactions += 1
            people.add(row["programmer_id"])
            trainable += "llama" in row["model"].lower()
            feedback["copied"] += len(ast.literal_eval(row["copy_events"]))
    return result(len(rows), len(people), interactions, trainable, feedback, left_out)


def cups(path):
    feedback, left_out, people = Counter(), Counter(), set()
    rows = lines(path)
    keys = Keys(left_out)

    def unpacked(text):
        return json.loads(text) if text.strip() else ""

    def stamp(row):
        return datetime.datetime.fromisoformat(row["TimeGenerated"].replace("Z", "+00:00"))

    by_person = {}
    for row in rows:
        by_person.setdefault(row["UserId"], []).append(row)
    interactions = 0
    for person, events in by_person.items():
        # Cut a person's events into suggestions: one begins with Shown, or where the text changes, or
        # after an end.
        cuts = []
        for event in events:
            what = (unpacked(event["CurrentPrompt"]), unpacked(event["CurrentSuggestion"]))
            ends = event["StateName"] in ("Accepted", "Rejected")
            open_ = cuts[-1] if cuts and cuts[-1]["open"] else None
            if open_ and event["StateName"] != "Shown" and open_["what"] == what:
                open_["events"].append(event)
                open_["open"] = not ends
                continue
            if ends:
                if cuts and cuts[-1]["open"]:
                    cuts[-1]["open"] = False
                cuts.append({"open": False, "stray": True, "what": what, "events": [event]})
            else:
                if cuts:
                    cuts[-1]["open"] = False
                cuts.append({"open": True, "stray": False, "what": what, "events": [event]})
        for number, cut in enumerate(cuts):
            first, last = cut["events"][0], cut["events"][-1]
            following = cuts[number + 1]["events"][0] if number + 1 < len(cuts) else None
            if cut["stray"]:
                left_out["never_shown"] += 1
                continue
            if not cut["what"][0].strip():
                left_out["no_prompt"] += 1
                continue
            signals = ["shown"]
            if last["StateName"] == "Rejected":
                signals.append("rejected")
            elif last["StateName"] == "Accepted":
                signals.append("accepted")
                again = (
                    following is not None
                    and following["StateName"] == "Shown"
                    and (unpacked(following["CurrentPrompt"]), unpacked(following["CurrentSuggestion"]))
                    == cut["what"]
                    and following["Measurements"].get("documentLength")
                    == last["Measurements"].get("documentLength")
                )
                signals += ["undone"] if again else ["persisted"] * len(last["EditPercentage"])
            if keys.is_new((person, stamp(first).isoformat(), cut["what"][1]), [first, signals]):
                people.add(person)
                interactions += 1
                feedback.update(signals)
    return result(len(rows), len(people), interactions, 0, feedback, left_out)


SETS = [
    ("defacto-summary-edits", "defacto-summary-edits/train.jsonl.gz", defacto),
    ("defacto-summary-edits", "defacto-summary-edits/val.jsonl.gz", defacto),
    ("mlqe-pe-edits", "mlqe-pe-edits/en-de.train.jsonl.gz", mlqe),
    ("mlqe-pe-edits", "mlqe-pe-edits/en-zh.train.jsonl.gz", mlqe),
    ("hh-harmless", "hh-harmless/pairs.dev.jsonl.gz", hh),
    ("gsm8k", "gsm8k/train.jsonl.gz", gsm8k),
    ("mbpp", "mbpp/mbpp.dev.jsonl.gz", mbpp),
    ("realhumaneval-chat", "realhumaneval-chat/chat_data.dev.csv.gz", realhumaneval),
    ("cups-copilot", "cups-copilot/events.dev.jsonl.gz", cups),
]


def main():
    data = pathlib.Path(sys.argv[1])
    counts = {}
    for name, file, count in SETS:
        counts.setdefault(name, {})[file] = count(data / file)
    print(json.dumps(counts, indent=1))


if __name__ == "__main__":
    main()
