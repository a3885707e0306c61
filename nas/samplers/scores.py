"""Scores of untrained networks as a sampler uses them: each network once, in a small form. torch comes late."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from nas.arch import ArchSpec
from nas.draw import Draw
from nas.errors import SpecError
from nas.samplers.kernel import Floats

RESOLUTION = 32  # px at which networks are scored, with the strides they have for small images
SEED = 0  # of the weights


def scores(points: Sequence[Draw]) -> Floats:
    """[networks]: the least finite one for −∞; 0 for what is no ``ArchSpec``."""
    found = np.array([score(one.spec) if isinstance(one.spec, ArchSpec) else 0.0 for one in points], dtype=float)
    finite = found[np.isfinite(found)]
    return np.where(np.isfinite(found), found, finite.min() if finite.size else 0.0)


@lru_cache(maxsize=16384)
def score(spec: ArchSpec) -> float:
    """The one of which docs/search-quality.md says most."""
    from nas.zero_cost import synflow

    try:
        small = spec.trained_on(resolution=RESOLUTION, classes=spec.classes)
    except SpecError:  # no network for small images
        small = spec
    return synflow(small, seed=SEED)
