"""Ceilings on what a network may cost when it is deployed. An architecture fits or it does not."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import NamedTuple, Protocol, get_args

from nas.arch import ArchSpec
from nas.cost import Cost, cost
from nas.errors import BudgetError
from nas.latency.value import Latency
from nas.size import SizeAt, file_bytes

MILLION = 1_000_000

NO_BUDGET = (
    "no budget: give --budget-mflops (10⁶ multiply-adds), --budget-params, --budget-size-mb, --budget-memory-mb or "
    "--budget-latency-ms, or several"
)


class Ceiling(NamedTuple):
    """One ceiling in the units people type: ``--budget-mflops 60``."""

    flag: str
    unit: str
    short: str  # in the names of studies: ``60mflops``
    limit: float
    spent: Callable[[ArchSpec], float]  # what a network costs, in this unit
    decimals: int

    def text(self, value: float) -> str:
        """``6.48`` million multiply-adds, ``1,236,376`` parameters."""
        return f"{value:,.{self.decimals}f}"


class Limits(Protocol):
    """What networks are held to while they are drawn: a budget's closed form, or that and a latency."""

    @property
    def budget(self) -> "Budget":
        """The facts: how high the ceilings are, and in which form a network is counted."""

    def __hash__(self) -> int: ...

    def ceilings(self) -> Iterator[Ceiling]: ...

    @property
    def unmeasured(self) -> "Limits":
        """The same, where nothing is measured any more: what is not certain does not fit."""

    def quantities(self) -> Iterator[Ceiling]:
        """All that can be told of a network, infinitely high where there is no ceiling."""

    def cost(self, spec: ArchSpec) -> Cost:
        """In the deployed form."""

    def use(self, spec: ArchSpec) -> float:
        """The share of the tightest ceiling that this network uses, as far as is known without measuring it."""

    def latency(self, spec: ArchSpec) -> Latency | None:
        """In the deployed form; None where no target was chosen."""

    def fits(self, spec: ArchSpec) -> bool:
        """Whether it is certain to fit; where only a measurement can tell, it is measured."""

    def proven(self, spec: ArchSpec) -> bool:
        """Whether it fits by what was measured, if that can be measured."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Budget:
    """Ceilings on what a network costs in the deployed form: published strides, one image.

    ``macs`` counts multiply-adds of convolutions and linear layers, ``size_bytes`` is of the file with its numbers in
    ``size_at``, ``memory_bytes`` the most that activations take at once in fp32, ``latency_ms`` the time of one image
    on ``latency_target``. These are facts; what needs no measuring is held to here, latency by
    ``nas.latency.LatencyLimits``. Raises ``BudgetError`` for a ceiling that is not above zero, no ceiling at all, or a
    latency without a target.
    """

    macs: int | None = None
    params: int | None = None
    size_bytes: int | None = None
    size_at: SizeAt | None = None  # "fp32" unless given
    memory_bytes: int | None = None  # peak activations
    latency_ms: float | None = None
    latency_target: str | None = None
    resolution: int = 224  # px
    classes: int = 1000

    def __post_init__(self) -> None:
        if self.size_at is not None and self.size_bytes is None:
            raise BudgetError(f"--size-at {self.size_at}: of which budget? give --budget-size-mb")
        if self.size_at not in (None, *get_args(SizeAt)):
            raise BudgetError(f"--size-at {self.size_at}: unknown; there are {', '.join(get_args(SizeAt))}")
        if self.size_bytes is not None and self.size_at is None:
            object.__setattr__(self, "size_at", "fp32")
        limits = {ceiling.flag: ceiling.limit for ceiling in self.ceilings()}
        if self.latency_ms is not None:
            limits["--budget-latency-ms"] = self.latency_ms
            if self.latency_target is None:
                raise BudgetError("--budget-latency-ms: on what? give --latency-target")
        if not limits:
            raise BudgetError(NO_BUDGET)
        for flag, limit in limits.items():
            if not 0 < limit < math.inf:
                raise BudgetError(f"{flag} {limit:g}: must be above zero")
        if self.resolution < 1:
            raise BudgetError(f"--budget-resolution {self.resolution}: must be at least 1 px")
        if self.classes < 1:
            raise BudgetError(f"--budget-classes {self.classes}: must be at least 1")

    @property
    def budget(self) -> "Budget":
        return self

    @property
    def unmeasured(self) -> "Budget":
        return self

    def ceilings(self) -> Iterator[Ceiling]:
        """Of costs in closed form."""
        return (ceiling for ceiling in self.quantities() if ceiling.limit < math.inf)

    def quantities(self) -> Iterator[Ceiling]:
        """All that can be told in closed form, infinitely high where there is no ceiling."""

        def one(flag: str, unit: str, short: str, limit: int | None, of: Callable[[Cost], int], scale: int) -> Ceiling:
            def spent(spec: ArchSpec) -> float:
                return of(self.cost(spec)) / scale

            high = math.inf if limit is None else limit / scale
            return Ceiling(flag, unit, short, high, spent, 0 if scale == 1 else 2)

        at = self.size_at or "fp32"
        yield one("--budget-mflops", "MFLOPs", "mflops", self.macs, lambda cost: cost.macs, MILLION)
        yield one("--budget-params", "parameters", "params", self.params, lambda cost: cost.params, 1)
        yield one("--budget-size-mb", f"MB at {at}", "mb", self.size_bytes, lambda cost: file_bytes(cost, at), MILLION)
        yield one(
            "--budget-memory-mb",
            "MB of activations",
            "mb-memory",
            self.memory_bytes,
            lambda cost: cost.peak_activation_bytes,
            MILLION,
        )

    def deployed(self, spec: ArchSpec) -> ArchSpec:
        """The form in which this budget counts a network."""
        return spec.at(resolution=self.resolution, classes=self.classes, strides="published")

    def cost(self, spec: ArchSpec) -> Cost:
        return cost(self.deployed(spec))

    def latency(self, spec: ArchSpec) -> Latency | None:
        return None

    def use(self, spec: ArchSpec) -> float:
        """The share of the tightest ceiling in closed form that this network uses; it fits at 1 or below."""
        return _use(self, spec)

    def fits(self, spec: ArchSpec) -> bool:
        return self.use(spec) <= 1

    def proven(self, spec: ArchSpec) -> bool:
        return self.fits(spec)

    def __repr__(self) -> str:
        """The ceilings there are: names of studies come from it, and a new kind of ceiling must not change them."""
        given = ", ".join(
            f"{field.name}={value!r}"
            for field in fields(self)
            if (value := getattr(self, field.name)) is not None or field.name in ("macs", "params")
        )
        return f"Budget({given})"

    def __str__(self) -> str:
        """``60 MFLOPs at 224 px, 1000 classes``."""
        limits = [f"{ceiling.limit:,.10g} {ceiling.unit}" for ceiling in self.ceilings()]
        if self.latency_ms is not None:
            limits.append(f"{self.latency_ms:,.10g} ms on {self.latency_target}")
        return f"{' and '.join(limits)} at {self.resolution} px, {self.classes} classes"


@lru_cache(maxsize=16384)
def _use(budget: Budget, spec: ArchSpec) -> float:
    spent = budget.cost(spec)
    size = 0 if budget.size_bytes is None else file_bytes(spent, budget.size_at or "fp32")
    # integers compared as integers: use must not round a network over budget down to 1
    used = 0.0
    for limit, value in (
        (budget.macs, spent.macs),
        (budget.params, spent.params),
        (budget.size_bytes, size),
        (budget.memory_bytes, spent.peak_activation_bytes),
    ):
        if limit is not None:
            share = value / limit
            used = max(used, share if value <= limit else max(share, 1 + 1e-9))
    return used
