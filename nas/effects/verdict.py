"""A verdict is read off an interval, so the two cannot contradict each other."""

from typing import Literal

MARGIN = 0.003  # differences below 0.3 points make no practical difference, unless a study says otherwise
LEVEL = 0.95  # of all intervals of a family together
POWER = 0.8  # with which a difference that is called detectable is shown

Verdict = Literal["helps", "hurts", "no practical difference", "not shown", "depends on training length"]


def verdict(ci: tuple[float, float] | None, margin: float = MARGIN) -> Verdict:
    """What a difference's interval shows, in fractions of accuracy.

    The whole interval inside ±margin: no practical difference, also where it leaves out 0 (two one-sided tests, each at
    half of what the interval leaves). Else above 0 helps and below hurts.
    """
    if ci is None:
        return "not shown"
    low, high = ci
    if -margin < low and high < margin:
        return "no practical difference"
    if low > 0:
        return "helps"
    return "hurts" if high < 0 else "not shown"
