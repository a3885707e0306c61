"""From searches to regret, intervals, hits, hypervolume and time."""

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import fmean, stdev

import numpy as np
from scipy.stats import t

from benchmarks.quality_table import Table
from nas import hypervolume as volumes
from nas.samplers.kernel import domains_of, encode
from nas.samplers.surrogate import learn


def regret(
    table: Table,
    archs: Sequence[str],
    best: float,
    searched: Sequence[int],
    scored: Sequence[int],
    by: Sequence[float] | None = None,
) -> float:
    """In points: the best network of the table under the budget less the one the search would choose.

    That is the one with the best value it was told, or with the best of ``by``.
    """
    values = [table.accuracy(arch, searched) for arch in archs] if by is None else by
    chosen = archs[max(range(len(archs)), key=values.__getitem__)]
    return best - table.accuracy(chosen, scored)


def expected(table: Table, archs: Sequence[str], budget: float, searched: Sequence[int]) -> list[float]:
    """What the Gaussian process of ``block`` expects of each network, learned from the values of all of them."""
    points = [table.draw(arch) for arch in archs]
    values = np.array([table.accuracy(arch, searched) for arch in archs])
    if np.ptp(values) == 0:
        return values.tolist()
    return (
        learn(encode(points, domains_of(points), [table.macs[arch] / budget for arch in archs]), values)
        .expected()
        .tolist()
    )


def best_under(table: Table, budget: float, scored: Sequence[int]) -> float:
    return max(table.accuracy(arch, scored) for arch, macs in table.macs.items() if macs <= budget)


def mean_and_error(values: Sequence[float]) -> tuple[float, float | None]:
    """The mean and its standard error; no error of one value."""
    return fmean(values), stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None


def interval(differences: Sequence[float], level: float = 0.95) -> tuple[float, float] | None:
    """Student's, of the mean of paired differences; None of one pair."""
    mean, error = mean_and_error(differences)
    if error is None:
        return None
    half = float(t.ppf((1 + level) / 2, len(differences) - 1)) * error
    return mean - half, mean + half


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Of (multiply-adds, accuracy) those that nothing cheaper is as accurate as, cheapest first."""
    found: list[tuple[float, float]] = []
    for macs, accuracy in sorted(points, key=lambda point: (point[0], -point[1])):
        if not found or accuracy > found[-1][1]:
            found.append((macs, accuracy))
    return found


def hypervolume(points: Sequence[tuple[float, float]], most: float, least: float) -> float:
    """What (multiply-adds, accuracy) dominate above accuracy ``least`` and under ``most`` multiply-adds."""
    return volumes.hypervolume([(most - macs, accuracy - least) for macs, accuracy in front(points)])


def volume_share(table: Table, archs: Sequence[str], budget: float, scored: Sequence[int]) -> float:
    """The hypervolume of what was found, of that of all networks under the budget.

    Counted from the budget and from the accuracy of the table's lower quartile under it.
    """
    least, whole = _under(table, budget, tuple(scored))
    return hypervolume([(table.macs[arch], table.accuracy(arch, scored)) for arch in archs], budget, least) / whole


@lru_cache(maxsize=64)
def _under(table: Table, budget: float, scored: tuple[int, ...]) -> tuple[float, float]:
    """The lower quartile of accuracies, and the hypervolume of all networks, under the budget."""
    allowed = [(macs, table.accuracy(arch, scored)) for arch, macs in table.macs.items() if macs <= budget]
    least = sorted(accuracy for _, accuracy in allowed)[len(allowed) // 4]
    return least, hypervolume(allowed, budget, least)
