"""How much a network is expected to add to what is known: to the best value, or to the volume that is dominated.

With one objective it is expected improvement (Jones et al. 1998), with several expected hypervolume improvement
(Emmerich et al. 2006): what no known network dominates is cut into boxes, and in each the expected part below the new
values is a product over objectives, as these are predicted independently.
"""

import numpy as np

from nas.samplers.kernel import Floats

MARGIN = 0.1  # of the values' range: so far below the worst of the front lies the corner volume is counted from


def expected_improvement(means: Floats, deviations: Floats, known: Floats) -> Floats:
    """[networks], of ``means`` and ``deviations`` [networks, objectives] over ``known`` [told, objectives]."""
    total = np.zeros(len(means))
    for low, high in boxes(known):
        part = np.ones(len(means))
        for objective in range(means.shape[1]):
            about = means[:, objective], deviations[:, objective]
            part *= _above(*about, low[objective]) - _above(*about, high[objective])
        total += part
    return total


def boxes(known: Floats) -> list[tuple[Floats, Floats]]:
    """Lower and upper corners of boxes that make up what ``known`` does not dominate."""
    if known.shape[1] == 1:
        return [(known.max(axis=0), np.array([np.inf]))]
    from optuna._hypervolume.box_decomposition import get_non_dominated_box_bounds

    front = known[[not _dominated(one, known) for one in known]]
    span = np.maximum(np.ptp(known, axis=0), 1e-12)
    corner = front.min(axis=0) - MARGIN * span
    lows, highs = get_non_dominated_box_bounds(-front, -corner)  # Optuna's are of losses
    return [(-high, -low) for low, high in zip(lows, highs, strict=True)]


def _dominated(one: Floats, known: Floats) -> bool:
    return bool(np.any(np.all(known >= one, axis=1) & np.any(known > one, axis=1)))


def _above(mean: Floats, deviation: Floats, bound: float) -> Floats:
    """Expectation of what a normal value exceeds the bound by."""
    if np.isinf(bound):
        return np.zeros_like(mean)
    from scipy.special import ndtr  # 0.2 s to import

    z = (mean - bound) / deviation
    result: Floats = deviation * (z * ndtr(z) + np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi))
    return result
