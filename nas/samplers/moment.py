"""What a sampler of our own is given to think of the next network, and how it answers."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from nas.draw import NEAR, Draw
from nas.samplers.feasible import Feasible, Taken
from nas.samplers.told import Told

ATTEMPTS = 16  # suggestions before the nearest one is moved inside
FAIR = 0.6  # of the limit: suggestions that use less are thin networks that happen to fit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moment:
    """All that a suggestion may depend on."""

    feasible: Feasible
    told: Sequence[Told]  # finished trials, in the order of their numbers
    running: Sequence[Draw]
    taken: Taken  # networks that must not be suggested
    rng: random.Random  # of this suggestion alone
    seed: int  # of the whole search
    memory: dict[Any, Any]  # of a sampler, between suggestions: what it could work out again

    objectives: int = 1

    @property
    def complete(self) -> list[Told]:
        """The trials with values."""
        return [one for one in self.told if one.values is not None]

    @property
    def near(self) -> float:
        """The least share of the limit that a draw is to use: with several objectives cheap networks count too."""
        return NEAR if self.objectives == 1 else 0.0

    @property
    def fair(self) -> float:
        """The least share that any suggestion is to use."""
        return self.feasible.reachable(FAIR) if self.objectives == 1 else 0.0

    def draw(self) -> Draw:
        """One at random that may be suggested. Raises ``SpaceExhausted``."""
        return self.feasible.draw(self.rng, self.taken, near=self.near)

    def suggestible(self, point: Draw) -> bool:
        """Whether it fits, is new, and uses a fair part of the limit."""
        return (
            point.spec not in self.taken
            and self.feasible.has(point)
            and self.feasible.limit.use(point.spec) >= self.fair
        )

    def inside(self, suggest: Callable[[], Draw], attempts: int = ATTEMPTS) -> Draw:
        """The first suggestion that may be suggested, else the nearest moved inside. Raises ``SpaceExhausted``."""
        limit, nearest = self.feasible.limit, None
        for _ in range(attempts):
            point = suggest()
            if self.suggestible(point):
                return point
            if point.spec in self.taken and nearest is not None:
                continue
            if nearest is None or abs(limit.use(point.spec) - 1) < abs(limit.use(nearest.spec) - 1):
                nearest = point
        assert nearest is not None
        return self.feasible.move(nearest, self.rng, self.taken, near=self.fair)


class Proposer(Protocol):
    """A sampler of our own: whole networks, not parameters. Made anew for each suggestion, it remembers nothing."""

    def begin(self, moment: Moment) -> Draw:
        """One of the first networks, before there is anything to learn from."""

    def propose(self, moment: Moment) -> Draw:
        """The next; what may not be suggested is moved to what may. Raises ``SpaceExhausted``."""


def merits(values: Sequence[tuple[float, ...]]) -> list[float]:
    """One number for each, the more the better: the value itself; of several objectives, less than nothing by how many
    others dominate it."""
    if all(len(value) == 1 for value in values):
        return [value[0] for value in values]
    table = np.array(values)
    at_least = np.all(table[:, None] >= table[None], axis=2)  # [one, other]
    more = np.any(table[:, None] > table[None], axis=2)
    return [-float(count) for count in (at_least & more).sum(axis=0)]
