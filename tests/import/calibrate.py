"""Whether an early signal of cups-copilot foretells that the code stayed, from the raw events alone: what
`hone verdict calibrate` says after an import, worked out by other means (docs/formats/verdict.md has the table).

    calibrate.py DATA [EARLY_SECONDS]       one JSON object
"""
import datetime
import gzip
import json
import math
import pathlib
import sys

# recipes/verdict.toml: [[source]] import:cups-copilot; [persisted] automatic, neutral, worst, against, after, times.
ACCEPTED = 1.3
PERSISTED, NEUTRAL, WORST, AGAINST = 1.2, 0.67, 0.5, 2.0
RUNGS = [(86400, 2.5), (300, 2.0), (120, 1.7), (0, 1.0)]
AFTER = [15, 30, 120, 300, 600]
STAYED, LATE, BINS = 0.67, 300, 10


def unpacked(text):
    return json.loads(text) if text.strip() else ""


def suggestions(rows):
    """(last event, following event) of every suggestion that was accepted and whose prompt is known."""
    people = {}
    for row in rows:
        people.setdefault(row["UserId"], []).append(row)
    for events in people.values():
        began = None
        for place, event in enumerate(events):
            what = (unpacked(event["CurrentPrompt"]), unpacked(event["CurrentSuggestion"]))
            ends = event["StateName"] in ("Accepted", "Rejected")
            if event["StateName"] == "Shown" or began != what:
                began = None if ends else what
                continue
            if not ends:
                continue
            began = None
            if event["StateName"] == "Accepted" and what[0].strip():
                yield event, events[place + 1] if place + 1 < len(events) else None


def taken_back(event, following):
    return (
        following is not None
        and following["StateName"] == "Shown"
        and following["CurrentPrompt"] == event["CurrentPrompt"]
        and following["CurrentSuggestion"] == event["CurrentSuggestion"]
        and following["Measurements"]["documentLength"] == event["Measurements"]["documentLength"]
    )


def seconds_between(first, second):
    return (
        datetime.datetime.fromisoformat(second["TimeGenerated"].replace("Z", "+00:00"))
        - datetime.datetime.fromisoformat(first["TimeGenerated"].replace("Z", "+00:00"))
    ).total_seconds()


def said(value):
    """What a share of text that still stands says, from -AGAINST to 1."""
    if value >= NEUTRAL:
        return (value - NEUTRAL) / (1 - NEUTRAL)
    return -AGAINST * min(1, (NEUTRAL - value) / (NEUTRAL - WORST))


def judged(rows, early):
    """(chance foretold, whether it stayed) of each acceptance that was not settled early."""
    for event, following in suggestions(rows):
        log_odds = ACCEPTED
        if taken_back(event, following):
            if seconds_between(event, following) > early:
                yield 1 / (1 + math.exp(-log_odds)), False
            continue
        kept = [1 - share for share in event["EditPercentage"]]
        for seconds, value in zip(reversed(AFTER[:-1]), reversed(kept[:-1])):
            if seconds <= early:
                times = next(times for rung, times in RUNGS if seconds >= rung)
                log_odds += PERSISTED * times * said(value)
                break
        yield 1 / (1 + math.exp(-log_odds)), kept[-1] >= STAYED


def wilson(hits, n, z=1.959963985):
    middle = (hits / n + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(hits / n * (1 - hits / n) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return middle - half, middle + half


def curve(pairs):
    bins = []
    for number in range(BINS):
        inside = [(p, y) for p, y in pairs if min(int(p * BINS), BINS - 1) == number]
        if not inside:
            continue
        hits = sum(y for _, y in inside)
        low, high = wilson(hits, len(inside))
        bins.append(
            {
                "from": number / BINS,
                "n": len(inside),
                "predicted": sum(p for p, _ in inside) / len(inside),
                "observed": hits / len(inside),
                "low": low,
                "high": high,
            }
        )
    n = len(pairs)
    base = sum(y for _, y in pairs) / n
    return {
        "n": n,
        "observed": base,
        "predicted": sum(p for p, _ in pairs) / n,
        "brier": sum((p - y) ** 2 for p, y in pairs) / n,
        "brier_of_base": base * (1 - base),
        "ece": sum(b["n"] * abs(b["predicted"] - b["observed"]) for b in bins) / n,
        "bins": bins,
    }


def main():
    file = pathlib.Path(sys.argv[1]) / "cups-copilot/events.dev.jsonl.gz"
    early = float(sys.argv[2]) if len(sys.argv) > 2 else 60
    with gzip.open(file, "rt", encoding="utf-8") as text:
        rows = [json.loads(line) for line in text]
    print(json.dumps(curve(list(judged(rows, early))), indent=1))


if __name__ == "__main__":
    main()
