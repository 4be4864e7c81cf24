"""DPO with an NLL term on real edits: machine translations (rejected) and what a person made of them (chosen).

Two things must hold. On held-out pairs the margin, the log-ratio of the chosen over the rejected answer against the
reference, has risen, with its 95% interval. And on the trained pairs the chosen answers are not less likely than the
NLL term allows: a run that lowers DPO + w NLL (Llama 3, arXiv 2407.21783, section 4.1.4) below its start, log 2 + w NLL,
cannot let NLL rise by more than (log 2 - DPO) / w per token. Both cores for about ten minutes.
"""
import math
import pathlib
import random
import sys

import support

options = support.arguments(__doc__, seed=9, pairs=160, held_out=60, longest=110, learning_rate=1e-4, epochs=2.0,
                            beta=0.1, sft_weight=0.2)
folder = pathlib.Path(options.folder)


def pair(index, line):
    return {"id": f"edit{index}",
            "prompt": [{"role": "user", "content": f"Translate into German: {line['src']}"}],
            "chosen": line["pe"], "rejected": line["mt"]}


def log_sigmoid(x):
    return -math.log1p(math.exp(-x)) if x > 0 else x - math.log1p(math.exp(x))


def scores(pairs, adapter=None):
    """(chosen, rejected) lines of score, a pair each."""
    conversations = [support.with_answer(each["prompt"], each[side])
                     for each in pairs for side in ("chosen", "rejected")]
    lines = support.score(options, conversations, adapter)
    return list(zip(lines[0::2], lines[1::2]))


def margins(before, after):
    return [(now[0]["sum"] - then[0]["sum"]) - (now[1]["sum"] - then[1]["sum"])
            for then, now in zip(before, after)]


def chosen_nll(rows):
    """Per token, over the tokens of all chosen answers together, as the loss has it."""
    return -sum(row[0]["sum"] for row in rows) / sum(len(row[0]["logprobs"]) for row in rows)


lines = support.data(options.shared, "mlqe-pe-edits/en-de.train.jsonl.gz")
pairs = [pair(i, line) for i, line in enumerate(lines)
         if 0.15 <= line["hter"] <= 0.7 and line["pe"] != line["mt"] and
         max(len(line["pe"]), len(line["mt"]), len(line["src"])) <= options.longest]
random.Random(options.seed).shuffle(pairs)
held_out, trained = pairs[:options.held_out], pairs[options.held_out:][:options.pairs]
if len(trained) < options.pairs:
    support.malformed(f"only {len(pairs)} edits are short enough")
support.say(f"{len(trained)} edits to train on, {len(held_out)} held out")

before = {name: scores(each) for name, each in (("trained", trained), ("held out", held_out))}
support.train(options, folder / "run", trained, method="dpo", seed=options.seed, lora_r=16,
              learning_rate=options.learning_rate, warmup_fraction=0.1, epochs=options.epochs, batch_size=8,
              beta=options.beta, sft_weight=options.sft_weight, max_tokens=512, checkpoint_every=1000)
adapter = folder / "run" / "adapter"
after = {name: scores(each, adapter) for name, each in (("trained", trained), ("held out", held_out))}

failures = []
for name in before:
    margin = support.interval(margins(before[name], after[name]))
    chosen = support.interval([now[0]["mean"] - then[0]["mean"] for then, now in zip(before[name], after[name])])
    support.say(f"{name}: margin {support.shown(margin)} nats, chosen log-prob per token moved by "
                f"{support.shown(chosen)}")
    if margin[1] <= 0:
        failures.append(f"{name}: the interval of the margin does not exclude no gain")
dpo = support.mean([-log_sigmoid(options.beta * each) for each in margins(before["trained"], after["trained"])])
nll_before, nll_after = chosen_nll(before["trained"]), chosen_nll(after["trained"])
bound = nll_before + (math.log(2) - dpo) / options.sft_weight
support.say(f"chosen NLL per token, trained pairs: {nll_before:.4f} before, {nll_after:.4f} after, bound {bound:.4f}")
if nll_after > bound:
    failures.append("the chosen answers are less likely than the NLL term allows")
for failure in failures:
    support.say(f"FAILED: {failure}")
sys.exit(1 if failures else 0)
