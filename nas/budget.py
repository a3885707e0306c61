"""Ceilings on what a network may cost when it is deployed. An architecture fits or it does not."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from nas.arch import ArchSpec
from nas.cost import Cost, cost
from nas.errors import BudgetError

MILLION = 1_000_000


class Ceiling(NamedTuple):
    """One ceiling in the units people type: ``--budget-mflops 60``."""

    flag: str
    unit: str
    limit: float
    attribute: str  # of Cost
    scale: int  # units of the attribute in one unit

    def of(self, cost: Cost) -> float:
        """What this much cost is, in the ceiling's unit."""
        value: int = getattr(cost, self.attribute)
        return value / self.scale

    def text(self, value: float) -> str:
        """``6.48`` million multiply-adds, ``1,236,376`` parameters."""
        return f"{value:,.0f}" if self.scale == 1 else f"{value:,.2f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """At most so many multiply-adds and parameters, counted in the deployed form: published strides, one image.

    ``macs`` counts multiply-adds of convolutions and linear layers. Raises ``BudgetError`` for a ceiling that is not
    above zero, or no ceiling at all.
    """

    macs: int | None = None
    params: int | None = None
    resolution: int = 224  # px
    classes: int = 1000

    def __post_init__(self) -> None:
        if self.macs is None and self.params is None:
            raise BudgetError("no budget: give --budget-mflops (10⁶ multiply-adds) or --budget-params, or both")
        for ceiling in self.ceilings():
            if ceiling.limit <= 0:
                raise BudgetError(f"{ceiling.flag} {ceiling.limit:g}: must be above zero")
        if self.resolution < 1:
            raise BudgetError(f"--budget-resolution {self.resolution}: must be at least 1 px")
        if self.classes < 1:
            raise BudgetError(f"--budget-classes {self.classes}: must be at least 1")

    def ceilings(self) -> Iterator[Ceiling]:
        if self.macs is not None:
            yield Ceiling("--budget-mflops", "MFLOPs", self.macs / MILLION, "macs", MILLION)
        if self.params is not None:
            yield Ceiling("--budget-params", "parameters", self.params, "params", 1)

    def deployed(self, spec: ArchSpec) -> ArchSpec:
        """The form in which this budget counts a network."""
        return spec.at(resolution=self.resolution, classes=self.classes, strides="published")

    def cost(self, spec: ArchSpec) -> Cost:
        return cost(self.deployed(spec))

    def use(self, spec: ArchSpec) -> float:
        """The share of the tightest ceiling that this network uses; it fits at 1 or below."""
        return _use(self, spec)

    def fits(self, spec: ArchSpec) -> bool:
        return self.use(spec) <= 1

    def __str__(self) -> str:
        """``60 MFLOPs at 224 px, 1000 classes``."""
        limits = " and ".join(f"{ceiling.limit:,.10g} {ceiling.unit}" for ceiling in self.ceilings())
        return f"{limits} at {self.resolution} px, {self.classes} classes"


@lru_cache(maxsize=16384)
def _use(budget: Budget, spec: ArchSpec) -> float:
    spent = budget.cost(spec)
    # integers compared as integers: use must not round a network over budget down to 1
    used = 0.0
    for limit, value in ((budget.macs, spent.macs), (budget.params, spent.params)):
        if limit is not None:
            share = value / limit
            used = max(used, share if value <= limit else max(share, 1 + 1e-9))
    return used
