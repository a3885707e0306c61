"""What training on the same seeds and folds gains: what is common to a seed leaves the difference."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nas.effects.family import Scores
from nas.effects.table import Table
from nas.effects.two_way import fit
from nas.effects.verdict import LEVEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """Over the seeds that all networks have."""

    correlation: float  # of two networks' accuracies over seeds (intraclass)
    ci: tuple[float, float]
    factor: float  # unpaired studies need so many times the seeds; below 1 where pairing loses
    seed_sd: float  # of what is common to a seed, a fraction; 0 where none is seen
    residual_sd: float  # of the rest
    networks: int
    seeds: int


def pairing(scores: Scores, networks: Sequence[str] | None = None, *, level: float = LEVEL) -> Pairing | None:
    """None with fewer than two networks or three seeds, or where nothing scatters.

    Shrout and Fleiss (1979), ICC(3,1) of networks as raters of seeds, with its interval from the F distribution.
    """
    from scipy.special import fdtri

    keys = [key for key in (scores if networks is None else networks) if scores.get(key)]
    table = Table.of(scores, keys)
    columns = table.there.all(axis=0)
    table = Table(table.networks, tuple(np.array(table.seeds)[columns].tolist()), table.values[:, columns])
    many, seeds = table.values.shape
    if many < 2 or seeds < 3:
        return None
    fitted = fit(table)
    if fitted.sigma is None:
        return None
    between = many * float(table.values.mean(axis=0).var(ddof=1))
    rest = fitted.sigma**2
    ratio, df = between / rest, fitted.design.df

    def correlation(ratio: float) -> float:
        return float((ratio - 1) / (ratio + many - 1))

    tail = (1 - level) / 2
    ends = (ratio / float(fdtri(seeds - 1, df, 1 - tail)), ratio / float(fdtri(seeds - 1, df, tail)))
    found = correlation(ratio)
    return Pairing(
        correlation=found,
        ci=(correlation(ends[0]), correlation(ends[1])),
        factor=1 / (1 - found),
        seed_sd=max(0.0, (between - rest) / many) ** 0.5,
        residual_sd=fitted.sigma,
        networks=many,
        seeds=seeds,
    )
