"""Looking several times: how much of alpha each look may spend.

Lan and DeMets (1983) with a spending function of O'Brien and Fleming's type: next to nothing early, nearly all at the
last look. The looks' shares add up to alpha, so intervals made at 1 − share each hold together over all looks and all
variants, whatever the correlation between looks. (Using that correlation as well would gain some hundredths of a
standard error at the last look; with few seeds and an estimated residual it is not known exactly.)
"""

from collections.abc import Sequence

from nas.effects.verdict import LEVEL

LOOKS = (5, 10, 20)  # seeds


def spent(look: int, looks: Sequence[int] = LOOKS, level: float = LEVEL) -> float:
    """The alpha of the look at so many seeds: ``as_changed(…, alpha_spent=spent(10))``.

    ValueError for a number of seeds that is no look.
    """
    if look not in looks or list(looks) != sorted(set(looks)) or looks[0] <= 0:
        raise ValueError(f"{look} is not among the looks {tuple(looks)}, which must increase from above 0")
    place = list(looks).index(look)
    before = _spent_until(looks[place - 1] / looks[-1], 1 - level) if place else 0.0
    return _spent_until(look / looks[-1], 1 - level) - before


def _spent_until(information: float, alpha: float) -> float:
    """2 − 2 Φ(z / √information): Lan and DeMets (1983), α₁*."""
    from scipy.special import ndtr, ndtri

    return 2 * float(ndtr(ndtri(alpha / 2) / information**0.5))
