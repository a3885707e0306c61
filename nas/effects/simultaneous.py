"""How wide intervals must be to hold all at once: the multivariate t distribution, for any correlation.

Contrasts of one table share their residual and mostly their baseline, so they miss together. A quantile for their own
correlation (Dunnett 1955, with general contrasts as in Hothorn, Bretz and Westfall 2008, section 2) is narrower than
Bonferroni's and exact.

With R = L L' of rank k and T = L g / s, the normal vector g is a direction on the sphere times a length, and length²/s²
is k times an F(k, df) variable that does not depend on the direction. So

    P(some |T_i| > c) = mean over directions u of P(F > c² / (k max_i (L u)_i²)),

which leaves a smooth mean over the sphere, taken on a lattice (Richtmyer's, of square roots of primes): no random
numbers, the same answer every time.
"""

from functools import lru_cache

import numpy as np

from nas.effects.table import Array

POINTS = 2**14  # of the lattice
BLOCK = 16  # sorted reaches that are averaged: the chance is smooth in them


def critical(correlation: Array, df: float, alpha: float) -> float:
    """The c with P(some |T_i| > c) = alpha. ``correlation``: (contrasts, contrasts), singular ones included."""
    return _critical(*_key(correlation), df, alpha)


def p_value(correlation: Array, df: float, t: float) -> float:
    """P(some |T_i| > |t|): the p of one contrast, adjusted for all."""
    return _beyond(*_reach(*_key(correlation)), df, abs(t))


def _key(correlation: Array) -> tuple[bytes, int]:
    return np.round(correlation, 9).tobytes(), len(correlation)


@lru_cache(maxsize=4096)
def _critical(correlation: bytes, size: int, df: float, alpha: float) -> float:
    from scipy.optimize import brentq
    from scipy.special import stdtrit

    low, high = (-float(stdtrit(df, alpha / 2 / among)) for among in (1, size))  # one contrast; Bonferroni's
    reach, rank = _reach(correlation, size)
    if rank == 1:
        return low
    if _beyond(reach, rank, df, high) >= alpha:
        return high
    return float(brentq(lambda c: _beyond(reach, rank, df, c) - alpha, low, high, xtol=1e-9))


def _beyond(reach: Array, rank: int, df: float, c: float) -> float:
    from scipy.special import fdtrc

    return float(np.mean(fdtrc(rank, df, c**2 / (rank * reach))))


@lru_cache(maxsize=256)
def _reach(correlation: bytes, size: int) -> tuple[Array, int]:
    """max_i (L u)_i² over the directions of the lattice, in order, and the rank."""
    from scipy.special import ndtri

    values, vectors = np.linalg.eigh(np.frombuffer(correlation).reshape(size, size))
    kept = values > 1e-7
    rank = int(kept.sum())
    if rank == 1:
        return np.ones(1), 1
    steps = np.sqrt(_primes(rank))
    lattice = (np.arange(1, POINTS + 1)[:, None] * steps) % 1
    normal = ndtri(np.clip(lattice, 1e-12, 1 - 1e-12))
    directions = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    reach = ((directions @ (vectors[:, kept] * np.sqrt(values[kept])).T) ** 2).max(axis=1)
    return np.sort(reach).reshape(-1, BLOCK).mean(axis=1), rank


def _primes(count: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return found
