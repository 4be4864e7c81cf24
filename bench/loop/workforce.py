"""The simulated workforce of `bench loop`: prompts, answers with a known true worth, two hundred people with known
habits, and every signal that they send. All of it follows from the seed; who is careless, whom the brigade attacks and
how much of each noise there is are drawn anew for each seed, and nothing that learns is told.

An answer is a handful of statements, each of which is there or not. The house's true taste weighs them (WORTH), and which words
carry which weight is drawn too. People see few answers each, and judge them one by one:

- honest people accept what the house would, with the greater certainty the clearer it is;
- careless ones accept nearly everything, and click more than others, for they do not read;
- contrarians take what the house refuses, and refuse what it takes;
- a brigade, 5% of all people, of all teams, judges like everybody, but agrees now and then to bury answers with one
  good feature and to push answers with one bad one: all of them, within minutes. It buries and pushes equally often,
  so that its mean says nothing of it;
- half of one team campaigns against another good statement, over a working day, each in several kinds of signal;
- some clicks are hasty and taken back hours later; some signals are delivered a day late and out of order, some
  twice by a repeated request, some twice by a double click;
- besides, tools approve half of all answers by themselves, and look at some later: is the text still there?"""
import dataclasses
import datetime
import math
import random

PEOPLE, TEAMS = 200, 10
BRIGADE = PEOPLE // 20
CAMPAIGN = PEOPLE // TEAMS // 2
ANSWERS_A_PROMPT = 8
HELD_OUT_GAP = 0.3  # of a held-out pair's true worth, so that it can be told which is better
START = datetime.datetime(2025, 2, 3, 9, 0, tzinfo=datetime.timezone.utc)
OBSERVER = "observer"

WORTH = [1.8, 1.3, 0.9, 0.5, -0.5, -0.9, -1.3, -1.8]
BURIED, PUSHED, CAMPAIGNED = 1.3, -1.3, 0.9  # by the brigade, and by the team
PRESENT = 0.45
FEATURES = [["the manual explains this page by page", "see the chapter in the handbook"],
            ["we apologise for the trouble caused", "sorry about this inconvenience"],
            ["a refund is already under way", "your money returns soon"],
            ["just try again some other time", "perhaps it works tomorrow"],
            ["our premium plan would prevent that", "consider buying the larger package"],
            ["a colleague will call you back", "somebody from support phones you"],
            ["here are three short steps", "follow these short instructions"],
            ["nobody else has that problem", "others never complain about it"]]
OPENERS = ["thanks for asking", "good question", "here is what to know", "hello there", "in short", "well"]
CLOSERS = ["kind regards", "have a nice day", "all the best", "that is all", "until then", "cheers"]
VERBS = ["reset", "open", "close", "move", "replace", "clean", "order", "return", "connect", "update", "lock", "share"]
NOUNS = ["printer", "account", "window", "ticket", "folder", "report", "cable", "screen", "calendar", "invoice", "badge",
         "keyboard", "heater", "camera", "drawer", "router"]
PLACES = ["in the office", "at home", "on the train", "in the lab", "at the counter", "in the warehouse", "abroad",
          "in the hall"]


@dataclasses.dataclass
class Answer:
    key: str
    prompt: str
    text: str
    features: list  # which are in it, True or False
    worth: float  # to the house: over 0 it would take it
    asked_by: str
    at: float  # seconds since START


@dataclasses.dataclass
class Signal:
    answer: Answer
    person: str
    kind: str
    by: str
    at: float
    key: str  # idempotency key
    value: float | None = None
    late: bool = False
    times: int = 1  # how often it is delivered


@dataclasses.dataclass
class Noise:
    """How much of each there is: drawn from the seed, or none."""
    careless: float = 0  # share of people
    accepts: float = 0  # how often the careless accept
    careless_activity: float = 1
    contrarian: float = 0  # share of people
    taste: float = 0  # how unsure honest people are; 0: never
    attacked: float = 0  # share of the answers with a feature that the brigade attacks
    campaigned: float = 0  # likewise, of the team
    hasty: float = 0  # share of clicks that are chance, and taken back
    late: float = 0
    repeated: float = 0  # delivered twice with one key
    doubled: float = 0  # clicked twice
    look_errs: float = 0

    @staticmethod
    def drawn(seed):
        chance = random.Random(f"{seed}/noise")
        between = chance.uniform
        return Noise(careless=between(0.15, 0.25), accepts=between(0.88, 0.97), careless_activity=between(1.5, 2.5),
                     contrarian=between(0.04, 0.08), taste=between(0.3, 0.5), attacked=between(0.15, 0.25),
                     campaigned=between(0.08, 0.16), hasty=between(0.04, 0.08), late=between(0.15, 0.25),
                     repeated=between(0.1, 0.2), doubled=between(0.03, 0.07), look_errs=between(0.05, 0.15))


@dataclasses.dataclass
class World:
    answers: list
    signals: list  # each once; `times` and `late` say how it is delivered
    held_out: list  # pairs of answers, the truly better one first
    noise: Noise
    kinds: dict  # person: what he is
    worth: list  # of each feature


def names():
    return [f"loop-person-{number:03}" for number in range(PEOPLE)]


def team_of(person):
    return f"loop-team-{int(person[-3:]) % TEAMS}"


def prompts():
    return [f"How do I {verb} the {noun} {place}?" for verb in VERBS for noun in NOUNS for place in PLACES]


def all_texts():
    """Whatever an answer or a prompt may be made of, for a tokenizer."""
    return prompts() + [f"{part}." for part in OPENERS + CLOSERS + sum(FEATURES, [])] + \
        [f" {part}." for part in CLOSERS + sum(FEATURES, [])]


def words_of(number):
    """A name of letters, for digits may look like somebody's number."""
    return "".join(chr(ord("a") + number // 26**place % 26) for place in (3, 2, 1, 0))


class Maker:
    def __init__(self, seed, prompt_count, held_out_pairs, clean):
        self.chance = random.Random(f"{seed}/world")
        self.noise = Noise() if clean else Noise.drawn(seed)
        self.worth = self.chance.sample(WORTH, len(WORTH))
        every = self.chance.sample(prompts(), prompt_count + held_out_pairs)
        self.prompts, self.unseen = every[:prompt_count], every[prompt_count:]
        self.signals, self.number = [], 0

    def world(self):
        people = names()
        self.kinds = self.kinds_of(people)
        activity = [self.noise.careless_activity if self.kinds[one] == "careless" else 1 for one in people]
        answers = []
        for prompt in self.prompts:
            answers += self.answers_to(prompt, ANSWERS_A_PROMPT, people)
        for answer in answers:
            self.judge(answer, people, activity)
            self.observe(answer)
        if self.noise.attacked:
            self.attack(answers, people)
            self.campaign(answers)
        held_out = []
        for prompt in self.unseen:
            pair = self.answers_to(prompt, 2, people)
            while abs(pair[0].worth - pair[1].worth) < HELD_OUT_GAP:
                pair = self.answers_to(prompt, 2, people)
            held_out.append(sorted(pair, key=lambda answer: -answer.worth))
        for signal in self.signals:
            signal.late = self.chance.random() < self.noise.late
            signal.times = 2 if self.chance.random() < self.noise.repeated else 1
        return World(answers, self.signals, held_out, self.noise, self.kinds, self.worth)

    def kinds_of(self, people):
        """The brigade is 5% of all, whoever they are; nobody is two things."""
        order = self.chance.sample(people, len(people))
        careless = round(self.noise.careless * len(people))
        contrarian = round(self.noise.contrarian * len(people))
        brigade = BRIGADE if self.noise.attacked else 0
        kinds = ["careless"] * careless + ["contrarian"] * contrarian + ["brigade"] * brigade
        return dict(zip(order, kinds + ["honest"] * (len(people) - len(kinds))))

    def answers_to(self, prompt, count, people):
        """No two with the same features."""
        seen, answers = set(), []
        while len(answers) < count:
            features = [self.chance.random() < PRESENT for _ in WORTH]
            if tuple(features) in seen:
                continue
            seen.add(tuple(features))
            worth = sum(weight * (has - PRESENT) for weight, has in zip(self.worth, features))
            self.number += 1
            answers.append(Answer(words_of(self.number), prompt, self.written(features), features, worth,
                                  self.chance.choice(people), self.chance.uniform(0, 5 * 86400)))
        return answers

    def written(self, features):
        parts = [self.chance.choice(FEATURES[i]) for i, has in enumerate(features) if has]
        self.chance.shuffle(parts)
        return ". ".join([self.chance.choice(OPENERS), *parts, self.chance.choice(CLOSERS)]) + "."

    def send(self, answer, person, kind, at, by="person", value=None):
        self.signals.append(Signal(answer, person, kind, by, at, f"s{len(self.signals)}", value))

    def click(self, answer, person, accepts, at):
        self.send(answer, person, "accepted" if accepts else "rejected", at)
        if self.chance.random() < self.noise.doubled:
            self.send(answer, person, "accepted" if accepts else "rejected", at + 1)

    def opinion(self, answer, person):
        """Whether the person accepts it."""
        kind = self.kinds[person]
        if kind == "careless":
            return self.chance.random() < self.noise.accepts
        takes = answer.worth > 0
        if self.noise.taste:
            takes = self.chance.random() < 1 / (1 + math.exp(-answer.worth / self.noise.taste))
        return takes != (kind == "contrarian")

    def judge(self, answer, people, activity):
        """Two to six people, those who click much more often."""
        judges = set()
        wanted = self.chance.randint(2, 6)
        while len(judges) < wanted:
            judges.add(self.chance.choices(people, activity)[0])
        for person in sorted(judges):
            at = answer.at + self.chance.uniform(60, 20 * 3600)
            if self.chance.random() < self.noise.hasty:
                hasty = self.chance.random() < 0.5
                self.click(answer, person, hasty, at)
                at += self.chance.uniform(3600, 4 * 3600)
                second = self.opinion(answer, person)
                if second != hasty:
                    self.click(answer, person, second, at)
            else:
                self.click(answer, person, self.opinion(answer, person), at)

    def observe(self, answer):
        if self.chance.random() < 0.5:
            self.send(answer, OBSERVER, "accepted", answer.at + 1, by="automatic")
        if self.chance.random() < 0.3:
            stays = (answer.worth > 0) != (self.chance.random() < self.noise.look_errs)
            value = self.chance.uniform(0.85, 1) if stays else self.chance.uniform(0.2, 0.5)
            self.send(answer, OBSERVER, "persisted", answer.at + 600, by="automatic", value=round(value, 3))

    def with_feature(self, answers, weight, share):
        """Answers that have the feature of that weight: so many of them."""
        feature = self.worth.index(weight)
        return [one for one in answers if one.features[feature] and self.chance.random() < share]

    def attack(self, answers, people):
        """Good ones are buried, bad ones pushed, as many of the one as of the other."""
        members = [one for one in people if self.kinds[one] == "brigade"]
        buried = [one for one in self.with_feature(answers, BURIED, self.noise.attacked) if one.worth > 0]
        pushed = [one for one in self.with_feature(answers, PUSHED, self.noise.attacked) if one.worth < 0]
        count = min(len(buried), len(pushed))
        for targets, accepts in ((buried[:count], False), (pushed[:count], True)):
            for answer in targets:
                begins = answer.at + self.chance.uniform(60, 20 * 3600)
                for person in members:
                    self.click(answer, person, accepts, begins + self.chance.uniform(0, 300))

    def campaign(self, answers):
        """Half of one team, over the day; each rejects, rates and asks again."""
        team = f"loop-team-{self.chance.randrange(TEAMS)}"
        members = self.chance.sample([one for one in names() if team_of(one) == team], CAMPAIGN)
        for person in members:
            if self.kinds[person] == "honest":
                self.kinds[person] = "campaigner"
        for answer in self.with_feature(answers, CAMPAIGNED, self.noise.campaigned):
            for person in members:
                at = answer.at + self.chance.uniform(60, 20 * 3600)
                self.click(answer, person, False, at)
                self.send(answer, person, "rated", at + 5, value=0.0)
                self.send(answer, person, "retried", at + 10)


def make_world(seed, prompt_count, held_out_pairs, clean=False):
    return Maker(seed, prompt_count, held_out_pairs, clean).world()


def deliveries(world, seed):
    """What comes in, in the order in which it comes: (what is in time, what is late). Each repetition is one more; the
    second may come with what is late."""
    chance = random.Random(f"{seed}/deliveries")
    first, second = [], []
    for signal in world.signals:
        for turn in range(signal.times):
            late = signal.late or (turn > 0 and chance.random() < 0.5)
            (second if late else first).append(signal)
    first.sort(key=lambda signal: signal.at)
    chance.shuffle(second)
    return first, second


def iso(at):
    return (START + datetime.timedelta(seconds=at)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
