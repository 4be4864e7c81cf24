"""What both sides work on: conversations of hh-harmless, read where they lie (they tell of violence and worse, and are
nowhere copied to), as the ids that Hone trains on, so that both sides train on the same tokens, in the same order."""
import gzip
import json
import random
import re
import subprocess

MAX_TOKENS = 512
WORD = (1 << 64) - 1
ROLES = {"Human": "user", "Assistant": "assistant"}


class NoData(Exception):
    pass


def messages(text):
    """A transcript as a conversation that begins with a person and ends with an answer; None: it is none such."""
    parts = re.split(r"\n\n(Human|Assistant):", text)
    turns = [{"role": ROLES[who], "content": said.strip()} for who, said in zip(parts[1::2], parts[2::2])]
    expected = ["user", "assistant"] * (len(turns) // 2)
    good = turns and not parts[0].strip() and [t["role"] for t in turns] == expected and all(t["content"] for t in turns)
    return turns if good else None


def pairs(shared, seed):
    """[(prompt, chosen, rejected)], in an order drawn from the seed."""
    path = shared / "data/hh-harmless/pairs.dev.jsonl.gz"
    if not path.exists():
        raise NoData(f"{path} is not there; HONE_SHARED names the folder that has data/hh-harmless")
    found = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            chosen, rejected = messages(row["chosen"]), messages(row["rejected"])
            if chosen and rejected and chosen[:-1] == rejected[:-1] and chosen[-1] != rejected[-1]:
                found.append((chosen[:-1], chosen[-1]["content"], rejected[-1]["content"]))
    random.Random(seed).shuffle(found)
    return found


def encode(engine, model, conversations):
    """Each as {"ids", "begin"}: up to the end token of its last answer, which begins at `begin`."""
    lines = "".join(json.dumps({"messages": one}) + "\n" for one in conversations)
    done = subprocess.run([engine, "render", "--model", model], input=lines, capture_output=True, text=True, check=True)
    encoded = []
    for line in done.stdout.splitlines():
        row = json.loads(line)
        mask = row["loss_mask"]
        end = len(mask) - mask[::-1].index(1)
        begin = end
        while mask[begin - 1]:
            begin -= 1
        encoded.append({"ids": row["ids"][:end], "begin": begin})
    return encoded


def demonstrations(engine, model, shared, count, seed):
    """The first `count` chosen conversations of at most MAX_TOKENS: lines of a run's dataset, and their ids."""
    drawn = [[*prompt, {"role": "assistant", "content": chosen}] for prompt, chosen, _ in pairs(shared, seed)[:3 * count + 20]]
    fitting = [(one, ids) for one, ids in zip(drawn, encode(engine, model, drawn)) if len(ids["ids"]) <= MAX_TOKENS][:count]
    assert len(fitting) == count, f"{len(fitting)} conversations of at most {MAX_TOKENS} tokens, {count} wanted"
    lines = [{"id": f"text-{i}", "messages": one} for i, (one, _) in enumerate(fitting)]
    return lines, [ids for _, ids in fitting]


def preferences(engine, model, shared, count, seed):
    """The first `count` pairs of which both sides fit: lines of a run's dataset, and the ids of prompt and answers."""
    drawn = pairs(shared, seed)[:3 * count + 20]
    answer = [[*prompt, {"role": "assistant", "content": text}] for p in drawn for prompt, text in ((p[0], p[1]), (p[0], p[2]))]
    encoded = encode(engine, model, answer)
    lines, ids = [], []
    for i, (prompt, chosen, rejected) in enumerate(drawn):
        good, bad = encoded[2 * i], encoded[2 * i + 1]
        if len(lines) < count and max(len(good["ids"]), len(bad["ids"])) <= MAX_TOKENS:
            begin = good["begin"]
            assert bad["begin"] == begin and good["ids"][:begin] == bad["ids"][:begin], "a pair's prompts differ"
            lines.append({"id": f"pair-{len(lines)}", "prompt": prompt, "chosen": chosen, "rejected": rejected})
            ids.append({"prompt_ids": good["ids"][:begin], "chosen_ids": good["ids"][begin:], "rejected_ids": bad["ids"][begin:]})
    assert len(lines) == count, f"{len(lines)} pairs of at most {MAX_TOKENS} tokens, {count} wanted"
    return lines, ids


def questions(shared, count, seed):
    """First things that people asked, all different."""
    found = list(dict.fromkeys(prompt[0]["content"] for prompt, _, _ in pairs(shared, seed)))
    short = [text for text in found if len(text) <= 400][:count]
    assert len(short) == count
    return short


def rotated(x, by):
    return ((x << by) | (x >> (64 - by))) & WORD


def split_mix(x):
    x = (x + 0x9E3779B97F4A7C15) & WORD
    z = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WORD
    return x, z ^ (z >> 31)


class Random:
    """src/base/random.h's, for the order in which a run takes its examples (src/engine/train/plan.cpp). Whether it still
    is the same shows in the tokens of each step, which are compared."""

    def __init__(self, seed):
        self.state = []
        for _ in range(4):
            seed, word = split_mix(seed)
            self.state.append(word)

    def fork(self, label):
        seed = self.state[0] ^ rotated(self.state[3], 13) ^ ((label * 0xD1342543DE82EF95) & WORD)
        return Random(split_mix(seed)[1])

    def next(self):
        s = self.state
        result = (rotated((s[1] * 5) & WORD, 7) * 9) & WORD
        t = (s[1] << 17) & WORD
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotated(s[3], 45)
        return result

    def below(self, bound):
        limit = ((1 << 64) - bound) % bound
        while (value := self.next()) < limit:
            pass
        return value % bound


def order_of_a_run(count, seed):
    """The examples' numbers, as the first epoch takes them."""
    order, chance = list(range(count)), Random(seed).fork(0)
    for i in range(count, 1, -1):
        j = chance.below(i)
        order[i - 1], order[j] = order[j], order[i - 1]
    return order
