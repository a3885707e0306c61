"""What a number of seeds can show, before or after they are spent: power, the smallest difference, seeds that settle.

An estimate scatters normally around the truth and its half width is critical × standard error × s/σ, where (s/σ)² is χ²
over its degrees of freedom. The chance of a verdict is the normal one at a half width, averaged over half widths.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nas.effects.table import Array
from nas.effects.verdict import LEVEL, MARGIN, POWER

MOST = 10_000  # seeds that anybody is told to run
QUANTILES = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How precisely one difference is known."""

    se: float  # standard error, a fraction
    df: int
    critical: float  # half width = critical × se


def chance_shown(plan: Plan, truth: float, margin: float = MARGIN) -> float:
    """Chance of "helps" or "hurts" where the true difference is ``truth``: the interval leaves out 0 and is not wholly
    inside ±margin."""
    half = plan.critical * plan.se * _spreads(plan.df)
    least = np.maximum(half, margin - half)
    return float(np.mean(_normal((truth - least) / plan.se) + _normal((-truth - least) / plan.se)))


def chance_equivalent(plan: Plan, truth: float = 0.0, margin: float = MARGIN) -> float:
    """Chance of "no practical difference" where the true difference is ``truth``."""
    room = np.maximum(margin - plan.critical * plan.se * _spreads(plan.df), 0.0)
    return float(np.mean(_normal((room - truth) / plan.se) - _normal((-room - truth) / plan.se)))


def detectable(plan: Plan, margin: float = MARGIN, power: float = POWER) -> float:
    """The smallest true difference that is shown (helps, hurts) with this power."""
    from scipy.optimize import brentq

    high = margin + plan.se
    while chance_shown(plan, high, margin) < power:
        high *= 2
    return float(brentq(lambda truth: chance_shown(plan, truth, margin) - power, 0.0, high, xtol=1e-9))


def settling(planned: Callable[[int], Plan], margin: float = MARGIN, power: float = POWER) -> int | None:
    """The fewest seeds at which a true 0 is called no practical difference, and a true difference of the margin is
    shown, each with this power; None where that takes more than MOST."""

    def enough(seeds: int) -> bool:
        plan = planned(seeds)
        return chance_equivalent(plan, 0.0, margin) >= power and chance_shown(plan, margin, margin) >= power

    return _fewest(enough)


def _fewest(enough: Callable[[int], bool]) -> int | None:
    few, many = 1, 2
    while not enough(many):
        few, many = many, 2 * many
        if few >= MOST:
            return None
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    return many if many <= MOST else None


def smallest_shown(
    *, seeds: int, variants: int, sigma: float, margin: float = MARGIN, level: float = LEVEL, power: float = POWER
) -> float | None:
    """The smallest true difference that a study would show with this power: so many variants against one baseline, all
    on the same seeds, ``sigma`` the residual deviation of one training (a fraction). None from one seed."""
    if seeds < 2:
        return None
    return detectable(_balanced(seeds, variants, sigma, 1 - level), margin, power)


def seeds_to_settle(
    *, variants: int, sigma: float, margin: float = MARGIN, level: float = LEVEL, power: float = POWER
) -> int | None:
    """Seeds after which a study would settle every variant, in the sense of Effect.settles."""
    return settling(lambda seeds: _balanced(seeds, variants, sigma, 1 - level), margin, power)


def seeds_to_show(
    difference: float,
    *,
    variants: int,
    sigma: float,
    margin: float = MARGIN,
    level: float = LEVEL,
    power: float = POWER,
) -> int | None:
    """The fewest seeds that would show a true difference of this size with this power. None where that takes more than
    MOST, or no number of seeds would: inside the margin is no practical difference."""
    if abs(difference) <= margin:
        return None
    return _fewest(
        lambda seeds: chance_shown(_balanced(seeds, variants, sigma, 1 - level), abs(difference), margin) >= power
    )


def _balanced(seeds: int, variants: int, sigma: float, alpha: float) -> Plan:
    from nas.effects.simultaneous import critical

    correlation = (np.eye(variants) + 1) / 2  # differences from one baseline share half of their variance
    df = variants * (seeds - 1)
    return Plan(se=sigma * (2 / seeds) ** 0.5, df=df, critical=critical(correlation, df, alpha))


@lru_cache(maxsize=4096)
def _spreads(df: int) -> Array:
    """s/σ at evenly spaced quantiles."""
    from scipy.special import gammaincinv

    quantiles = (np.arange(QUANTILES) + 0.5) / QUANTILES
    spreads: Array = np.sqrt(gammaincinv(df / 2, quantiles) * 2 / df)
    return spreads


def _normal(x: Array) -> Array:
    from scipy.special import ndtr

    probability: Array = ndtr(x)
    return probability
