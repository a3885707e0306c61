"""Made-up accuracies."""

from collections.abc import Mapping

import numpy as np


def table(
    means: Mapping[str, float],
    *,
    seeds: int,
    rest: float | Mapping[str, float] = 0.006,
    seed: float = 0.008,
    draw: int = 0,
) -> dict[str, dict[int, float]]:
    """Network → seed → accuracy: its mean, what is common to a seed, and the rest."""
    rng = np.random.default_rng(draw)
    common = rng.normal(0, seed, seeds)
    return {
        key: {
            one + 1: mean + common[one] + rng.normal(0, rest if isinstance(rest, float) else rest[key])
            for one in range(seeds)
        }
        for key, mean in means.items()
    }
