"""What a sampler of our own is given to think of the next network, and how it answers."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from nas.draw import NEAR, Draw
from nas.errors import SpaceExhausted
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
    spread: bool = False  # over cost, each suggestion near a part of the limit

    @property
    def complete(self) -> list[Told]:
        """The trials with values."""
        return [one for one in self.told if one.values is not None]

    @property
    def near(self) -> float:
        """The least share of the limit that a draw is to use; nothing where cheap networks count too."""
        return 0.0 if self._cheap_too else NEAR

    @property
    def fair(self) -> float:
        """The least share that any suggestion is to use."""
        return 0.0 if self._cheap_too else self.feasible.reachable(FAIR)

    @property
    def _cheap_too(self) -> bool:
        return self.objectives > 1 or self.spread

    def draw(self) -> Draw:
        """One at random that may be suggested. Raises ``SpaceExhausted``."""
        return self.drawn(self.rng, self.taken)

    def drawn(self, rng: random.Random, taken: Taken) -> Draw:
        """The same from another source of chance, or beside other networks."""
        if self.spread:
            return self.feasible.draw_spread(rng, taken, near=FAIR)
        return self.feasible.draw(rng, taken, near=self.near)

    def suggestible(self, point: Draw) -> bool:
        """Whether it is new, uses a fair part of the limit and fits, as far as that is known without measuring it."""
        return (
            point.spec not in self.taken
            and self.feasible.limit.use(point.spec) >= self.fair
            and self.feasible.has(point)
        )

    def inside(self, suggest: Callable[[], Draw], attempts: int = ATTEMPTS) -> Draw:
        """The first suggestion that may be suggested, else the nearest moved inside. Raises ``SpaceExhausted``."""
        limit, fair, nearest = self.feasible.limit, self.fair, None
        if self.spread:
            limit, fair = self.feasible.part(self.rng), FAIR
        for _ in range(attempts):
            point = suggest()
            if self.suggestible(point) and fair <= limit.use(point.spec) <= 1 and self.feasible.fits(point):
                return point
            if point.spec in self.taken and nearest is not None:
                continue
            if nearest is None or abs(limit.use(point.spec) - 1) < abs(limit.use(nearest.spec) - 1):
                nearest = point
        assert nearest is not None
        try:
            return self.feasible.move(nearest, self.rng, self.taken, near=fair, limit=limit)
        except SpaceExhausted:  # around this one; a draw looks everywhere
            return self.draw()


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
