"""Scores of untrained networks as a sampler uses them: each network once, in a small form. torch comes late."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nas.arch import ArchSpec
from nas.draw import Draw
from nas.errors import SpecError
from nas.samplers.feasible import identity
from nas.samplers.kernel import Floats

RESOLUTION = 32  # px at which networks are scored, with the strides they have for small images
SEED = 0  # of the weights


class Scores:
    """``memory``: of the sampler, where scores are kept."""

    def __init__(self, memory: dict[Any, Any]) -> None:
        self._kept: dict[Any, float] = memory.setdefault("scores", {})

    def __call__(self, points: Sequence[Draw]) -> Floats:
        """[networks], the least finite one for −∞; 0 for what is no ``ArchSpec``."""
        found = np.array([self._of(point.spec) for point in points], dtype=float)
        least = found[np.isfinite(found)].min(initial=0.0)
        return np.where(np.isfinite(found), found, least)

    def _of(self, spec: Any) -> float:
        key = identity(spec)
        if key not in self._kept:
            self._kept[key] = score(spec) if isinstance(spec, ArchSpec) else 0.0
        return self._kept[key]


def score(spec: ArchSpec) -> float:
    """The one that is measured in docs/search-quality.md."""
    from nas.zero_cost import naswot

    try:
        small = spec.trained_on(resolution=RESOLUTION, classes=spec.classes)
    except SpecError:  # no network for small images
        small = spec
    return naswot(small, seed=SEED)
