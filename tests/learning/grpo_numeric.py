"""GRPO with a numeric verifier improves SmolLM2 on sums in words, which it solves now and then.

Held-out tasks are answered before and after training, several times each at the training's temperature. The
figure is the mean difference of a task's rewards; the test fails where its 95% interval does not exclude no
improvement. Both cores for about ten minutes.
"""
import pathlib
import random
import sys

import support

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
         "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"]

options = support.arguments(__doc__, seed=5, train_tasks=160, held_out=120, answers=4, group_size=8, batch_size=8,
                            epochs=3.0, learning_rate=1e-4, max_new_tokens=16, largest=20)
folder = pathlib.Path(options.folder)


def all_sums():
    for a in range(2, options.largest + 1):
        for b in range(2, options.largest + 1):
            yield f"{WORDS[a]} plus {WORDS[b]}", a + b
            if a > b:
                yield f"{WORDS[a]} minus {WORDS[b]}", a - b


def task(words, answer):
    return {"id": words,
            "prompt": [{"role": "user", "content": f"What is {words}? Write only the number."}],
            "verifier": {"type": "numeric", "answer": answer}}


def rewards(name, tasks, adapter=None):
    """The mean reward of each task's answers, and how many tokens an answer has."""
    path = support.write_lines(folder / f"{name}.tasks.jsonl", tasks)
    every = folder / f"{name}.answers.jsonl"
    words = ["sample", "--model", options.base, "--tasks", path, "--out", folder / f"{name}.best.jsonl", "--all", every,
             "--n", options.answers, "--temperature", 1.0, "--max-new-tokens", options.max_new_tokens,
             "--max-tokens", 256, "--seed", options.seed, "--threads", options.threads]
    if adapter:
        words += ["--adapter", adapter]
    support.engine(options, *words)
    by_task, tokens = {}, []
    for line in support.read_lines(every):
        by_task.setdefault(line["id"], []).append(line["reward"])
        tokens.append(line["tokens"])
    if sorted(by_task) != sorted(each["id"] for each in tasks):
        support.malformed(f"{every} does not answer every task")
    return [support.mean(by_task[each["id"]]) for each in tasks], support.mean(tokens)


tasks = [task(*each) for each in all_sums()]
random.Random(options.seed).shuffle(tasks)
held_out, trained = tasks[:options.held_out], tasks[options.held_out:][:options.train_tasks]
before, length_before = rewards("before", held_out)
support.say(f"before: {support.shown(support.interval(before))} of {len(held_out)} held-out tasks, "
            f"{length_before:.1f} tokens an answer")
if not 0.05 <= support.mean(before) <= 0.4:
    support.say("the base is outside of the 5-40% that this test is meant for")
progress = support.train(
    options, folder / "run", trained, method="grpo", seed=options.seed, lora_r=16, learning_rate=options.learning_rate,
    schedule="constant", warmup_fraction=0.05, epochs=options.epochs, batch_size=options.batch_size,
    group_size=options.group_size, max_new_tokens=options.max_new_tokens, max_tokens=256, loss="dr_grpo",
    temperature=1.0, checkpoint_every=1000)
for at in range(0, len(progress), max(1, len(progress) // 6)):
    line = progress[at]
    support.say(f"step {line['step']:3}: reward {line['reward']:.3f}, {line['completion_tokens']:.1f} tokens, "
                f"{line['groups_without_spread']:.2f} of groups without spread, {line['truncated']:.2f} truncated")
after, length_after = rewards("after", held_out, folder / "run" / "adapter")
support.say(f"after:  {support.shown(support.interval(after))}, {length_after:.1f} tokens an answer")
gain = support.interval([y - x for x, y in zip(before, after)])
support.say(f"gain:   {support.shown(gain)} on held-out tasks, 95% interval over tasks")
if gain[1] <= 0:
    support.say("FAILED: the interval does not exclude no improvement")
    sys.exit(1)
