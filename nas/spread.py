"""Draws that are spread over cost, where a whole front is wanted.

Random draws of a block space crowd at thin networks, and draws near the budget at its upper end. Here each suggestion
gets a budget of its own, a part of the whole one, evenly in the logarithm between the cheapest network and the ceiling.
"""

import random
from dataclasses import dataclass
from functools import lru_cache

from nas.arch import ArchSpec
from nas.budget import Budget
from nas.cost import Cost
from nas.draw import extreme
from nas.space import Space


@dataclass(frozen=True, slots=True)
class Part:
    """A budget with all its ceilings lowered to a share of what they are; used as a budget is."""

    whole: Budget
    share: float

    def cost(self, spec: ArchSpec) -> Cost:
        return self.whole.cost(spec)

    def use(self, spec: ArchSpec) -> float:
        return self.whole.use(spec) / self.share

    def fits(self, spec: ArchSpec) -> bool:
        return self.use(spec) <= 1 and self.whole.fits(spec)

    def __str__(self) -> str:
        return f"{self.share:.3g} of {self.whole}"


def part_at_random(space: Space, budget: Budget, rng: random.Random) -> Part:
    """A part between the cheapest network of the space and the budget, or the dearest network where that is less."""
    least, most = extent(space, budget)
    return Part(budget, least * (most / least) ** rng.random())


@lru_cache(maxsize=16)
def extent(space: Space, budget: Budget) -> tuple[float, float]:
    """The least and the most of the budget that a network of the space uses; at most 1."""
    least = budget.use(extreme(space, budget.use, random.Random("least"), starts=2).spec)
    most = budget.use(extreme(space, lambda spec: -budget.use(spec), random.Random("most"), starts=2).spec)
    return min(least, 1.0), min(most, 1.0)


def halves(space: Space, budget: Budget, *, most: int = 4) -> list[Part]:
    """A half of the budget, a quarter, and so on, until one is below the cheapest network."""
    least, _ = extent(space, budget)
    parts = [Part(budget, 0.5**step) for step in range(1, most + 1)]
    return [part for part in parts if 2 * part.share > least]
