"""A reward model on pairs of hh-harmless: its accuracy on pairs that it has not seen, in five folds, beside the rule
"the shorter answer wins", from one committed seed.

A null result is reported as one and is no failure: so small a model may learn nothing here. A malformed run is one:
rewards that are not finite, or the same for all, or pairs without one. Both cores for about twelve minutes.
"""
import math
import pathlib
import random

import support

options = support.arguments(__doc__, seed=20, pairs=200, folds=5, longest=560, learning_rate=3e-4, epochs=1.0)
folder = pathlib.Path(options.folder)


def parse(text):
    """A transcript "\\n\\nHuman: …\\n\\nAssistant: …" as messages."""
    messages = []
    for part in text.split("\n\nHuman: ")[1:]:
        said, *answers = part.split("\n\nAssistant:")
        messages.append({"role": "user", "content": said.strip()})
        for answer in answers:
            messages.append({"role": "assistant", "content": answer.strip()})
    return messages


def pair(index, line):
    """The last answers of both transcripts to the same beginning, or None."""
    chosen, rejected = parse(line["chosen"]), parse(line["rejected"])
    if len(chosen) < 2 or chosen[:-1] != rejected[:-1] or chosen[-1]["role"] != "assistant":
        return None
    answers = chosen[-1]["content"], rejected[-1]["content"]
    if "" in answers or answers[0] == answers[1] or any(not each["content"] for each in chosen):
        return None
    if len(line["chosen"]) + len(answers[1]) > options.longest:
        return None
    return {"id": f"hh{index}", "prompt": chosen[:-1], "chosen": answers[0], "rejected": answers[1]}


def wilson(rate, count):
    """The 95% interval of a rate, Wilson's."""
    z = 1.96
    middle = (rate + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(rate * (1 - rate) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return rate, middle - half, middle + half


def won(better, worse):
    return 1.0 if better > worse else 0.5 if better == worse else 0.0


lines = support.data(options.shared, "hh-harmless/pairs.dev.jsonl.gz")
pairs = [each for each in (pair(i, line) for i, line in enumerate(lines)) if each]
by_prompt = {}
for each in pairs:  # pairs of one prompt stay in one fold
    by_prompt.setdefault(each["prompt"][0]["content"], []).append(each)
prompts = sorted(by_prompt)
random.Random(options.seed).shuffle(prompts)
pairs = [each for prompt in prompts for each in by_prompt[prompt]][:options.pairs]
place = {prompt: i % options.folds for i, prompt in enumerate(prompts)}
fold_of = [place[each["prompt"][0]["content"]] for each in pairs]
if min(fold_of.count(fold) for fold in range(options.folds)) < 2:
    support.malformed(f"{len(pairs)} pairs are too few for {options.folds} folds")
support.say(f"{len(pairs)} pairs in {options.folds} folds")

right, shorter = [], []
for fold in range(options.folds):
    held_out = [each for each, own in zip(pairs, fold_of) if own == fold]
    trained = [each for each, own in zip(pairs, fold_of) if own != fold]
    run = folder / f"fold{fold}"
    support.train(options, run, trained, method="reward", seed=options.seed, lora_r=8,
                  learning_rate=options.learning_rate, warmup_fraction=0.1, epochs=options.epochs, batch_size=8,
                  centring=0.01, max_tokens=512, checkpoint_every=1000)
    conversations = [support.with_answer(each["prompt"], each[side])
                     for each in held_out for side in ("chosen", "rejected")]
    rewards = [line["reward"] for line in support.score(options, conversations, run / "adapter", reward=True)]
    if not all(math.isfinite(reward) for reward in rewards) or len(set(rewards)) == 1:
        support.malformed(f"fold {fold}: rewards are not finite, or all the same")
    own = [won(rewards[2 * i], rewards[2 * i + 1]) for i in range(len(held_out))]
    right += own
    shorter += [won(len(each["rejected"]), len(each["chosen"])) for each in held_out]
    support.say(f"fold {fold}: {support.mean(own):.3f} of {len(held_out)}")

accuracy = wilson(support.mean(right), len(right))
rule = wilson(support.mean(shorter), len(shorter))
difference = support.interval([a - b for a, b in zip(right, shorter)])
support.say(f"reward model:  {support.shown(accuracy)} of {len(right)} held-out pairs, 95% interval")
support.say(f"shorter wins:  {support.shown(rule)}")
support.say(f"difference:    {support.shown(difference)}")
if accuracy[1] <= 0.5:
    support.say("a null result: the interval does not exclude chance")
elif difference[1] <= 0:
    support.say("better than chance; a null result beside 'shorter wins': the interval does not exclude no difference")
else:
    support.say("better than chance and than 'shorter wins'")
