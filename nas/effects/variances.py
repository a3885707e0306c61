"""Do the networks scatter alike? Only then is one residual for all of them right.

A score test (Breusch and Pagan 1979, eq. 8, with the networks as groups) on the residuals of the two-way model. Its
distribution where variances agree depends on nothing but which trainings are there, so it is simulated: exact for
normal residuals at any number of seeds, up to the number of simulations.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nas.effects.table import Array, Table
from nas.effects.two_way import Design, TwoWay, design_of

AGREE = 0.02  # p below which each variant's own scatter counts too: false alarms cost power, and they are 2%
SIMULATIONS = 4999
SEED = 20_261_122


def agreement(table: Table, fitted: TwoWay) -> float | None:
    """p that all networks have the same residual variance; None where it cannot be told (fewer than three networks, as
    two share one set of differences, or no spread)."""
    if fitted.sigma is None or not can_tell(table):
        return None
    return float(agreements(fitted.residuals[table.there][None], table)[0])


def can_tell(table: Table) -> bool:
    return len(table.networks) > 2 and design_of(table).df > 1


def agreements(residuals: Array, table: Table) -> Array:
    """The same for many tables with trainings in the same places: (tables, cells) → one p a table."""
    there = table.there
    null = _null(there.tobytes(), there.shape)
    mine = _statistic(residuals, there, design_of(table))
    above = len(null) - np.searchsorted(null, mine * (1 - 1e-12))
    p: Array = (1 + above) / (1 + len(null))
    return p


def _statistic(residuals: Array, there: NDArray[np.bool_], design: Design) -> Array:
    """(tables, cells) → one number a table: how far the networks' mean squares are from their common one."""
    group = np.nonzero(there)[0]
    member = (group[:, None] == np.arange(len(there))).astype(float)  # (cells, networks)
    left_over = (1 - (design.basis**2).sum(axis=1)) @ member  # each network's share of the degrees of freedom
    squares = residuals**2
    ratio = (squares @ member) / np.maximum(left_over, 1e-9) / (squares.sum(axis=1, keepdims=True) / design.df)
    statistic: Array = ((ratio - 1) ** 2) @ left_over
    return statistic


@lru_cache(maxsize=64)
def _null(there: bytes, shape: tuple[int, int]) -> Array:
    mask = np.frombuffer(there, dtype=bool).reshape(shape)
    design = design_of(Table(("",) * shape[0], (0,) * shape[1], np.where(mask, 0.0, np.nan)))
    noise = np.random.default_rng(SEED).standard_normal((SIMULATIONS, int(mask.sum())))
    residuals = noise - noise @ design.basis @ design.basis.T
    return np.sort(_statistic(residuals, mask, design))
