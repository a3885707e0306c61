"""The learning rate of a family: the best of three, and further ones while the best is at an edge."""

from collections.abc import Mapping
from math import log

APART = 3.0  # times, from one rate to the next
MOST = 6  # rates tried in all, so that a network that learns nothing at any ends too


def around(middle: float) -> tuple[float, float, float]:
    """Three rates a factor of three apart, in two digits: 0.033, 0.1, 0.3."""
    return (_two_digits(middle / APART), _two_digits(middle), _two_digits(middle * APART))


def next_rate(first: tuple[float, ...], tried: Mapping[float, float], floor: float = 0.0) -> float | None:
    """What to try after ``tried`` (rate → validation accuracy, 0 for a training that failed); None when it is enough.

    The given rates first, in order; then beyond the best as long as that is the lowest or the highest tried. Where none
    has learned more than ``floor``, lower ones: a network without batch norm may need a hundredth of another's rate.
    """
    for rate in first:
        if rate not in tried:
            return rate
    if len(tried) >= MOST:
        return None
    best = best_rate(first, tried)
    if tried[best] <= floor:
        return _two_digits(min(tried) / APART)
    if best == max(tried):
        return _two_digits(best * APART)
    if best == min(tried):
        return _two_digits(best / APART)
    return None


def best_rate(first: tuple[float, ...], tried: Mapping[float, float]) -> float:
    """Of equal ones the nearest to the middle of the given rates: where nothing was learned, nothing points outward.

    Where every training failed it is the lowest: lower rates fail less.
    """
    if not any(tried.values()):
        return min(tried)
    middle = log(sorted(first)[len(first) // 2])
    return max(tried, key=lambda rate: (tried[rate], -abs(log(rate) - middle)))


def _two_digits(rate: float) -> float:
    return float(f"{rate:.2g}")
