"""What is learnt from: pairs of answers to one prompt, the better one first. The baselines make them of people's clicks
as they were delivered; Hone makes its own (store.py). And the policies that leave one part of Hone out."""
import collections
import random
import re


def clicks(delivered):
    """People's own: what tools approved by themselves is no click, which is kind to the baselines."""
    return [one for one in delivered if one.by == "person" and one.kind in ("accepted", "rejected")]


def last_words(delivered):
    """{answer's key: {person: whether he accepts it}}: each person's last click by the time at which it was made."""
    newest = {}
    for one in clicks(delivered):
        place = (one.answer.key, one.person)
        if place not in newest or newest[place].at <= one.at:
            newest[place] = one
    words = collections.defaultdict(dict)
    for (answer, person), one in newest.items():
        words[answer][person] = one.kind == "accepted"
    return words


def raw(answers, delivered):
    """Each click that came in counts for itself, whoever's and however often: (answer, accepted) each."""
    return [(one.answer, one.kind == "accepted") for one in clicks(delivered)]


def majority(answers, delivered):
    """One label an answer; a person has one vote; ties have none."""
    words, labels = last_words(delivered), []
    for answer in answers:
        votes = list(words[answer.key].values())
        if 2 * sum(votes) != len(votes):
            labels.append((answer, 2 * sum(votes) > len(votes)))
    return labels


def centred(answers, delivered):
    """As majority, with each vote less its person's mean: who always says yes says nothing by it."""
    words = last_words(delivered)
    of_person = collections.defaultdict(list)
    for votes in words.values():
        for person, accepted in votes.items():
            of_person[person].append(accepted)
    means = {person: sum(votes) / len(votes) for person, votes in of_person.items()}
    labels = []
    for answer in answers:
        score = sum(accepted - means[person] for person, accepted in words[answer.key].items())
        if abs(score) > 1e-9:
            labels.append((answer, score > 0))
    return labels


def truth(answers, delivered):
    """What the house would say: what could be had at best."""
    return [(answer, answer.worth > 0) for answer in answers]


def pairs(labels, seed):
    """Accepted over rejected answers to one prompt, one to one by lot, as Hone pairs them."""
    by_prompt = collections.defaultdict(lambda: ([], []))
    for answer, accepted in labels:
        by_prompt[answer.prompt][0 if accepted else 1].append(answer)
    chance, made = random.Random(f"{seed}/pairs"), []
    for prompt, (better, worse) in by_prompt.items():
        chance.shuffle(better)
        chance.shuffle(worse)
        made += [(prompt, good.text, bad.text) for good, bad in zip(better, worse) if good.text != bad.text]
    return made


BASELINES = {"raw clicks": raw, "majority vote": majority, "clicks centred per person": centred}

# What is left out: tables and keys of the policy, or a change of its text.
LEAVE_OUT = {
    "without habits": ["habits"],
    "without brigade": ["brigade"],
    "without caps": ["caps"],
    "without weights": ["weights"],
    "without later looks": ["looks"],
    "without all four": ["habits", "brigade", "caps", "weights"],
}


def without_table(text, name):
    """The policy without [name]: what a file does not name is not done."""
    changed, count = re.subn(rf"(?ms)^\[{name}\]\n.*?(?=^\[|\Z)", "", text)
    if count != 1:
        raise ValueError(f"the policy has no table [{name}]")
    return changed


def with_equal_weights(text):
    """Whoever decided, a tool by itself included, and whatever kind: all weigh what a person's click does."""
    tables, found = re.split(r"(?m)^(?=\[)", text), 0
    for place, table in enumerate(tables):
        if not re.match(r"\[(accepted|rejected|edited|corrected|rated|compared|copied|retried|undone|persisted|outcome)\]", table):
            continue
        table = re.sub(r"(?m)^(person|agent|policy|automatic|unknown) *=.*\n", "", table)
        table = re.sub(r"(?m)^(after|times) *=.*\n", "", table)
        head, rest = table.split("\n", 1)
        weights = "".join(f"{by} = 2.2\n" for by in ("person", "agent", "policy", "automatic", "unknown"))
        tables[place] = f"{head}\n{weights}{rest}"
        found += 1
    if found == 0:
        raise ValueError("the policy has no tables of weights")
    return "".join(tables)


def policy_without(text, parts):
    for part in parts:
        if part == "caps":
            text, count = re.subn(r"(?m)^(person_cap|team_cap) *=.*\n", "", text)
            if count != 2:
                raise ValueError("the policy has no person_cap and team_cap")
        elif part == "weights":
            text = with_equal_weights(text)
        else:
            text = without_table(text, {"looks": "persisted"}.get(part, part))
    text, count = re.subn(r'(?m)^version = "(.*?)"', lambda m: f'version = "{m[1]}-without-{"-".join(parts)}"', text)
    if count != 1:
        raise ValueError("the policy has no version")
    return text
