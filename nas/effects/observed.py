"""Evidence that is there already: what the trials of a search say about single choices. Observational.

A search did not assign its choices at random, every trial has a seed of its own and few differ in one choice only. So
these estimates propose paired runs and replace none. Their intervals are each at their own level, not simultaneous.

Two readings. *Pairs*, here: trials that differ in exactly one choice. *Model*: ``nas.effects.additive``.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist
from typing import Literal

import numpy as np

from nas.effects.verdict import LEVEL, MARGIN

Option = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A trial: its choices, its accuracy (a fraction) and, if it is known, its cost."""

    choices: Mapping[str, Option]
    accuracy: float
    cost: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One option instead of another, as a search happened to try them; no experiment."""

    choice: str  # a decision's name, or the group's
    option: Option
    instead_of: Option
    delta: float
    ci: tuple[float, float] | None
    count: int  # pairs of trials, or trials that have the option
    source: Literal["pairs", "model"]
    observational: Literal[True] = True


def from_pairs(
    trials: Sequence[Observation], *, group: Callable[[str], str] = str, level: float = LEVEL
) -> list[Observed]:
    """Differences of trials that differ in exactly one decision; decisions that only one of them has follow from it.

    ``group``: decision's name → group whose pairs count as one comparison; ``str`` keeps every decision apart. A trial
    counts once a comparison, so that differences are independent: its first partner is taken.
    """
    found: dict[tuple[str, Option, Option], list[float]] = defaultdict(list)
    used: dict[tuple[str, Option, Option], set[int]] = defaultdict(set)
    for (i, one), (j, other) in combinations(enumerate(trials), 2):
        changed = _only_change(one.choices, other.choices)
        if changed is None:
            continue
        (low, first), (high, second) = sorted(
            ((one.choices[changed], one.accuracy), (other.choices[changed], other.accuracy)), key=lambda pair: pair[0]
        )
        key = (group(changed), high, low)
        if not used[key] & {i, j}:
            used[key] |= {i, j}
            found[key].append(second - first)
    return [
        Observed(
            choice=choice,
            option=option,
            instead_of=instead,
            delta=float(np.mean(differences)),
            ci=_interval(differences, level),
            count=len(differences),
            source="pairs",
        )
        for (choice, option, instead), differences in sorted(found.items(), key=lambda item: str(item[0]))
    ]


def _only_change(one: Mapping[str, Option], other: Mapping[str, Option]) -> str | None:
    changed = None
    for name, value in one.items():
        if name in other and other[name] != value:
            if changed is not None:
                return None
            changed = name
    return changed


def _interval(differences: Sequence[float], level: float) -> tuple[float, float] | None:
    from scipy.special import stdtrit

    count = len(differences)
    if count < 2 or np.ptp(differences) == 0:
        return None
    half = float(stdtrit(count - 1, 0.5 + level / 2)) * float(np.std(differences, ddof=1)) / count**0.5
    mean = float(np.mean(differences))
    return mean - half, mean + half


def by_kind(name: str) -> str:
    """``stage2.block1.kernel`` → ``kernel``: a group for decisions of one kind."""
    return name.rpartition(".")[2]


def worth_running(observed: Sequence[Observed], *, margin: float = MARGIN) -> list[Observed]:
    """What a paired run should look at: what could make a practical difference, the likeliest first.

    Likely: the part of a normal distribution with the estimate's interval that lies beyond ±margin. Those without an
    interval come last; those wholly inside the margin are left out.
    """

    def inside(one: Observed) -> bool:
        return one.ci is not None and -margin < one.ci[0] and one.ci[1] < margin

    def chance(one: Observed) -> float:
        if one.ci is None:
            return -1.0
        normal = NormalDist(one.delta, (one.ci[1] - one.ci[0]) / 2 / NormalDist().inv_cdf(0.5 + LEVEL / 2))
        return normal.cdf(-margin) + 1 - normal.cdf(margin)

    return sorted((one for one in observed if not inside(one)), key=chance, reverse=True)
