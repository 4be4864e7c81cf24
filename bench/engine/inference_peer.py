"""Scores and generates as transformers does it, and measures the machine's own matrix product, for run.py:
`inference_peer.py TASK.json`. The last line of stdout is a JSON object of what the task's work says below, by dtype."""
import json
import pathlib
import sys
import time

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LogitsProcessor

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def score(task, model, tokenizer):
    """Log-probabilities of every token after the first, padded batches: {"seconds": [at each batch's end], "sums"}."""
    seconds, sums = [], []
    for first in range(0, len(task["texts"]), task["batch_size"]):
        rows = task["texts"][first:first + task["batch_size"]]
        batch = tokenizer.pad({"input_ids": rows}, return_tensors="pt")
        logits = model(**batch).logits[:, :-1].float()
        targets = batch["input_ids"][:, 1:, None]
        logprobs = logits.log_softmax(-1).gather(-1, targets)[..., 0]
        sums += (logprobs * batch["attention_mask"][:, 1:]).sum(-1).tolist()
        seconds.append(time.monotonic())
    return {"seconds": seconds, "sums": sums}


class Ticks(LogitsProcessor):
    def __init__(self):
        self.seconds = []

    def __call__(self, _, scores):
        self.seconds.append(time.monotonic())
        return scores


def answer(task, model, tokenizer, questions, length, ticks=None):
    tokenizer.padding_side = "left"
    batch = tokenizer.apply_chat_template([[{"role": "user", "content": text}] for text in questions], padding=True,
                                          add_generation_prompt=True, return_tensors="pt", return_dict=True)
    ids = model.generate(**batch, do_sample=False, min_new_tokens=length, max_new_tokens=length,
                         logits_processor=[ticks] if ticks else None, pad_token_id=tokenizer.pad_token_id)
    return ids.shape[0] * (ids.shape[1] - batch["input_ids"].shape[1])


def generate(task, model, tokenizer):
    """All questions in one batch, prompts included: {"seconds", "tokens"}."""
    answer(task, model, tokenizer, task["warmup"], 4)
    began = time.monotonic()
    tokens = answer(task, model, tokenizer, task["questions"], task["length"])
    return {"seconds": time.monotonic() - began, "tokens": tokens}


def stream(task, model, tokenizer):
    """One answer, from its first token to its last: {"seconds", "tokens"}."""
    answer(task, model, tokenizer, task["warmup"][:1], 4)
    ticks = Ticks()
    tokens = answer(task, model, tokenizer, task["questions"][:1], task["length"], ticks)
    assert tokens == len(ticks.seconds), "not a tick for each token"
    return {"seconds": ticks.seconds[-1] - ticks.seconds[0], "tokens": tokens - 1}


def gemm(task):
    """FLOP/s of torch's product of matrices of the given shapes: {"dtype MxKxN": rate}."""
    rates = {}
    for dtype, (m, k, n) in ((dtype, shape) for dtype in task["dtypes"] for shape in task["shapes"]):
        a, b = torch.randn(m, k).to(DTYPES[dtype]), torch.randn(n, k).to(DTYPES[dtype]).t()
        torch.matmul(a, b)
        began, times = time.monotonic(), 0
        while time.monotonic() < began + task["seconds"]:
            torch.matmul(a, b)
            times += 1
        rates[f"{dtype} {m}x{k}x{n}"] = 2 * m * k * n * times / (time.monotonic() - began)
    return rates


@torch.inference_mode()
def main():
    task = json.loads(pathlib.Path(sys.argv[1]).read_text())
    torch.set_num_threads(task["threads"])
    if task["work"] == "gemm":
        print(json.dumps(gemm(task)))
        return
    tokenizer = AutoTokenizer.from_pretrained(task["model"])
    found = {}
    for dtype in task["dtypes"]:
        model = AutoModelForCausalLM.from_pretrained(task["model"], dtype=DTYPES[dtype]).eval()
        found[dtype] = {"score": score, "generate": generate, "stream": stream}[task["work"]](task, model, tokenizer)
        del model
    print(json.dumps(found))


if __name__ == "__main__":
    main()
