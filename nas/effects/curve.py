"""The baseline's curve: accuracy against the logarithm of cost, from the baseline at several widths.

The rule is fixed before anything is looked at: a parabola by least squares from three widths on, a straight line from
two. Accuracy bends over log cost: MobileNetV1's widths (its table 6) gain 7.0, 4.2 and 2.7 points an octave of
multiply-adds from ×0.25 to ×1, and a straight line, or straight pieces, would miss that by more than the margin.

Where the widths are shown not to lie on a parabola it is not believed: then the curve goes straight from width to
width. A smooth curve that passes by the baseline would give a variant of the baseline's own cost credit for that.

Read at a cost, each is a weighted sum of the widths, with weights that depend on costs alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nas.effects.family import Axis
from nas.effects.spread import Spread
from nas.effects.table import Array, Table
from nas.effects.two_way import fit

BEYOND = 1.15  # times dearer or cheaper than the whole curve: it is still read there, and said to be extrapolated
MISFIT = 0.05  # p below which the curve is said not to fit
WIDEST = 2  # degree
WORDS = {1: "straight line", 2: "parabola"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    name: str
    cost: float
    mean: float  # accuracy over the seeds, a fraction
    fitted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    axis: Axis
    points: tuple[Point, ...]  # cheapest first
    degree: int  # of the polynomial in log cost
    p: float | None  # that the widths lie on such a curve (lack of fit, F test); None: nothing left to check it with

    @property
    def fits(self) -> bool:
        """Whether the widths may lie on such a curve: they are not shown not to."""
        return self.p is None or self.p >= MISFIT

    @property
    def misfit(self) -> str | None:
        """What is wrong with the curve, in words; None where it fits."""
        shape = WORDS[self.degree]
        if self.p is None:
            few = f"{len(self.points)} widths" if len(self.points) <= self.degree + 1 else "one seed"
            return f"whether a {shape} fits was not checked: {few}"
        if self.fits:
            return None
        worst = max(self.points, key=lambda point: abs(point.mean - point.fitted))
        miss = 100 * abs(worst.mean - worst.fitted)
        off = f"p = {self.p:.2g}; up to {miss:.2f} points off it, at {worst.name}"
        return f"the widths do not lie on a {shape} ({off}), so they are joined by straight lines"

    def at(self, cost: float) -> float:
        """Accuracy that the curve has at a cost."""
        (row,) = self.weights([cost])
        return float(row @ [point.mean for point in self.points])

    def weights(self, at: Sequence[float]) -> Array:
        """(at, points): the weighted sum of the widths' accuracies that it has at each cost; adds up to 1."""
        costs = [point.cost for point in self.points]
        return weights(costs, at, self.degree) if self.fits else between(costs, at)

    def extrapolates(self, cost: float) -> bool:
        return not self.points[0].cost <= cost <= self.points[-1].cost

    def reaches(self, cost: float) -> bool:
        """Whether it may be read there."""
        return self.points[0].cost / BEYOND <= cost <= self.points[-1].cost * BEYOND


def degree_for(costs: Sequence[float]) -> int:
    """ValueError unless two costs differ."""
    different = len(set(costs))
    if different < 2:
        raise ValueError(f"a curve needs the baseline at two costs or more, not at {sorted(set(costs))}")
    return min(WIDEST, different - 1)


def weights(costs: Sequence[float], at: Sequence[float], degree: int) -> Array:
    """(at, costs): the weighted sum of the widths' accuracies that least squares has at each cost; adds up to 1."""
    middle = float(np.mean(np.log(costs)))

    def powers(of: Sequence[float]) -> Array:
        basis: Array = (np.log(of) - middle)[:, None] ** np.arange(degree + 1)
        return basis

    found: Array = powers(at) @ np.linalg.pinv(powers(costs))
    return found


def between(costs: Sequence[float], at: Sequence[float]) -> Array:
    """The same for straight lines over log cost from each width to the next, and on beyond the ends."""
    known, which, count = np.unique(np.log(costs), return_inverse=True, return_counts=True)
    logs = np.log(at)
    left = np.clip(np.searchsorted(known, logs, side="right") - 1, 0, len(known) - 2)
    share = (logs - known[left]) / (known[left + 1] - known[left])
    found = np.zeros((len(logs), len(known)))
    found[np.arange(len(logs)), left] = 1 - share
    found[np.arange(len(logs)), left + 1] = share
    split: Array = (found / count)[:, which]  # widths of one cost share its weight
    return split


def curve_of(axis: Axis, named: Sequence[tuple[str, float]], table: Table, spread: Spread) -> Curve:
    """``named``: key and cost of each width, which are the first networks of the table."""
    costs = [cost for _, cost in named]
    degree = degree_for(costs)
    means = spread.fitted.means[: len(named)]
    fitted = weights(costs, costs, degree) @ means
    points = [
        Point(name=name, cost=cost, mean=float(mean), fitted=float(fits))
        for (name, cost), mean, fits in zip(named, means, fitted, strict=True)
    ]
    points.sort(key=lambda point: (point.cost, point.name))
    return Curve(axis=axis, points=tuple(points), degree=degree, p=_lack_of_fit(costs, degree, table, spread))


def _lack_of_fit(costs: Sequence[float], degree: int, table: Table, spread: Spread) -> float | None:
    """p of the F test that what the polynomial leaves of the widths' means is noise; with variances that differ,
    against the residual of the widths alone."""
    from scipy.special import fdtrc

    count = len(costs)
    if spread.method == "per variant":
        table = Table(table.networks[:count], table.seeds, table.values[:count])
    fitted = spread.fitted if spread.method == "pooled" else fit(table)
    left, singular, _ = np.linalg.svd(np.eye(count) - weights(costs, costs, degree))
    rows = left[:, singular > 0.5].T  # orthonormal contrasts that every such polynomial makes 0
    if not len(rows) or fitted.sigma is None:
        return None
    missed = rows @ fitted.means[:count]
    unit = rows @ fitted.design.unit[:count, :count] @ rows.T
    ratio = float(missed @ np.linalg.solve(unit, missed)) / len(rows) / fitted.sigma**2
    return float(fdtrc(len(rows), fitted.design.df, ratio))
