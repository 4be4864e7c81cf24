"""Generates one stream as llama.cpp does it, for run.py: `llama_cpp_peer.py TASK.json`. The last line of stdout is
{"seconds", "tokens"} from an answer's first token to its last."""
import json
import pathlib
import sys
import time

from llama_cpp import Llama


def answer(model, question, length):
    """The time at which each token was there. End tokens do not end it."""
    text = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
    ticks = []
    for _ in model.generate(model.tokenize(text.encode(), add_bos=False, special=True), temp=0.0):
        ticks.append(time.monotonic())
        if len(ticks) == length:
            return ticks


def main():
    task = json.loads(pathlib.Path(sys.argv[1]).read_text())
    model = Llama(task["gguf"], n_threads=task["threads"], n_threads_batch=task["threads"], n_ctx=2048, verbose=False)
    answer(model, task["warmup"][0], 4)
    ticks = answer(model, task["questions"][0], task["length"])
    print(json.dumps({"seconds": ticks[-1] - ticks[0], "tokens": len(ticks) - 1}))


if __name__ == "__main__":
    main()
