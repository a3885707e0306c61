"""The two-way additive model: accuracy = network + seed + rest.

Everything common to a seed (its fold, its order of images, its luck) is taken out; what is left is the rest. Least
squares, also where trainings are missing.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nas.effects.table import Array, Table

NOTHING = 1e-12  # a smaller sum of squares is coarseness of accuracies and no evidence of no spread


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """What follows from which trainings are there, whatever their accuracies."""

    solve: Array  # (networks + seeds, cells): cells → least squares, up to a constant
    basis: Array  # (cells, rank): orthonormal, spans what the model can say
    unit: Array  # (networks, networks): covariance of the means at σ = 1; right for contrasts
    df: int  # of the residual


@dataclass(frozen=True, slots=True, eq=False)
class TwoWay:
    means: Array  # one a network: what it would have over all seeds; with every training there, its plain mean
    residuals: Array  # (networks, seeds), NaN where a training is missing
    design: Design
    sigma: float | None  # None where nothing is left to scatter


def design_of(table: Table) -> Design:
    there = table.there
    return _design(there.tobytes(), there.shape)


@lru_cache(maxsize=64)
def _design(there: bytes, shape: tuple[int, int]) -> Design:
    rows, columns = np.nonzero(np.frombuffer(there, dtype=bool).reshape(shape))
    dummies = np.zeros((len(rows), sum(shape)))
    dummies[np.arange(len(rows)), rows] = 1
    dummies[np.arange(len(rows)), shape[0] + columns] = 1
    left, singular, right = np.linalg.svd(dummies, full_matrices=False)
    rank = int((singular > 1e-9 * singular.max(initial=0)).sum())
    left, singular, right = left[:, :rank], singular[:rank], right[:rank]
    solve = (right.T / singular) @ left.T
    unit = (solve @ solve.T)[: shape[0], : shape[0]]
    return Design(solve, left, unit, len(rows) - rank)


def fit(table: Table) -> TwoWay:
    design, there = design_of(table), table.there
    cells = table.values[there]
    residuals = np.full(table.values.shape, np.nan)
    residuals[there] = cells - design.basis @ (design.basis.T @ cells)
    squares = float(np.nansum(residuals**2))
    sigma = (squares / design.df) ** 0.5 if design.df > 0 and squares > NOTHING else None
    networks, seeds = np.split(design.solve @ cells, [len(table.networks)])
    return TwoWay(networks + (seeds.mean() if len(seeds) else 0.0), residuals, design, sigma)
