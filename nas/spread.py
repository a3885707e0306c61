"""Draws that are spread over cost, where a whole front is wanted.

Random draws of a block space crowd at thin networks, and draws near the budget at its upper end. Here each suggestion
gets a budget of its own, a part of the whole one, evenly in the logarithm between the cheapest network and the ceiling.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from nas.arch import ArchSpec
from nas.budget import Budget, Ceiling, Limits
from nas.cost import Cost
from nas.draw import extreme
from nas.latency.value import Latency
from nas.space import Space


@dataclass(frozen=True, slots=True)
class Part:
    """Limits with all their ceilings lowered to a share of what they are."""

    whole: Limits
    share: float

    @property
    def budget(self) -> Budget:
        return self.whole.budget

    @property
    def unmeasured(self) -> "Part":
        return Part(self.whole.unmeasured, self.share)

    def ceilings(self) -> Iterator[Ceiling]:
        return (one._replace(limit=one.limit * self.share) for one in self.whole.ceilings())

    def quantities(self) -> Iterator[Ceiling]:
        return (one._replace(limit=one.limit * self.share) for one in self.whole.quantities())

    def cost(self, spec: ArchSpec) -> Cost:
        return self.whole.cost(spec)

    def latency(self, spec: ArchSpec) -> Latency | None:
        return self.whole.latency(spec)

    def use(self, spec: ArchSpec) -> float:
        return self.whole.use(spec) / self.share

    def fits(self, spec: ArchSpec) -> bool:
        return self.use(spec) <= 1 and self.whole.fits(spec)

    def proven(self, spec: ArchSpec) -> bool:
        return self.use(spec) <= 1 and self.whole.proven(spec)

    def __str__(self) -> str:
        return f"{self.share:.3g} of {self.whole.budget}"


def part_at_random(space: Space, limits: Limits, rng: random.Random) -> Part:
    """A part between the cheapest network of the space and the budget, or the dearest network where that is less."""
    least, most = extent(space, limits)
    return Part(limits, least * (most / least) ** rng.random())


@lru_cache(maxsize=16)
def extent(space: Space, limits: Limits) -> tuple[float, float]:
    """The least and the most of the budget that a network of the space uses; at most 1."""
    least = limits.use(extreme(space, limits.use, random.Random("least"), starts=2).spec)
    most = limits.use(extreme(space, lambda spec: -limits.use(spec), random.Random("most"), starts=2).spec)
    return min(least, 1.0), min(most, 1.0)


def halves(space: Space, limits: Limits, *, most: int = 4) -> list[Part]:
    """A half of the budget, a quarter, and so on, until one is below the cheapest network."""
    least, _ = extent(space, limits)
    parts = [Part(limits, 0.5**step) for step in range(1, most + 1)]
    return [part for part in parts if 2 * part.share > least]
