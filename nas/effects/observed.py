"""Evidence that is there already: what the trials of a search say about single choices. Observational.

A search did not assign its choices at random, every trial has a seed of its own and few differ in one choice only. So
these estimates propose paired runs and replace none. Their intervals are each at their own level, not simultaneous.

Two readings. *Pairs*: trials that differ in exactly one choice. *Model*: an additive model by least squares of accuracy
on the shares of a network's blocks that have each option, with heteroscedasticity-robust intervals (HC3, MacKinnon and
White 1985); what trials cannot tell apart has no estimate.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import log
from statistics import NormalDist
from typing import Literal

import numpy as np

from nas.effects.table import Array
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


def from_pairs(trials: Sequence[Observation], *, level: float = LEVEL) -> list[Observed]:
    """Differences of trials that differ in exactly one decision; decisions that only one of them has follow from it.

    A trial counts once a comparison, so that differences are independent: its first partner is taken.
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
        key = (changed, high, low)
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


def from_model(
    trials: Sequence[Observation],
    *,
    group: Callable[[str], str] = by_kind,
    at_equal_cost: bool = False,
    level: float = LEVEL,
) -> list[Observed]:
    """All decisions of a group set to one option instead of another, everything else equal, in an additive model.

    ``group``: decision's name → group; ``str`` keeps every decision apart. The option most often chosen is the one that
    others are compared with. ``at_equal_cost``: with log cost in the model, so that an effect is beside that of size;
    ValueError where a trial has no cost.
    """
    if at_equal_cost and any(trial.cost is None for trial in trials):
        raise ValueError("at equal cost every trial needs a cost")
    if not trials:
        return []
    shares = _shares(trials, group)
    columns = [np.ones(len(trials))]
    if at_equal_cost:
        columns.append(np.array([log(trial.cost or 1.0) for trial in trials]))
    named: dict[tuple[str, Option], int] = {}
    usual: dict[str, Option] = {}
    for name, options in shares.items():
        usual[name] = max(options, key=lambda option: float(options[option].sum()))
        asked = np.sum(list(options.values()), axis=0)
        if np.ptp(asked) > 0:  # some trials never decide it
            columns.append(asked)
        for option in options:
            if option != usual[name]:
                named[name, option] = len(columns)
                columns.append(options[option])
    model = _Model.of(np.column_stack(columns), np.array([trial.accuracy for trial in trials]))
    found = []
    for (name, option), column in named.items():
        estimate = model.coefficient(column, level)
        if estimate is not None:
            found.append(
                Observed(
                    choice=name,
                    option=option,
                    instead_of=usual[name],
                    delta=estimate[0],
                    ci=estimate[1],
                    count=int((shares[name][option] > 0).sum()),
                    source="model",
                )
            )
    return found


def _shares(trials: Sequence[Observation], group: Callable[[str], str]) -> dict[str, dict[Option, Array]]:
    """Group → option → share of each trial's decisions in that group which chose it."""
    counts: dict[str, dict[Option, Array]] = {}
    for at, trial in enumerate(trials):
        for name, option in trial.choices.items():
            counts.setdefault(group(name), {}).setdefault(option, np.zeros(len(trials)))[at] += 1
    return {
        name: {
            option: count / np.maximum(np.sum(list(options.values()), axis=0), 1) for option, count in options.items()
        }
        for name, options in sorted(counts.items())
    }


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    """Least squares, and its HC3 covariance."""

    accuracies: Array
    solve: Array  # (columns, trials)
    known: Array  # (columns, columns): projection on what the trials can tell apart
    errors: Array  # residual / (1 − leverage), NaN for a trial that alone decides something
    df: int

    @classmethod
    def of(cls, design: Array, accuracies: Array) -> "_Model":
        scale = np.maximum(np.abs(design).max(axis=0), 1e-12)
        solve = np.linalg.pinv(design / scale, rcond=1e-9) / scale[:, None]
        hat = design @ solve
        leverage = np.diag(hat)
        alone = leverage > 1 - 1e-6
        errors = np.where(alone, np.nan, (accuracies - hat @ accuracies) / np.where(alone, 1.0, 1 - leverage))
        return cls(accuracies, solve, solve @ design, errors, len(accuracies) - round(float(leverage.sum())))

    def coefficient(self, column: int, level: float) -> tuple[float, tuple[float, float] | None] | None:
        """Estimate and interval; None where the trials cannot tell it from something else."""
        from scipy.special import stdtrit

        asked = np.eye(len(self.known))[column]
        if not np.allclose(self.known[column], asked, atol=1e-6):
            return None
        influence = self.solve[column]
        delta = float(influence @ self.accuracies)
        heard = np.abs(influence) > 1e-9
        error = float(np.sqrt(((influence[heard] * self.errors[heard]) ** 2).sum()))
        if self.df < 1 or np.isnan(error) or error < 1e-9:
            return delta, None
        half = float(stdtrit(self.df, 0.5 + level / 2)) * error
        return delta, (delta - half, delta + half)


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
