"""What the figures amount to: Hone's beside the peer's, beside bar and aim, and beside the machine's matrix product."""
import json

# work: (bar, aim) of Hone's rate over transformers', which is taken in the type that it is faster in: bf16 where the
# processor multiplies it, fp32 elsewhere. Hone's is its fastest too.
BARS = {"sft": (2, 3), "dpo": (2, 4), "score": (1.5, 2.5), "generate": (2, 3)}
STREAM_BAR = 0.8  # of llama.cpp's bytes per second
MEMORY_BAR, MEMORY_AIM = 0.5, 0.3
UNITS = {"sft": "tokens/s", "dpo": "pairs/s", "score": "tokens/s", "generate": "tokens/s", "stream": "tokens/s"}
BYTES = {"fp32": 4, "bf16": 2, "fp16": 2}
TITLES = {"sft": "SFT, LoRA r16", "dpo": "DPO, LoRA r16", "score": "log-probabilities", "generate": "16 answers at once",
          "stream": "one stream"}


class Shape:
    """A Llama's sizes, and the operations that work on it needs, counted as they must be done: what is frozen has no
    gradient, and logits are of tokens that count. Padding is no work."""

    def __init__(self, model):
        config = json.loads((model / "config.json").read_text())
        hidden, inner = config["hidden_size"], config["intermediate_size"]
        head = config.get("head_dim") or hidden // config["num_attention_heads"]
        queries, keys = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
        linear = [(hidden, queries), (hidden, keys), (hidden, keys), (queries, hidden)]
        linear += [(hidden, inner), (hidden, inner), (inner, hidden)]
        self.layers, self.queries, self.inner, self.hidden = config["num_hidden_layers"], queries, inner, hidden
        self.linear = self.layers * sum(a * b for a, b in linear)
        self.sides = self.layers * sum(a + b for a, b in linear)  # an adapter's parameters for each of its ranks
        self.head = hidden * config["vocab_size"]
        stored = {"float32": 4}.get(config.get("torch_dtype") or config.get("dtype"), 2)
        self.parameters = sum(path.stat().st_size for path in model.glob("*.safetensors")) / stored

    def forward(self, length, targets):
        return 2 * self.linear * length + 2 * self.head * targets + 2 * self.layers * self.queries * length**2

    def lora_step(self, length, targets, rank):
        attention = 2 * self.layers * self.queries * length**2
        return 4 * self.linear * length + 6 * rank * self.sides * length + 4 * self.head * targets + 3 * attention


def median(values):
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def verdict(ratio, bar, aim, smaller=False):
    reached = (lambda limit: ratio <= limit) if smaller else (lambda limit: ratio >= limit)
    if aim is not None and reached(aim):
        return "aim met"
    return "bar met" if reached(bar) else "MISSED"


class Report:
    def __init__(self, figures):
        self.figures = figures

    def value(self, work, side, dtype, key="rate"):
        these = (f for f in self.figures if (f["work"], f["side"], f["dtype"]) == (work, side, dtype))
        found = [f[key] for f in these if f.get(key) is not None]
        return median(found) if found else None

    def dtypes(self, work, side):
        """Those measured, the fastest first."""
        found = {f["dtype"] for f in self.figures if (f["work"], f["side"]) == (work, side)}
        return sorted(found, key=lambda dtype: -self.value(work, side, dtype))

    def rows(self):
        """(what, Hone's, the peer, its figure, ratio, bar, aim, verdict), those with a bar first."""
        barred, others = [], []
        for work in BARS:
            for mine in self.dtypes(work, "hone"):
                for theirs in self.dtypes(work, "transformers"):
                    first = (mine, theirs) == (self.dtypes(work, "hone")[0], self.dtypes(work, "transformers")[0])
                    limits = BARS[work] if first else (None, None)
                    (barred if first else others).extend(
                        self.row(work, mine, "transformers", theirs, "rate", UNITS[work], *limits))
        for mine in self.dtypes("stream", "hone"):
            barred += self.row("stream", mine, "llama.cpp", "Q4_1", "gb_per_s", "GB of weights/s", STREAM_BAR, None)
            for side in ("llama.cpp", "transformers"):
                for theirs in self.dtypes("stream", side):
                    others += self.row("stream", mine, side, theirs, "rate", UNITS["stream"])
        for work in ("sft", "dpo"):
            for theirs in self.dtypes(work, "transformers")[:1]:
                barred += self.row(work, "bf16", "transformers", theirs, "peak_gb", "GB of memory at most", MEMORY_BAR,
                                   MEMORY_AIM)
        return barred + others

    def row(self, work, my_dtype, peer, their_dtype, key, unit, bar=None, aim=None):
        mine, theirs = self.value(work, "hone", my_dtype, key), self.value(work, peer, their_dtype, key)
        if not mine or not theirs:
            return []
        ratio = mine / theirs
        return [(f"{TITLES[work]}, {my_dtype}: {unit}", number(mine), f"{peer}, {their_dtype}", number(theirs),
                 f"{ratio:.2f}", "" if bar is None else f"{bar}x", "" if aim is None else f"{aim}x",
                 "" if bar is None else verdict(ratio, bar, aim, smaller=key == "peak_gb"))]

    def limits(self):
        """Lines on the machine's matrix product, and Hone's share of it."""
        gemm = next((f["rates"] for f in reversed(self.figures) if f["work"] == "gemm"), None)
        if not gemm:
            return []
        lines = ["torch's matrix product: " + ", ".join(f"{shape} {rate / 1e9:.0f} GFLOP/s" for shape, rate in gemm.items())]
        for work, dtype in (("sft", "bf16"), ("score", "bf16"), ("score", "fp32")):
            rate = self.value(work, "hone", dtype, "flops")
            if rate:
                shares = ", ".join(f"{rate / limit:.0%} of {shape}" for shape, limit in gemm.items())
                lines.append(f"{work}, {dtype}: {rate / 1e9:.0f} GFLOP/s, {shares}")
        return lines

    def print(self):
        rows = self.rows()
        for what, mine, peer, theirs, ratio, bar, aim, said in rows:
            wanted = f" (bar {bar}{f', aim {aim}' if aim else ''}): {said}" if bar else ""
            print(f"ratio    {what}: {mine}, {ratio} of {theirs} by {peer}{wanted}")
        for line in self.limits():
            print(f"limit    {line}")
        print("\n| work | Hone | peer | its figure | ratio | bar | aim | |\n|---|---|---|---|---|---|---|---|")
        for row in rows:
            print("| " + " | ".join(row) + " |")
        for line in self.limits():
            print(f"\n{line}.")
