"""check.py REPORT.json KIND: holds a demo's report against what its kind must show.

KIND is plain, --sabotage=data, --sabotage=live or --aa. The report's format is docs/formats/demo.md.
"""
import json
import sys

report, kind = json.load(open(sys.argv[1])), sys.argv[2]
failures = []


def must(holds, message):
    if not holds:
        failures.append(message)


for key in ("seed", "decision", "original", "candidate", "serving", "stopped_by", "pooled", "domains",
            "feedback_to_serving_seconds"):
    must(key in report, f"the report lacks '{key}'")
must(len(report["domains"]) >= 2, "fewer than two domains")
for domain in report["domains"]:
    for day in domain["days"]:
        judged = day["accepted"] + day["modified"] + day["rejected"]
        must(judged <= day["interactions"], f"{domain['name']}: more verdicts than interactions")
        must(judged == 0 or abs(day["rate"] - day["accepted"] / judged) < 1e-9, "a rate is not its counts'")
        must(day["low"] <= day["rate"] <= day["high"], "a rate is outside of its interval")

if kind == "plain":
    must(report["decision"] in ("promoted", "undecided"), f"an honest model was {report['decision']}")
    must(report["stopped_by"] is None, f"an honest model was stopped by the {report['stopped_by']}")
    must(report["lineage"] is not None and report["lineage"]["model"] == report["candidate"], "no lineage")
    must(report["training"]["loss"][-1] < report["training"]["loss"][0], "the loss did not fall")
    baseline, released = report["pooled"].get("baseline"), report["pooled"].get("released")
    must(baseline and released, "an arm is missing on the last day")
    if baseline and released:
        must(released["rate"] > baseline["rate"], "the new model is not accepted more often")
else:
    must(report["decision"] != "promoted", "what must not be promoted was promoted")
    must(report["serving"] == report["original"], "the original does not serve at the end")
    wanted = {"--sabotage=data": "gate", "--sabotage=live": "canary", "--aa": "canary"}[kind]
    must(report["stopped_by"] == wanted, f"stopped by {report['stopped_by']}, not by the {wanted}")
    if kind == "--sabotage=live":
        must(report["decision"] == "rolled_back", f"a disliked model was {report['decision']}")

for failure in failures:
    print(f"{kind}: {failure}")
sys.exit(1 if failures else 0)
