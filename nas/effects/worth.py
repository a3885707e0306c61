"""The horizontal gap: at which cost the baseline's curve is as good as a variant.

The interval is Fieller's (1954) idea: all costs at which the gap between variant and curve is not shown, each tested
with the quantile of the family. So it leaves out the variant's own cost when the vertical interval leaves out 0. An
end that the curve does not reach is open (None): where the curve is flat there may be no end at all.
"""

from collections.abc import Callable, Sequence
from math import exp, log

import numpy as np

from nas.effects.curve import Curve
from nas.effects.table import Array

STEPS = 200  # between the cheapest and the dearest width; ends are refined between two of them

Ends = tuple[float | None, float | None]


def worth(
    read: Callable[[Sequence[float]], tuple[Array, Array]], curve: Curve, cost: float
) -> tuple[float | None, Ends | None]:
    """The fraction of cost a variant saves, and its interval (None where half widths are unknown).

    ``read``: costs → the variant minus the curve at each, and the half widths of these gaps. ``cost``: the variant's.
    """
    grid = np.linspace(log(curve.points[0].cost), log(curve.points[-1].cost), STEPS + 1)

    def gap(logs: Array, halves: int) -> Array:
        gaps, widths = read(np.exp(logs).tolist())
        return gaps + halves * widths if halves else gaps

    found = _until(lambda logs: gap(logs, 0), grid)
    saved = None if found is None or found == grid[-1] else exp(found) / cost - 1
    if np.isnan(gap(grid[:1], 1)).any():
        return saved, None
    low = _until(lambda logs: gap(logs, -1), grid)  # up to here the variant is shown to be better than the curve
    high = _until(lambda logs: -gap(logs, 1), grid[::-1])  # down to here, to be worse
    return saved, (None if low is None else exp(low) / cost - 1, None if high is None else exp(high) / cost - 1)


def _until(values: Callable[[Array], Array], grid: Array) -> float | None:
    """How far along the grid values are positive from its beginning on: its end where all are, None where none is."""
    from scipy.optimize import brentq

    stopped = np.flatnonzero(~(values(grid) > 0))
    if not len(stopped):
        return float(grid[-1])
    first = int(stopped[0])
    if first == 0:
        return None
    return float(brentq(lambda one: float(values(np.array([one]))[0]), grid[first - 1], grid[first], xtol=1e-6))
