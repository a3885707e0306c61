"""An additive model of a search's trials: accuracy by least squares on the shares of a network's decisions of each kind
that have each option, with heteroscedasticity-robust intervals (HC3, MacKinnon and White 1985).

Observational, as all of ``nas.effects.observed``; what trials cannot tell apart has no estimate.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from nas.effects.observed import Observation, Observed, Option, by_kind
from nas.effects.table import Array
from nas.effects.verdict import LEVEL

Interval = tuple[float, float]


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
    return Additive.of(trials, group=group, at_equal_cost=at_equal_cost).effects(level)


@dataclass(frozen=True, slots=True, eq=False)
class Additive:
    """The fitted model."""

    group: Callable[[str], str]
    fit: "_Fit | None"  # None without trials
    options: Mapping[tuple[str, Option], int]  # group and option → column, but for the usual ones
    asked: Mapping[str, int]  # group that some trials never decide → column
    usual: Mapping[str, Option]
    tried: Mapping[tuple[str, Option], int]  # trials that have the option

    @classmethod
    def of(
        cls, trials: Sequence[Observation], *, group: Callable[[str], str] = by_kind, at_equal_cost: bool = False
    ) -> "Additive":
        """``from_model`` says what the arguments mean."""
        if at_equal_cost and any(trial.cost is None for trial in trials):
            raise ValueError("at equal cost every trial needs a cost")
        if not trials:
            return cls(group, None, {}, {}, {}, {})
        columns = [np.ones(len(trials))]
        if at_equal_cost:
            columns.append(np.array([log(trial.cost or 1.0) for trial in trials]))
        named: dict[tuple[str, Option], int] = {}
        decided: dict[str, int] = {}
        usual: dict[str, Option] = {}
        shares = shares_of(trials, group)
        for name, options in shares.items():
            usual[name] = max(options, key=lambda option: float(options[option].sum()))
            asked = np.sum(list(options.values()), axis=0)
            if np.ptp(asked) > 0:  # some trials never decide it
                decided[name] = len(columns)
                columns.append(asked)
            for option in options:
                if option != usual[name]:
                    named[name, option] = len(columns)
                    columns.append(options[option])
        fit = _Fit.of(np.column_stack(columns), np.array([trial.accuracy for trial in trials]))
        tried = {(name, one): int((share > 0).sum()) for name, all_ in shares.items() for one, share in all_.items()}
        return cls(group, fit, named, decided, usual, tried)

    @property
    def unknowns(self) -> int:
        """Columns, the constant and cost included."""
        return 0 if self.fit is None else self.fit.known.shape[0]

    def effects(self, level: float = LEVEL) -> list[Observed]:
        found = []
        for (name, option), column in self.options.items():
            estimate = self._estimate({column: 1.0}, level)
            if estimate is not None:
                found.append(
                    Observed(
                        choice=name,
                        option=option,
                        instead_of=self.usual[name],
                        delta=estimate[0],
                        ci=estimate[1],
                        count=self.tried[name, option],
                        source="model",
                    )
                )
        return found

    def between(
        self, before: Mapping[str, Option], after: Mapping[str, Option], *, level: float = LEVEL
    ) -> tuple[float, Interval | None] | None:
        """What the model expects of making ``after`` of ``before``, and its interval; cost, where it is in the model,
        stays. None where the trials cannot tell, or have never tried an option of it."""
        pair = [Observation(choices=choices, accuracy=0.0) for choices in (before, after)]
        contrast: dict[int, float] = {}
        for name, options in shares_of(pair, self.group).items():
            changed = {option: float(share[1] - share[0]) for option, share in options.items()}
            if any(difference and (name, option) not in self.tried for option, difference in changed.items()):
                return None
            gained = round(sum(changed.values()))  # −1, 0 or 1: decided before, after, or both
            if gained and name not in self.asked:
                return None  # every trial decides it, or none
            contrast |= {self.asked[name]: gained} if gained else {}
            contrast |= {
                self.options[name, option]: difference
                for option, difference in changed.items()
                if difference and option != self.usual[name]
            }
        return self._estimate(contrast, level) if contrast else None

    def _estimate(self, contrast: Mapping[int, float], level: float) -> tuple[float, Interval | None] | None:
        assert self.fit is not None  # without trials there are no columns
        return self.fit.estimate(contrast, level)


def shares_of(trials: Sequence[Observation], group: Callable[[str], str]) -> dict[str, dict[Option, Array]]:
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
class _Fit:
    """Least squares, and its HC3 covariance."""

    accuracies: Array
    solve: Array  # (columns, trials)
    known: Array  # (columns, columns): projection on what the trials can tell apart
    errors: Array  # residual / (1 − leverage), NaN for a trial that alone decides something
    df: int

    @classmethod
    def of(cls, design: Array, accuracies: Array) -> "_Fit":
        scale = np.maximum(np.abs(design).max(axis=0), 1e-12)
        solve = np.linalg.pinv(design / scale, rcond=1e-9) / scale[:, None]
        hat = design @ solve
        leverage = np.diag(hat)
        alone = leverage > 1 - 1e-6
        errors = np.where(alone, np.nan, (accuracies - hat @ accuracies) / np.where(alone, 1.0, 1 - leverage))
        return cls(accuracies, solve, solve @ design, errors, len(accuracies) - round(float(leverage.sum())))

    def estimate(self, contrast: Mapping[int, float], level: float) -> tuple[float, Interval | None] | None:
        """Of a weighted sum of coefficients, with its interval; None where the trials cannot tell it from something
        else."""
        from scipy.special import stdtrit

        asked = np.zeros(len(self.known))
        for column, weight in contrast.items():
            asked[column] = weight
        if not np.allclose(asked @ self.known, asked, atol=1e-6):
            return None
        influence = asked @ self.solve
        delta = float(influence @ self.accuracies)
        heard = np.abs(influence) > 1e-9
        error = float(np.sqrt(((influence[heard] * self.errors[heard]) ** 2).sum()))
        if self.df < 1 or np.isnan(error) or error < 1e-9:
            return delta, None
        half = float(stdtrit(self.df, 0.5 + level / 2)) * error
        return delta, (delta - half, delta + half)
