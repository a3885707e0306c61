"""Stopping hopeless trials: a learning curve is compared with those of networks that cost as much or less.

Optuna's pruners know one objective, and compare everybody with everybody: a cheap network of a good front would be
stopped for being behind dear ones.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

FROM_EPOCHS = 6  # curves of shorter trainings cross too often to be judged by their beginning
WARM_UP = 3  # a third of the epochs
FEWEST = 5  # curves to compare with; fewer have no median to speak of
SIMILAR = 1.1  # times as dear is still of similar cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A training so far: what the network costs, of each cost that accuracy is traded against, and a score an epoch."""

    costs: tuple[float, ...]  # none with one objective: then all are compared with all
    scores: tuple[float, ...]


def hopeless(mine: Curve, others: Iterable[Curve], *, epochs: int) -> bool:
    """Whether a training of so many epochs should end here: its score is below the median of those, finished, stopped
    or running, that reached this epoch and cost no more than ``SIMILAR`` times as much in everything.

    Those that were stopped here or later count too: without them the median would rise with every trial it stops.
    """
    epoch = len(mine.scores)
    if epochs < FROM_EPOCHS or WARM_UP * epoch < epochs or epoch >= epochs:
        return False
    scores = [
        other.scores[epoch - 1]
        for other in others
        if len(other.scores) >= epoch
        and all(theirs <= SIMILAR * own for theirs, own in zip(other.costs, mine.costs, strict=True))
    ]
    return len(scores) >= FEWEST and mine.scores[-1] < median(scores)
