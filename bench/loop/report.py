"""Means over seeds with their intervals, and what they amount to."""
import math

from labels import BASELINES, LEAVE_OUT

FULL, TRUTH = "verdicts and curation", "the truth itself"
NO_WORSE = 0.03  # of accuracy: how much may be lost where there is no noise
STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


def interval(values):
    """(mean, low, high): Student's, 95%, over seeds. Of one seed there is none."""
    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, None, None
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
    half = STUDENT.get(len(values) - 1, 2.262) * deviation / math.sqrt(len(values))
    return mean, mean - half, mean + half


def shown(triple, sign=False):
    form = (lambda x: f"{x:+.3f}") if sign else (lambda x: f"{x:.3f}")
    return form(triple[0]) if triple[1] is None else f"{form(triple[0])} [{form(triple[1])}, {form(triple[2])}]"


class Report:
    def __init__(self, figures):
        self.figures = figures

    def values(self, world, arm, key="accuracy"):
        rows = sorted((f["seed"], f[key]) for f in self.figures if (f["world"], f["arm"]) == (world, arm))
        return [value for _, value in rows]

    def difference(self, world, arm, other):
        """arm less other, seed by seed: both learnt from the same people, and were asked the same pairs."""
        return interval([a - b for a, b in zip(self.values(world, arm), self.values(world, other))])

    def arms(self, world):
        return [f["arm"] for f in self.figures if f["world"] == world and f["seed"] == self.figures[0]["seed"]]

    def table(self, world):
        lines = ["| learnt from | pairs to be had | taken | of these in the right order | prefers rightly | Hone's less this |",
                 "|---|---|---|---|---|---|"]
        for arm in self.arms(world):
            mean = {key: interval(self.values(world, arm, key))[0] for key in ("available", "taken", "right")}
            less = "" if arm == FULL else shown(self.difference(world, FULL, arm), sign=True)
            lines.append(f"| {arm} | {mean['available']:.0f} | {mean['taken']:.0f} | {mean['right']:.3f} | "
                         f"{shown(interval(self.values(world, arm)))} | {less} |")
        return lines

    def verdicts(self):
        """[(whether it holds, or None where one seed cannot say; the sentence)] of what is promised."""
        said = []
        mine = interval(self.values("noise", FULL))
        for arm in BASELINES:
            theirs = interval(self.values("noise", arm))
            sentence = f"with noise: Hone {shown(mine)}, {arm} {shown(theirs)}"
            if mine[1] is None:
                said.append((None, sentence))
            else:
                apart = mine[1] > theirs[2]
                said.append((apart, sentence + (": better, intervals apart" if apart else ": NOT SHOWN, intervals not apart")))
        for arm in BASELINES:
            less = self.difference("no noise", FULL, arm)
            sentence = f"without noise: Hone less {arm} {shown(less, sign=True)}"
            if less[1] is None:
                said.append((None, sentence))
            else:
                kept = less[1] > -NO_WORSE
                said.append((kept, sentence + (f": no worse by {NO_WORSE}" if kept else f": NOT SHOWN to be no worse by {NO_WORSE}")))
        return said

    def shares(self):
        lines = []
        for arm in LEAVE_OUT:
            less = self.difference("noise", FULL, arm)
            word = ""
            if less[1] is not None:
                word = ": it helps" if less[1] > 0 else ": it HARMS" if less[2] < 0 else ": a null result, no difference is shown"
            lines.append(f"{arm}: Hone prefers rightly by {shown(less, sign=True)} more than so{word}")
        return lines

    def print(self):
        """Whether all that is promised was shown."""
        for world, title in (("noise", "With noise"), ("no noise", "Without noise")):
            print(f"\n{title}\n\n" + "\n".join(self.table(world)))
        print()
        for line in self.shares():
            print(f"share    {line}")
        said = self.verdicts()
        for _, sentence in said:
            print(f"promise  {sentence}")
        if any(holds is None for holds, _ in said):
            print("verdict  none: one seed has no interval")
            return True
        passes = all(holds for holds, _ in said)
        missed = sum(not holds for holds, _ in said)
        print("verdict  passes" if passes else f"verdict  FAILS: {missed} of {len(said)} promises are not shown")
        return passes
