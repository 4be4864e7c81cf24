"""What the tests of exports share: hone-engine's commands, an adapter, and the list of what does not hold."""
import json
import os
import pathlib
import struct
import subprocess
import sys

TEXTS = [
    "The capital of France is Paris, and the capital of Italy is Rome.",
    "def add(a, b):\n    return a + b\n\nprint(add(12, 3456))\n",
    "<|im_start|>user\nWhat is the largest planet?<|im_end|>\n<|im_start|>assistant\nJupiter.<|im_end|>\n",
    "Grüße aus Köln!  Twice  the blanks,\ttabs, 日本語 and 🙂 too.\n\n",
]
RANK, ALPHA = 8, 16
ROOT = pathlib.Path(__file__).resolve().parents[2]
INSIDE = "HONE_TRANSFORMERS_VENV"


class Checks:
    def __init__(self):
        self.failed = []

    def that(self, holds, what):
        print(("ok    " if holds else "FAIL  ") + what, flush=True)
        if not holds:
            self.failed.append(what)

    def end(self):
        if self.failed:
            sys.exit(f"{len(self.failed)} checks failed")


def enter_transformers():
    """The same script under the interpreter that has transformers and datasets, if this is not it."""
    if os.environ.get(INSIDE) == "1":
        return
    sys.path[1:1] = [str(ROOT / "bench"), str(ROOT / "bench/engine")]
    import installing
    import peers
    peer = peers.Transformers()
    try:
        peer.install()
    except installing.NotInstallable as problem:
        sys.exit(f"transformers cannot be installed here: {problem}")
    environment = peer.environment({**os.environ, INSIDE: "1"})
    os.execve(peer.python, [str(peer.python), *sys.argv], environment)


def engine(program, *arguments, lines=None):
    done = subprocess.run([program, *map(str, arguments)], text=True, capture_output=True,
                          input=None if lines is None else "".join(json.dumps(line) + "\n" for line in lines))
    if done.returncode != 0:
        sys.exit(f"{program} {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def ids_of_texts(program, model, *options):
    answers = engine(program, "tokenize", "--model", model, *options, lines=[{"text": text} for text in TEXTS])
    return [answer["ids"] for answer in answers]


def score(program, model, rows, *options):
    answers = engine(program, "score", "--model", model, "--dtype", "fp32", *options,
                     lines=[{"ids": ids} for ids in rows])
    return [answer["logprobs"] for answer in answers]


def difference(ours, theirs):
    flat = [abs(a - b) for mine, other in zip(ours, theirs) for a, b in zip(mine, other)]
    return sum(flat) / len(flat), max(flat)


def write_adapter(folder, model, rs, seed=5):
    """A random PEFT adapter on all linear modules, strong enough to matter."""
    import numpy
    config = json.loads((model / "config.json").read_text())
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    head = config.get("head_dim") or hidden // config["num_attention_heads"]
    queries = config["num_attention_heads"] * head
    keys = config["num_key_value_heads"] * head
    shapes = {"self_attn.q_proj": (queries, hidden), "self_attn.k_proj": (keys, hidden),
              "self_attn.v_proj": (keys, hidden), "self_attn.o_proj": (hidden, queries),
              "mlp.gate_proj": (inner, hidden), "mlp.up_proj": (inner, hidden), "mlp.down_proj": (hidden, inner)}
    draw = numpy.random.default_rng(seed)
    header, data, at = {}, [], 0
    for layer in range(config["num_hidden_layers"]):
        for module, (out, into) in shapes.items():
            for name, shape, size in (("lora_A", (RANK, into), into ** -0.5), ("lora_B", (out, RANK), 0.015)):
                values = (draw.standard_normal(shape) * size).astype("<f4").tobytes()
                header[f"base_model.model.model.layers.{layer}.{module}.{name}.weight"] = {
                    "dtype": "F32", "shape": list(shape), "data_offsets": [at, at + len(values)]}
                data.append(values)
                at += len(values)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))
    (folder / "adapter_config.json").write_text(json.dumps({
        "peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "use_rslora": rs, "bias": "none",
        "target_modules": [name.split(".")[1] for name in shapes], "task_type": "CAUSAL_LM",
        "base_model_name_or_path": str(model)}))
    return folder
