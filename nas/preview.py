"""What is known of a space under a budget before anything is trained: its size, what networks cost, and what fits."""

import math
import random
import statistics
from dataclasses import dataclass

from nas.arch import ArchSpec
from nas.budget import Ceiling, Limits
from nas.draw import Draw, draw, extreme, shares_of
from nas.errors import BudgetError
from nas.space import Space

RESOLUTION_FREE = ("--budget-params", "--budget-size-mb")  # a lower resolution does not help


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Range:
    """One quantity over a space, in the deployed form and in its own unit."""

    quantity: Ceiling  # infinitely high where the budget says nothing of it
    minimum: float
    median: float  # of random draws
    maximum: float
    share: float  # of random draws that fit it

    @property
    def limited(self) -> bool:
        return self.quantity.limit < math.inf


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Preview:
    """A space under a budget; costs are of the deployed form."""

    size: float  # networks in the space, estimated from the draws
    draws: int
    share: float  # of random draws that fit all of the budget
    share_near: float  # of random draws that fit and use at least NEAR of the budget
    ranges: tuple[Range, ...]
    cheapest: ArchSpec  # that uses least of the budget
    dearest: ArchSpec


def preview(space: Space, limits: Limits, *, seed: int = 0, draws: int = 1000) -> Preview:
    """Draws at random and descends to both ends. The size is Knuth's (1975) estimate: the mean over random walks of the
    product of the numbers of options met, unbiased whatever decisions depend on."""
    rng = random.Random(f"preview {seed}")
    points = [draw(space, rng) for _ in range(draws)]
    share, share_near = shares_of([limits.use(point.spec) for point in points])
    return Preview(
        size=statistics.fmean(math.prod(len(options) for options in point.domains.values()) for point in points),
        draws=draws,
        share=share,
        share_near=share_near,
        ranges=tuple(_range(space, quantity, points, rng) for quantity in limits.quantities()),
        cheapest=extreme(space, limits.use, rng).spec,
        dearest=extreme(space, lambda spec: -limits.use(spec), rng).spec,
    )


def _range(space: Space, quantity: Ceiling, points: list[Draw], rng: random.Random) -> Range:
    spent = quantity.spent
    each = [spent(point.spec) for point in points]
    return Range(
        quantity=quantity,
        minimum=spent(extreme(space, spent, rng, starts=2).spec),
        median=statistics.median(each),
        maximum=spent(extreme(space, lambda spec: -spent(spec), rng, starts=2).spec),
        share=sum(one <= quantity.limit for one in each) / len(each),
    )


def ensure_possible(space: Space, limits: Limits, *, name: str, seed: int = 0) -> None:
    """Raises ``BudgetError`` with the cheapest network's cost, the ceiling that binds and what to change when no
    network of the space fits."""
    rng = random.Random(f"possible {seed}")
    if limits.fits(min((draw(space, rng).spec for _ in range(64)), key=limits.use)):
        return
    if limits.fits(extreme(space, limits.use, rng).spec):
        return
    problems: dict[str, str] = {}
    for ceiling in limits.ceilings():
        cheapest = ceiling.spent(extreme(space, ceiling.spent, rng).spec)
        if cheapest > ceiling.limit:
            problems[ceiling.flag] = (
                f"{ceiling.flag} {ceiling.limit:,.10g}: the cheapest network of {name} costs {ceiling.text(cheapest)} "
                f"{ceiling.unit} at {limits.budget.resolution} px and {limits.budget.classes} classes"
            )
    if not problems:
        problems["all"] = (
            f"budget {limits.budget}: every ceiling can be met in {name}, but not all of them by one network; "
            + _binding(space, limits, rng)
        )
    # neither parameters nor the file depend on the resolution
    otherwise = (
        "with fewer --budget-classes" if next(iter(problems)) in RESOLUTION_FREE else "at a lower --budget-resolution"
    )
    raise BudgetError("; ".join(problems.values()) + f"; raise the budget, or count it {otherwise}")


def _binding(space: Space, limits: Limits, rng: random.Random) -> str:
    """For a budget whose ceilings can be met one by one: which of them the nearest network breaks, and by how much."""
    nearest = extreme(space, limits.use, rng).spec
    broken = max(limits.ceilings(), key=lambda ceiling: ceiling.spent(nearest) / ceiling.limit)
    return (
        f"the nearest one breaks {broken.flag} {broken.limit:,.10g} with {broken.text(broken.spent(nearest))} "
        f"{broken.unit}"
    )
