"""The model that learns: a Llama of some hundred thousand weights, at random, with a token for each word, trained by
`hone-engine train` as a reward model, and asked by `hone-engine score --reward`."""
import array
import json
import math
import os
import random
import re
import shutil
import struct
import subprocess

import workforce
from installing import ROOT

ENGINE = ROOT / "build/release/bin/hone-engine"
HIDDEN, INNER, LAYERS, HEADS, KEY_HEADS = 64, 128, 2, 4, 2
TEMPLATE = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + "
            "'<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")


class EngineFailed(Exception):
    """With what the program said."""


def vocabulary():
    """Printable characters, and every word of the texts, with the blank before it (as byte-level BPE writes it)."""
    words = {"user", "assistant", "system"}
    for text in workforce.all_texts():
        words |= set(re.findall(r" ?[A-Za-z]+", text))
    characters = [chr(code) for code in range(ord("!"), ord("~") + 1)] + ["\u0120", "\u010a"]
    written = sorted(word.replace(" ", "\u0120") for word in words)
    return characters + [word for word in written if word not in set(characters)]


def write_model(folder, seed):
    folder.mkdir(parents=True)
    vocab = vocabulary()
    special = ["<|im_start|>", "<|im_end|>"]
    size = len(vocab) + len(special)
    tokenizer = {"added_tokens": [{"id": len(vocab) + i, "content": text, "special": True} for i, text in enumerate(special)],
                 "normalizer": None, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
                 "decoder": {"type": "ByteLevel"},
                 "model": {"type": "BPE", "ignore_merges": True, "merges": [],
                           "vocab": {text: i for i, text in enumerate(vocab)}}}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE, "eos_token": special[1]}))
    (folder / "config.json").write_text(json.dumps(
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "vocab_size": size,
         "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
         "num_key_value_heads": KEY_HEADS, "max_position_embeddings": 512, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
         "tie_word_embeddings": True, "eos_token_id": size - 1, "torch_dtype": "float32"}))
    write_weights(folder / "model.safetensors", size, seed)


def write_weights(path, vocab_size, seed):
    """Normal, with a deviation that keeps a state's size from layer to layer; norms are 1."""
    keys = HIDDEN // HEADS * KEY_HEADS
    shapes = {"model.embed_tokens.weight": [vocab_size, HIDDEN], "model.norm.weight": [HIDDEN]}
    for layer in range(LAYERS):
        name = f"model.layers.{layer}."
        shapes |= {name + "input_layernorm.weight": [HIDDEN], name + "post_attention_layernorm.weight": [HIDDEN],
                   name + "self_attn.q_proj.weight": [HIDDEN, HIDDEN], name + "self_attn.k_proj.weight": [keys, HIDDEN],
                   name + "self_attn.v_proj.weight": [keys, HIDDEN], name + "self_attn.o_proj.weight": [HIDDEN, HIDDEN],
                   name + "mlp.gate_proj.weight": [INNER, HIDDEN], name + "mlp.up_proj.weight": [INNER, HIDDEN],
                   name + "mlp.down_proj.weight": [HIDDEN, INNER]}
    chance, header, data = random.Random(f"{seed}/model"), {}, array.array("f")
    for name, shape in shapes.items():
        begin, count = 4 * len(data), math.prod(shape)
        if len(shape) == 1:
            data.extend([1.0] * count)
        else:
            deviation = 0.1 if "embed" in name else shape[1] ** -0.5
            data.extend(chance.gauss(0, deviation) for _ in range(count))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, 4 * len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data.tobytes())


def run(words, given=None):
    # One thread each: the model is small, and two run beside each other.
    done = subprocess.run([str(ENGINE), *map(str, words)], input=given, capture_output=True, text=True,
                          env={**os.environ, "OMP_NUM_THREADS": "1"})
    if done.returncode != 0:
        raise EngineFailed(f"hone-engine {words[0]} ended with {done.returncode}: {done.stderr[-1000:]}")
    return done.stdout


def train(folder, model, pairs, seed, options):
    """The folder of the reward model that the pairs make of `model`."""
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_text("".join(
        json.dumps({"id": f"pair{number}", "prompt": [{"role": "user", "content": prompt}], "chosen": better,
                    "rejected": worse}) + "\n" for number, (prompt, better, worse) in enumerate(pairs)))
    fields = {"method": "reward", "base_model": str(model), "dataset": "train.jsonl", "seed": seed, "lora_r": 0,
              "learning_rate": options.learning_rate, "schedule": "cosine", "warmup_fraction": 0.1,
              "epochs": options.epochs, "batch_size": 16, "max_tokens": 256, "dtype": "fp32", "threads": 1,
              "checkpoint_every": 1_000_000, "centring": 0.01}
    (folder / "run.toml").write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in fields.items()))
    run(["train", folder])
    result = json.loads((folder / "result.json").read_text())
    if result.get("state") != "done" or result.get("left_out"):
        raise EngineFailed(f"{folder}: {json.dumps(result)}")
    return folder / result["output"]


def prefers_rightly(trained, held_out):
    """Of the held-out pairs, the better answer first: the share in which the model gives it more."""
    given = "".join(json.dumps({"messages": [{"role": "user", "content": one.prompt},
                                             {"role": "assistant", "content": one.text}]}) + "\n"
                    for pair in held_out for one in pair)
    words = ["score", "--model", trained, "--reward", "--dtype", "fp32", "--threads", 1]
    rewards = [json.loads(line)["reward"] for line in run(words, given).splitlines()]
    if len(rewards) != 2 * len(held_out) or not all(math.isfinite(one) for one in rewards):
        raise EngineFailed(f"score gave {len(rewards)} rewards for {2 * len(held_out)} answers, or such as are no numbers")
    return sum(1.0 if better > worse else 0.5 if better == worse else 0.0
               for better, worse in zip(rewards[0::2], rewards[1::2])) / len(held_out)


def accuracy(folder, model, pairs, held_out, seed, options):
    trained = train(folder, model, pairs, seed, options)
    found = prefers_rightly(trained, held_out)
    shutil.rmtree(folder)
    return found
