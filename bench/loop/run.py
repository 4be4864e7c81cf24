#!/usr/bin/env python3
"""`./dev bench loop`: does the loop pay? A simulated workforce, whose true preference and whose noise are known, judges
answers; a model learns from what it says, once through Hone's verdicts and curation, once from raw clicks, from a
majority vote, and from clicks centred per person; and on unseen answers it is counted how often each model prefers what
is truly better. Then again with one part of Hone left out, and again with people who make no mistakes.

  --quick            one seed: no interval, and no verdict
  --seeds N          1, 2, … N (default 5)
  --prompts N        that people ask, eight answers each (default 500)
  --examples N       pairs that each model learns from, at most (default 600)
  --draws N          so many draws of the pairs, each with a model of its own, whose mean counts (default 4)
  --epochs, --learning-rate   of all models alike
  --jobs N           trainings beside each other (default 2)
  --keep FOLDER      a new folder, in which the stores are left
  --json FILE        all figures

Exits with 1 where what is promised is not shown. docs/performance.md tells what is measured, and how."""
import argparse
import concurrent.futures
import json
import pathlib
import random
import shutil
import sys
import tempfile
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
import engine
import labels
import store
import workforce
from installing import ROOT
from report import FULL, TRUTH, Report

HELD_OUT_PAIRS = 400
MOST_PROMPTS = 1100  # so that there are others left for the held-out pairs
FEWEST_PAIRS = 16
MORE, MORE_RAW = 4, "four times as many raw clicks"
WORLDS = ["noise", "no noise"]


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--prompts", type=int, default=500)
    parser.add_argument("--examples", type=int, default=600)
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--epochs", type=float, default=4.0)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep")
    parser.add_argument("--json", default=str(ROOT / "build/bench-loop.json"))
    options = parser.parse_args()
    if options.quick:
        options.seeds = options.draws = 1
    if not 1 <= options.prompts <= MOST_PROMPTS:
        parser.error(f"--prompts must be from 1 to {MOST_PROMPTS}")
    if not 1 <= options.seeds <= 10 or options.examples < FEWEST_PAIRS or min(options.jobs, options.draws) < 1:
        parser.error("--seeds must be from 1 to 10, --examples at least 16, --draws and --jobs at least 1")
    return options


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder, self.figures, self.worlds = options, folder, [], []
        self.began = time.monotonic()

    def say(self, text):
        print(f"[{time.monotonic() - self.began:5.0f} s] {text}", flush=True)

    def prepare(self):
        self.people = store.Store(self.folder / "people")
        self.keys = self.people.make_people()
        self.say(f"{len(self.keys)} people have their keys")

    def measure(self, seed, name):
        """One seed's world, with noise or without: every arm's figures."""
        options = self.options
        clean = name == "no noise"
        world = workforce.make_world(seed, options.prompts, HELD_OUT_PAIRS, clean)
        batches = [batch for batch in workforce.deliveries(world, seed) if batch]
        delivered = [signal for batch in batches for signal in batch]
        folder = self.folder / f"{seed}{'-clean' if clean else ''}"
        home = store.Store(folder, store.free_port())
        home.copy_people(self.people)
        stored = home.take_in(world, batches, self.keys)
        self.say(f"seed {seed}, {name}: {len(world.answers)} answers, {len(delivered)} deliveries, {stored} signals stored")

        arms, about = self.pairs_of(home, world, delivered, seed, clean)
        worth = {(one.prompt, one.text): one.worth for one in world.answers}
        # As many for each as all can have. What is left out of Hone may cost examples too, so those take what they get;
        # and as clicks are plenty, more of them are tried besides.
        equal = min([options.examples, *(len(pairs) for arm, pairs in arms.items() if arm not in labels.LEAVE_OUT)])
        fewest = min(arms, key=lambda arm: len(arms[arm]))
        if len(arms[fewest]) < FEWEST_PAIRS:
            raise store.Failed(f"seed {seed}, {name}: '{fewest}' has only {len(arms[fewest])} pairs to learn from")
        model = folder / "model"
        engine.write_model(model, seed)
        jobs = {}
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            for number, (arm, pairs) in enumerate(arms.items()):
                wanted = min(MORE * equal if arm == MORE_RAW else equal, len(pairs))
                for draw in range(options.draws):
                    taken = random.Random(f"{seed}/{arm}/{draw}").sample(sorted(pairs), wanted)
                    job = pool.submit(engine.accuracy, folder / f"run{number}-{draw}", model, taken, world.held_out,
                                      seed + 1000 * draw, options)
                    jobs.setdefault(arm, []).append((taken, job))
        for arm, draws in jobs.items():
            all_taken = [pair for taken, _ in draws for pair in taken]
            right = sum(worth[prompt, better] > worth[prompt, worse] for prompt, better, worse in all_taken) / len(all_taken)
            accuracies = [job.result() for _, job in draws]
            figure = {"seed": seed, "world": name, "arm": arm, "available": len(arms[arm]), "taken": len(draws[0][0]),
                      "right": right, "accuracy": sum(accuracies) / len(accuracies), "accuracies": accuracies,
                      **about.get(arm, {})}
            self.figures.append(figure)
            self.say(f"seed {seed}, {name}: {arm:26} {figure['taken']:5} pairs, {right:.3f} right, prefers rightly "
                     f"{figure['accuracy']:.3f}")
        self.worlds.append({"seed": seed, "world": name, "noise": vars(world.noise), "worth": world.worth,
                            "answers": len(world.answers), "deliveries": len(delivered), "stored": stored,
                            "clicks_by": self.clicks_by(world, delivered)})
        if not options.keep:
            shutil.rmtree(folder)

    def pairs_of(self, home, world, delivered, seed, clean):
        arms, about = {}, {}

        def hone(arm, policy, cap):
            slug = arm.replace(" ", "-")
            arms[arm], about[arm] = home.examples(slug, policy, cap, seed)
            known = {(one.prompt, one.text) for one in world.answers}
            for prompt, better, worse in arms[arm]:
                if (prompt, better) not in known or (prompt, worse) not in known:
                    raise store.Failed(f"the dataset has a text that nobody wrote: {prompt!r}, {better!r}, {worse!r}")

        hone(FULL, store.POLICY, 60)
        for arm, label in labels.BASELINES.items():
            arms[arm] = labels.pairs(label(world.answers, delivered), seed)
        arms[TRUTH] = labels.pairs(labels.truth(world.answers, delivered), seed)
        if not clean:
            arms[MORE_RAW] = arms["raw clicks"]
            text = store.POLICY.read_text()
            for arm, parts in labels.LEAVE_OUT.items():
                policy = home.folder / f"{arm.replace(' ', '-')}.toml"
                policy.write_text(labels.policy_without(text, parts))
                hone(arm, policy, 0 if "caps" in parts else 60)
        return arms, about

    @staticmethod
    def clicks_by(world, delivered):
        """Share of all clicks, by what people are: how loud the noise is."""
        counts = {}
        for one in labels.clicks(delivered):
            counts[world.kinds[one.person]] = counts.get(world.kinds[one.person], 0) + 1
        return {kind: round(count / sum(counts.values()), 3) for kind, count in sorted(counts.items())}


def main():
    options = read_options()
    with tempfile.TemporaryDirectory(prefix="bench-loop-") as temporary:
        folder = pathlib.Path(options.keep or temporary).resolve()
        bench = Bench(options, folder)
        try:
            bench.prepare()
            for seed in range(1, options.seeds + 1):
                for name in WORLDS:
                    bench.measure(seed, name)
        except (store.Failed, engine.EngineFailed, OSError) as problem:
            print(f"bench loop: {problem}", file=sys.stderr)
            return 2
        report = Report(bench.figures)
        passes = report.print()
        path = pathlib.Path(options.json)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"options": vars(options), "seconds": round(time.monotonic() - bench.began),
                                    "worlds": bench.worlds, "figures": bench.figures,
                                    "promises": [{"holds": holds, "says": says} for holds, says in report.verdicts()],
                                    "shares": report.shares(), "passes": passes}, indent=1) + "\n")
        print(f"all figures: {path}; {time.monotonic() - bench.began:.0f} s")
        return 0 if passes else 1


if __name__ == "__main__":
    sys.exit(main())
