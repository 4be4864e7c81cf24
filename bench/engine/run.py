#!/usr/bin/env python3
"""`./dev bench engine`: hone-engine beside transformers with PEFT and TRL, and beside llama.cpp, on SmolLM2, two
threads, one after the other in the same run. About ten minutes on two cores, and some more the first time.

  --quick            a step or an answer of each: minutes, and rough
  --works A,B        of: sft, dpo, score, generate, stream, gemm (what the processor multiplies at most); peak memory
                     is that of sft and dpo
  --peers A,B        of: transformers, llama.cpp; none: Hone alone
  --repeats N        each work by each in turn, so many times (default 1); medians are compared
  --json FILE        all figures

docs/performance.md tells what the works are and what was measured."""
import argparse
import http.client
import json
import os
import pathlib
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
import hone
import peers
import texts
from installing import ROOT, NotInstallable
from report import BYTES, UNITS, Report, Shape

WORKS = ["gemm", "sft", "dpo", "score", "generate", "stream"]
SEED = 7
LORA_R = 16
BATCH = {"sft": 8, "dpo": 4, "score": 8}
AT_ONCE = 16
# Where the processor has no bf16 products, Hone computes bf16 work in fp32 and serves fp16 weights; a peer's bf16 is
# emulated there, many times slower than its fp32, and beating that would be no merit.
HAS_BF16 = "avx512_bf16" in pathlib.Path("/proc/cpuinfo").read_text()
DTYPES = ["bf16", "fp32"] if HAS_BF16 else ["fp32"]


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--works", default=",".join(WORKS))
    parser.add_argument("--peers", default="transformers,llama.cpp")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--serve-dtypes", default="bf16" if HAS_BF16 else "fp16", help="--dtype of hone-engine serve, one or several")
    parser.add_argument("--dtypes", default=",".join(DTYPES), help="of the peer, and of hone-engine score")
    parser.add_argument("--engine", default=str(hone.ENGINE), help="another hone-engine")
    parser.add_argument("--model", default=os.environ.get("HONE_BASE_MODEL"), help="a Hugging Face folder")
    parser.add_argument("--gguf", default=os.environ.get("HONE_BASE_GGUF"), help="the same model for llama.cpp")
    parser.add_argument("--shared", default=os.environ.get("HONE_SHARED", str(ROOT / "../shared")))
    parser.add_argument("--json", default=str(ROOT / "build/bench-engine.json"))
    options = parser.parse_args()
    options.works = [work for work in options.works.split(",") if work]
    options.peers = [peer for peer in options.peers.split(",") if peer not in ("", "none")]
    options.serve_dtypes, options.dtypes = options.serve_dtypes.split(","), options.dtypes.split(",")
    for given, known in ((options.works, WORKS), (options.peers, [kind.name for kind in peers.ALL]),
                         (options.dtypes, ["bf16", "fp32"])):
        for name in given:
            if name not in known:
                parser.error(f"'{name}' is none of {', '.join(known)}")
    if not options.model or not (pathlib.Path(options.model) / "config.json").exists():
        parser.error("--model (or HONE_BASE_MODEL) must name a model folder in Hugging Face layout")
    # Absolute, because a run folder's paths begin at the folder.
    options.model, options.shared = (pathlib.Path(path).resolve() for path in (options.model, options.shared))
    # sft and dpo: steps, of which the first is left out.
    options.sizes = ({"sft": 2, "dpo": 2, "score": 40, "generate": 16, "stream": 32, "gemm": 0.5} if options.quick else
                     {"sft": 5, "dpo": 4, "score": 56, "generate": 64, "stream": 128, "gemm": 3})
    return options


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.environment = hone.environment_of(options.threads)
        self.shape = Shape(options.model)
        self.figures, self.failed, self.number = [], 0, 0
        self.sums = {}  # (side, dtype): the log-probability of each text
        self.common = {"model": str(options.model), "threads": options.threads}
        self.run_toml = {"base_model": str(options.model), "seed": SEED, "lora_r": LORA_R, "lora_alpha": 2 * LORA_R,
                         "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
                         "learning_rate": 1e-4, "schedule": "constant", "epochs": 1, "max_tokens": texts.MAX_TOKENS,
                         "dtype": "bf16", "threads": options.threads, "checkpoint_every": 1_000_000}

    def next_folder(self):
        self.number += 1
        return self.folder / str(self.number)

    def prepare(self):
        """What the works are about, once."""
        options, sizes = self.options, self.options.sizes
        source = (options.engine, options.model, options.shared)
        if "sft" in options.works:
            self.demonstrations = texts.demonstrations(*source, sizes["sft"] * BATCH["sft"], SEED)
        if "dpo" in options.works:
            self.preferences = texts.preferences(*source, sizes["dpo"] * BATCH["dpo"], SEED)
        if "score" in options.works:
            _, encoded = texts.demonstrations(*source, sizes["score"], SEED + 1)
            self.texts = [one["ids"] for one in encoded]
        if {"generate", "stream"} & set(options.works):
            asked = texts.questions(options.shared, 2 * AT_ONCE, SEED)
            self.questions, self.warmup = asked[:AT_ONCE], asked[AT_ONCE:]

    def add(self, work, side, dtype, repeat, rate, **more):
        figure = {"work": work, "side": side, "dtype": dtype, "repeat": repeat, "rate": rate, **more}
        self.figures.append(figure)
        line = f"{side:12} {work:8} {dtype:4} {rate:9.2f} {UNITS[work]}"
        if more.get("peak_gb"):
            line += f", peak {more['peak_gb']:.2f} GB"
        if more.get("gb_per_s"):
            line += f", {more['gb_per_s']:.1f} GB of weights/s"
        if more.get("losses"):
            line += f", loss {more['losses'][0]:.4f} to {more['losses'][-1]:.4f}"
        print(line, flush=True)

    # Training: {"seconds", "losses"} at the end of each step, so that the first step, which pays for what is done once,
    # can be left out.
    def training(self, work, sides, repeat):
        dataset, encoded = self.demonstrations if work == "sft" else self.preferences
        batch = BATCH[work]
        order = texts.order_of_a_run(len(encoded), SEED)
        steps = [[encoded[i] for i in order[first:first + batch]] for first in range(0, len(order), batch)]
        counts = [sum(self.tokens(one) for one in step) for step in steps]
        per_step = counts if work == "sft" else [batch] * len(steps)
        flops = self.sft_flops(steps[1:]) if work == "sft" else None
        method = {"beta": 0.1} if work == "dpo" else {}

        def add(side, dtype, result, peak_mb):
            seconds = result["seconds"][-1] - result["seconds"][0]
            share = flops / seconds if side == "hone" and flops else None
            self.add(work, side, dtype, repeat, sum(per_step[1:]) / seconds, seconds=seconds, losses=result["losses"],
                     peak_gb=peak_mb / 1e3, flops=share)

        if "hone" in sides:
            run = {**self.run_toml, "method": work, "batch_size": batch, **method}
            folder = self.next_folder()
            result = hone.train(folder / "run", self.log(folder), self.environment, run, dataset)
            if result["tokens"] != counts:
                print(f"hone         {work:8} took its examples in another order than the peer: the first step, which is left "
                      f"out, differs ({result['tokens']} and {counts} tokens)", flush=True)
            add("hone", "bf16", result, result["peak_mb"])
        if "transformers" in sides:
            same = {name: self.run_toml[name] for name in ("lora_r", "lora_alpha", "target_modules", "learning_rate")}
            task = {**self.common, **same, **method, "work": work, "batch_size": batch,
                    "examples": [one for step in steps for one in step]}
            for dtype in self.options.dtypes[:1]:
                result, peak = sides["transformers"].train({**task, "dtype": dtype}, self.next_folder(), self.environment)
                add("transformers", dtype, result, peak)

    @staticmethod
    def tokens(example):
        if "ids" in example:
            return len(example["ids"])
        return 2 * len(example["prompt_ids"]) + len(example["chosen_ids"]) + len(example["rejected_ids"])

    def sft_flops(self, steps):
        return sum(self.shape.lora_step(len(one["ids"]), len(one["ids"]) - one["begin"], LORA_R)
                   for step in steps for one in step)

    def score(self, sides, repeat):
        if "hone" in sides:
            for dtype in self.options.dtypes:
                result = hone.score(self.log(self.next_folder()), self.environment, self.options.model, dtype,
                                    self.options.threads, self.texts)
                done = self.texts[-result["texts"]:]
                flops = sum(self.shape.forward(len(ids), len(ids) - 1) for ids in done) / result["seconds"]
                self.add("score", "hone", dtype, repeat, sum(map(len, done)) / result["seconds"], peak_gb=result["peak_mb"] / 1e3,
                         seconds=result["seconds"], flops=flops)
                self.sums["hone", dtype] = result["sums"]
        if "transformers" in sides:
            task = {**self.common, "work": "score", "dtypes": self.options.dtypes, "batch_size": BATCH["score"], "texts": self.texts}
            results, peak = sides["transformers"].infer(task, self.next_folder(), self.environment)
            for dtype, result in results.items():
                seconds = result["seconds"][-1] - result["seconds"][0]
                self.add("score", "transformers", dtype, repeat, sum(map(len, self.texts[BATCH["score"]:])) / seconds,
                         peak_gb_of_all_dtypes=peak / 1e3, seconds=seconds)
                self.sums["transformers", dtype] = result["sums"]

    def compare(self):
        """Both sides must have done the same work."""
        for dtype in self.options.dtypes:
            if ("hone", dtype) in self.sums and ("transformers", dtype) in self.sums:
                off = max(abs(mine - theirs) / (len(ids) - 1) for mine, theirs, ids in
                          zip(self.sums["hone", dtype], self.sums["transformers", dtype], self.texts))
                print(f"both         score    {dtype:4} mean log-probabilities of a text differ by {off:.1e} at most", flush=True)

    def generate(self, sides, repeat):
        length = self.options.sizes["generate"]
        if "hone" in sides:
            for dtype in self.options.serve_dtypes:
                with self.server(dtype) as server:
                    result = hone.generate(server, self.warmup, self.questions, length)
                self.add("generate", "hone", dtype, repeat, result["tokens"] / result["seconds"], peak_gb=result["peak_mb"] / 1e3,
                         seconds=result["seconds"])
        if "transformers" in sides:
            self.infer("generate", length, sides["transformers"], repeat)

    def stream(self, sides, repeat):
        length = self.options.sizes["stream"]
        if "hone" in sides:
            for dtype in self.options.serve_dtypes:
                with self.server(dtype) as server:
                    result = hone.stream(server, self.warmup, self.questions[0], length)
                self.add_stream("hone", dtype, repeat, result, self.read_bytes(dtype), peak_gb=result["peak_mb"] / 1e3)
        if "transformers" in sides:
            self.infer("stream", length, sides["transformers"], repeat)
        if "llama.cpp" in sides:
            task = {**self.common, "gguf": self.options.gguf, "warmup": self.warmup, "questions": self.questions,
                    "length": length}
            result, peak = sides["llama.cpp"].stream(task, self.next_folder(), self.environment)
            self.add_stream("llama.cpp", "Q4_1", repeat, result, os.path.getsize(self.options.gguf), peak_gb=peak / 1e3)

    def infer(self, work, length, peer, repeat):
        task = {**self.common, "work": work, "dtypes": self.options.dtypes, "warmup": self.warmup, "questions": self.questions,
                "length": length}
        results, peak = peer.infer(task, self.next_folder(), self.environment)
        for dtype, result in results.items():
            more = {"peak_gb_of_all_dtypes": peak / 1e3}
            if work == "stream":
                self.add_stream("transformers", dtype, repeat, result, self.read_bytes(dtype), **more)
            else:
                rate = result["tokens"] / result["seconds"]
                self.add(work, "transformers", dtype, repeat, rate, seconds=result["seconds"], **more)

    def add_stream(self, side, dtype, repeat, result, weights, **more):
        rate = result["tokens"] / result["seconds"]
        self.add("stream", side, dtype, repeat, rate, seconds=result["seconds"],
                 gb_per_s=rate * weights / 1e9 if weights else None, **more)

    def read_bytes(self, dtype):
        """Of weights, for each token: all of them, once. None: of this dtype it is not known."""
        return self.shape.parameters * BYTES[dtype] if dtype in BYTES else None

    def server(self, dtype):
        return hone.Server(self.log(self.next_folder()), self.environment, self.options.model, dtype, self.options.threads)

    @staticmethod
    def log(folder):
        folder.mkdir(parents=True, exist_ok=True)
        return folder / "hone.log"

    def gemm(self, sides, repeat):
        if "transformers" not in sides:  # whose torch it is
            return
        shapes = [[1024, self.shape.hidden, self.shape.inner], [4096, 4096, 4096]]
        task = {**self.common, "work": "gemm", "dtypes": self.options.dtypes, "shapes": shapes, "seconds": self.options.sizes["gemm"]}
        rates, _ = sides["transformers"].infer(task, self.next_folder(), self.environment)
        self.figures.append({"work": "gemm", "side": "torch", "dtype": "", "repeat": repeat, "rates": rates})
        for shape, rate in rates.items():
            print(f"torch        gemm     {rate / 1e9:9.1f} GFLOP/s, {shape}", flush=True)

    def measure(self, work, sides, repeat):
        """Each side by itself: one that fails is named, and the others go on."""
        for name in sides:
            one = {name: sides[name]}
            try:
                if work in ("sft", "dpo"):
                    self.training(work, one, repeat)
                else:
                    getattr(self, work)(one, repeat)
            except (hone.Failed, OSError, ValueError, http.client.HTTPException) as problem:
                self.failed += 1
                print(f"FAILED {name} {work}: {problem}", flush=True)

    def run(self, sides):
        for repeat in range(self.options.repeats):
            for work in (work for work in WORKS if work in self.options.works):
                self.measure(work, sides, repeat)
        self.compare()


def main():
    options = read_options()
    hone.ENGINE = pathlib.Path(options.engine)
    if os.getloadavg()[0] > 0.5:
        print(f"note         the machine is at work already (load {os.getloadavg()[0]:.1f}), and the figures suffer",
              flush=True)
    if not HAS_BF16:
        print(f"note         this processor has no bf16 products: Hone computes in fp32, transformers in "
              f"{' and '.join(options.dtypes)}", flush=True)
    sides = {"hone": None}
    missing = 0
    for kind in (kind for kind in peers.ALL if kind.name in options.peers):
        peer = kind()
        try:
            peer.install()
            sides[peer.name] = peer
        except NotInstallable as reason:
            missing += 1
            print(f"SKIPPED {peer.name}: cannot be installed here: {reason}", flush=True)
    with tempfile.TemporaryDirectory(prefix="hone-bench-engine-") as folder:  # the texts stay out of the repository
        bench = Bench(options, pathlib.Path(folder))
        try:
            bench.prepare()
        except texts.NoData as problem:
            sys.exit(f"bench engine: {problem}")
        bench.run(sides)
    Report(bench.figures).print()
    pathlib.Path(options.json).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(options.json).write_text(json.dumps({"sizes": options.sizes, "figures": bench.figures}, indent=1))
    return 1 if bench.failed or missing else 0


if __name__ == "__main__":
    sys.exit(main())
