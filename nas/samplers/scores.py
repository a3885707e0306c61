"""What is known of networks before they are trained, as a sampler uses it: each once, in a small form."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from nas.arch import ArchSpec
from nas.cost import cost
from nas.draw import Draw
from nas.errors import SpecError
from nas.samplers.kernel import Floats

RESOLUTION = 32  # px at which networks are looked at, with the strides they have for small images
SEED = 0  # of the weights
KEPT = 16384  # networks


def training_costs(points: Sequence[Draw]) -> Floats:
    """[networks]: 10⁶ multiply-adds of the small form; 0 for what is no ``ArchSpec``."""
    return np.array([training_cost(one.spec) if isinstance(one.spec, ArchSpec) else 0.0 for one in points])


@lru_cache(maxsize=KEPT)
def training_cost(spec: ArchSpec) -> float:
    """10⁶ multiply-adds of the small form."""
    return cost(_small(spec)).macs / 1e6


def scores(points: Sequence[Draw]) -> Floats:
    """[networks]: the least finite one for −∞; 0 for what is no ``ArchSpec``."""
    found = np.array([score(one.spec) if isinstance(one.spec, ArchSpec) else 0.0 for one in points], dtype=float)
    finite = found[np.isfinite(found)]
    return np.where(np.isfinite(found), found, finite.min() if finite.size else 0.0)


@lru_cache(maxsize=KEPT)
def score(spec: ArchSpec) -> float:
    """The one of which docs/search-quality.md says most."""
    from nas.zero_cost import synflow  # torch comes late

    return synflow(_small(spec), seed=SEED)


def _small(spec: ArchSpec) -> ArchSpec:
    try:
        return spec.trained_on(resolution=RESOLUTION, classes=spec.classes)
    except SpecError:  # no network for small images
        return spec
