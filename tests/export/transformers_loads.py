"""What `hone-engine merge`, `average` and `import` write, loaded by transformers and PEFT: the same
log-probabilities, of the given tokens and of the likeliest in each place, as `hone-engine score`
gives, and the same ids for text.

    python3 tests/export/transformers_loads.py build/release/bin/hone-engine MODEL_FOLDER

Needs a small Llama in Hugging Face layout (`HONE_BASE_MODEL`). Runs in the virtual environment of
`./dev bench engine`, which it makes at the first run (bench/engine/peers.py). Exits 0 where all holds,
1 with what does not.
"""
import pathlib
import sys
import tempfile

from support import TEXTS, Checks, difference, engine, enter_transformers, ids_of_texts, score, write_adapter

# Both compute in fp32 here, in another order of additions, over 30 layers.
WORST = 2e-3
LIKELIEST = 5


def load(folder, adapter=None):
    import torch
    from transformers import AutoModelForCausalLM
    model = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32)
    if adapter is not None:
        from peft import PeftModel
        model = PeftModel.from_pretrained(model, str(adapter))
    return model.eval()


def their_logprobs(model, rows):
    """Of every token in every place, a tensor [tokens, vocabulary] a row."""
    import torch
    with torch.no_grad():
        return [model(input_ids=torch.tensor([ids])).logits[0].float().log_softmax(-1) for ids in rows]


def of_tokens(logprobs, rows):
    return [[float(each[i, ids[i + 1]]) for i in range(len(ids) - 1)] for each, ids in zip(logprobs, rows)]


def compare(checks, program, what, model, rows, folder, *options):
    """`model`, transformers', against what hone-engine scores with `folder`."""
    theirs = their_logprobs(model, rows)
    ours = score(program, folder, rows, *options)
    mean, worst = difference(ours, of_tokens(theirs, rows))
    checks.that(worst <= WORST, f"{what}: log-probabilities within {worst:.6f}, {mean:.6f} on average")
    answers = engine(program, "score", "--model", folder, "--dtype", "fp32", "--topk", LIKELIEST, *options,
                     lines=[{"ids": ids} for ids in rows])
    worst = max(abs(float(theirs[row][place, entry["id"]]) - entry["logprob"])
                for row, answer in enumerate(answers)
                for place, entries in enumerate(answer["topk"]) for entry in entries)
    checks.that(worst <= WORST, f"{what}: those of the {LIKELIEST} likeliest tokens within {worst:.6f}")
    return ours


def check_ids(checks, program, what, tokenizer, folder):
    mine = ids_of_texts(program, folder, "--special")
    other = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS]
    checks.that(mine == other, f"{what}: the same ids")


def main():
    from transformers import AutoTokenizer, PreTrainedTokenizerFast
    program, base = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    checks = Checks()
    rows = ids_of_texts(program, base, "--special")
    with tempfile.TemporaryDirectory(prefix="hone-export-") as temporary:
        work = pathlib.Path(temporary)
        plain = compare(checks, program, "the base", load(base), rows, base)
        first = write_adapter(work / "first", base, rs=False)
        second = write_adapter(work / "second", base, rs=True, seed=6)

        merged = work / "merged"
        engine(program, "merge", "--model", base, "--adapter", first, "--out", merged, "--dtype", "fp32")
        moved = compare(checks, program, "the merged folder", load(merged), rows, merged)
        checks.that(difference(plain, moved)[0] > 50 * WORST, "the adapter changes log-probabilities")
        adapted = of_tokens(their_logprobs(load(base, first), rows), rows)
        checks.that(difference(moved, adapted)[1] <= WORST, "the merged folder is what PEFT makes of the adapter")
        check_ids(checks, program, "the merged folder", AutoTokenizer.from_pretrained(str(merged)), merged)

        average = work / "average"
        engine(program, "average", "--adapter", first, "--weight=0.7", "--adapter", second, "--weight=0.3", "--out", average)
        both = compare(checks, program, "the averaged folder", load(base, average), rows, base, "--adapter", average)
        checks.that(difference(plain, both)[0] > 50 * WORST, "the average changes log-probabilities")
        together = work / "together"
        engine(program, "merge", "--model", base, "--adapter", average, "--out", together, "--dtype", "fp32")
        compare(checks, program, "the average, merged", load(together), rows, together)

        packed, imported = work / "base.gguf", work / "imported"
        engine(program, "export", "--model", base, "--to", "gguf", "--type", "f16", "--out", packed)
        engine(program, "import", packed, imported, "--dtype", "f32")
        compare(checks, program, "the imported folder", load(imported), rows, imported)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(str(imported))
        check_ids(checks, program, "the imported folder", tokenizer, imported)
    checks.end()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    enter_transformers()
    main()
