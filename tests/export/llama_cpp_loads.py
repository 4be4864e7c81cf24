"""What `hone-engine export` writes, loaded by llama.cpp: the same ids for text, and the same
log-probabilities as `hone-engine score` gives, up to what the types round off. Also: Q8_0 bit for bit
as gguf-py quantises, import of an export, and a merged folder.

    python3 tests/export/llama_cpp_loads.py build/release/bin/hone-engine MODEL_FOLDER [SHARED_FOLDER]

Needs SmolLM2 in Hugging Face layout (`HONE_BASE_MODEL`; any small Llama does but for the greedy
answers of the golden files) and compiles llama-cpp-python at the first run (llama_cpp_setup.py).
Exits 0 where all holds, 1 with what does not.
"""
import json
import os
import pathlib
import struct
import sys
import tempfile

from support import TEXTS, Checks, difference, engine, ids_of_texts, score, write_adapter

# Mean |difference| of a token's log-probability, in nats, that the type's rounding may make: llama.cpp
# multiplies in the type (activations too, in Q8_0), we in fp32. A wrong order of rows makes several nats.
ALLOWED = {"f32": 0.02, "f16": 0.03, "bf16": 0.06, "q8_0": 0.15}


def reenter():
    """The same script under the interpreter that has llama.cpp."""
    import llama_cpp_setup
    try:
        python = llama_cpp_setup.python_with_llama_cpp()
    except llama_cpp_setup.NotInstallable as problem:
        sys.exit(f"llama.cpp cannot be installed here: {problem}")
    os.execv(python, [str(python), *sys.argv])


def llama(path, **options):
    from llama_cpp import Llama
    return Llama(model_path=str(path), n_ctx=256, n_threads=2, logits_all=True, verbose=False, **options)


def their_logprobs(model, ids):
    import numpy
    model.reset()
    model.eval(ids)
    logits = numpy.asarray(model.scores[:len(ids)], dtype=numpy.float64)
    top = logits.max(axis=1, keepdims=True)
    logprobs = logits - top - numpy.log(numpy.exp(logits - top).sum(axis=1, keepdims=True))
    return [float(logprobs[i, ids[i + 1]]) for i in range(len(ids) - 1)]


def greedy(model, ids, count):
    model.reset()
    made = []
    model.eval(ids)
    while len(made) < count:
        made.append(int(model.scores[model.n_tokens - 1].argmax()))
        model.eval(made[-1:])
    return made


def read_weight(model, name):
    """One tensor of model.safetensors, as fp32."""
    import numpy
    with open(model / "model.safetensors", "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        entry = json.loads(file.read(size))[name]
        begin, end = entry["data_offsets"]
        file.seek(8 + size + begin)
        raw = file.read(end - begin)
    if entry["dtype"] == "BF16":
        values = (numpy.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4")
    else:
        values = numpy.frombuffer(raw, {"F32": "<f4", "F16": "<f2"}[entry["dtype"]]).astype("<f4")
    return values.reshape(entry["shape"])


def check_quantised(checks, model, path):
    """Our Q8_0 blocks against those of gguf-py, and the order of Q's and K's rows against its converter's."""
    import numpy
    from gguf import GGMLQuantizationType, GGUFReader, quants
    config = json.loads((model / "config.json").read_text())
    tensors = {tensor.name: tensor for tensor in GGUFReader(str(path)).tensors}
    for name, theirs, heads in (
            ("model.embed_tokens.weight", "token_embd.weight", 0),
            ("model.layers.0.self_attn.q_proj.weight", "blk.0.attn_q.weight", config["num_attention_heads"]),
            ("model.layers.1.self_attn.k_proj.weight", "blk.1.attn_k.weight", config["num_key_value_heads"]),
            ("model.layers.0.mlp.down_proj.weight", "blk.0.ffn_down.weight", 0)):
        values = read_weight(model, name)
        if heads:
            halves = values.reshape(heads, 2, values.shape[0] // heads // 2, values.shape[1])
            values = numpy.ascontiguousarray(halves.swapaxes(1, 2).reshape(values.shape))
        tensor = tensors[theirs]
        want = quants.quantize(values, GGMLQuantizationType.Q8_0)
        checks.that(tensor.tensor_type == GGMLQuantizationType.Q8_0 and
                    numpy.array_equal(numpy.asarray(tensor.data).reshape(-1), want.reshape(-1)),
                    f"{theirs}: Q8_0 bit for bit as gguf-py quantises it")


def check_model(checks, program, model, work, rows, ours):
    for kind in ("f32", "f16", "bf16", "q8_0"):
        path = work / f"{kind}.gguf"
        engine(program, "export", "--model", model, "--to", "gguf", "--type", kind, "--out", path)
        theirs = llama(path)
        mean, worst = difference(ours, [their_logprobs(theirs, ids) for ids in rows])
        checks.that(mean <= ALLOWED[kind], f"{kind}: log-probabilities within {mean:.4f} on average "
                    f"(allowed {ALLOWED[kind]}), {worst:.4f} at most")
        theirs.close()
    check_quantised(checks, model, work / "q8_0.gguf")


def check_text(checks, program, model, path):
    theirs = llama(path)
    for special in (False, True):
        mine = ids_of_texts(program, model, *(["--special"] if special else []))
        other = [theirs.tokenize(text.encode(), add_bos=False, special=special) for text in TEXTS]
        checks.that(mine == other, f"the same ids, special tokens {special}")
    template = json.loads((model / "tokenizer_config.json").read_text()).get("chat_template")
    checks.that(theirs.metadata.get("tokenizer.chat_template") == template, "the chat template is there")
    theirs.close()


def check_answers(checks, path, golden):
    """Greedy answers of the golden file, up to the first near tie."""
    theirs = llama(path)
    for prompt in json.loads(golden.read_text())["prompts"]:
        gaps = prompt["greedy_top2_gap"]
        sure = next((i for i, gap in enumerate(gaps) if gap < 0.3), len(gaps))
        count = min(sure, 200 - len(prompt["ids"]))
        if count < 1:
            continue
        made = greedy(theirs, prompt["ids"], count)
        checks.that(made == prompt["greedy_ids"][:count], f"the reference's {count} greedy tokens: {prompt['user'][:40]}")
    theirs.close()


def check_back(checks, program, work, rows, ours):
    engine(program, "import", work / "f16.gguf", work / "back", "--dtype", "f32")
    mean, worst = difference(ours, score(program, work / "back", rows))
    checks.that(worst <= 2e-3, f"import of the F16 export: log-probabilities within {worst:.5f}")


def check_adapter(checks, program, model, work, rows, plain, rs):
    name = "rslora" if rs else "lora"
    adapter = write_adapter(work / name, model, rs)
    ours = score(program, model, rows, "--adapter", adapter)
    moved, _ = difference(ours, plain)
    checks.that(moved > 4 * ALLOWED["f16"], f"{name}: the adapter changes log-probabilities by {moved:.3f}")
    path = work / f"{name}.gguf"
    engine(program, "export", "--model", model, "--adapter", adapter, "--to", "gguf-lora", "--out", path)
    theirs = llama(work / "f16.gguf", lora_path=str(path))
    mean, worst = difference(ours, [their_logprobs(theirs, ids) for ids in rows])
    checks.that(mean <= 2 * ALLOWED["f16"], f"{name}: as GGUF over the F16 model within {mean:.4f}, {worst:.4f} at most")
    theirs.close()
    merged = work / f"{name}-merged.gguf"
    engine(program, "export", "--model", model, "--adapter", adapter, "--to", "gguf", "--type", "f16", "--out", merged)
    theirs = llama(merged)
    mean, worst = difference(ours, [their_logprobs(theirs, ids) for ids in rows])
    checks.that(mean <= 2 * ALLOWED["f16"], f"{name}: merged into a GGUF within {mean:.4f}, {worst:.4f} at most")
    theirs.close()
    folder = work / f"{name}-merged"
    engine(program, "merge", "--model", model, "--adapter", adapter, "--out", folder, "--dtype", "fp32")
    mean, worst = difference(ours, score(program, folder, rows))
    checks.that(worst <= 1e-3, f"{name}: merged folder within {worst:.6f}")


def main():
    program, model = sys.argv[1], pathlib.Path(sys.argv[2])
    checks = Checks()
    rows = ids_of_texts(program, model, "--special")
    ours = score(program, model, rows)
    with tempfile.TemporaryDirectory(prefix="hone-export-") as temporary:
        work = pathlib.Path(temporary)
        check_model(checks, program, model, work, rows, ours)
        check_text(checks, program, model, work / "f16.gguf")
        golden = pathlib.Path(sys.argv[3] if len(sys.argv) > 3 else "-") / "golden/smollm2/smollm2.json"
        if golden.exists():
            check_answers(checks, work / "f16.gguf", golden)
        else:
            print("SKIPPED: the reference's greedy answers, no", golden)
        check_back(checks, program, work, rows, ours)
        for rs in (False, True):
            check_adapter(checks, program, model, work, rows, ours, rs)
    checks.end()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        import gguf, llama_cpp  # noqa: F401
    except ImportError:
        reenter()
    main()
