"""How much of a limit a network uses, learned from nothing but what fits.

Networks are tried against the limit, which costs no training. Every option of every decision gets a weight: how
much more often networks with it do not fit. What a network's options add up to ranks networks as their cost would where
costs add up, as those of blocks nearly do.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

from nas.draw import Draw
from nas.space import Option


def learned_use(points: Sequence[Draw], fits: Sequence[bool]) -> Callable[[Draw], float]:
    """A score, the more of the limit is used the higher; 0 for all where all or none fit."""
    overall = 1 - sum(fits) / len(fits)
    counts: dict[tuple[str, Option], list[int]] = defaultdict(lambda: [0, 0])  # networks, those over the limit
    for point, within in zip(points, fits, strict=True):
        for name, value in point.choices.items():
            counts[(name, value)][0] += 1
            counts[(name, value)][1] += not within
    # one more network that is over as often as all are, so that rare options say little
    weights = {key: (beyond + overall) / (met + 1) - overall for key, (met, beyond) in counts.items()}
    return lambda point: sum(weights.get(choice, 0.0) for choice in point.choices.items())
