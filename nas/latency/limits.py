"""A budget with a latency in it: predicted for every network that is drawn, measured where only that can tell."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from nas.arch import ArchSpec
from nas.budget import Budget, Ceiling
from nas.cost import Cost
from nas.errors import BudgetError, LatencyError
from nas.latency.predict import Predictor
from nas.latency.value import Calibration, Latency

Measure = Callable[[ArchSpec], Latency]
"""Measures a whole network in the form it is given in, and keeps what it found."""


@dataclass(slots=True, kw_only=True, eq=False)
class LatencyLimits:
    """Holds networks to ``budget``, its latency included.

    A prediction whose whole interval fits is believed, and one whose whole interval does not; in between the network is
    measured, and the upper end of what was measured must fit. Without ``measure``, as for a device that is elsewhere,
    the upper end of the prediction must.
    """

    budget: Budget
    predict: Predictor
    measure: Measure | None = None
    quiet: Callable[[], AbstractContextManager[None]] = nullcontext  # stops what else computes while it is measured
    say: Callable[[str], None] = lambda text: None
    unsettled: set[ArchSpec] = field(default_factory=set, init=False)  # could not be measured

    def __post_init__(self) -> None:
        overhead = self.predict.table.overhead_ms
        if overhead is not None and self._limit <= overhead:
            raise BudgetError(
                f"--budget-latency-ms {self._limit:g}: to call {self.budget.latency_target} at all takes "
                f"{overhead:.3f} ms; raise the budget"
            )

    @property
    def _limit(self) -> float:
        """Infinitely high where latency is told and not limited."""
        return math.inf if self.budget.latency_ms is None else self.budget.latency_ms

    @property
    def unmeasured(self) -> "LatencyLimits":
        return LatencyLimits(budget=self.budget, predict=self.predict)

    @property
    def calibration(self) -> Calibration:
        """How well it predicts."""
        return self.predict.calibration

    def ceilings(self) -> Iterator[Ceiling]:
        return (ceiling for ceiling in self.quantities() if ceiling.limit < math.inf)

    def quantities(self) -> Iterator[Ceiling]:
        yield from self.budget.quantities()

        def spent(spec: ArchSpec) -> float:
            return self._known(spec).ms

        yield Ceiling("--budget-latency-ms", f"ms on {self.budget.latency_target}", "ms", self._limit, spent, 2)

    def cost(self, spec: ArchSpec) -> Cost:
        return self.budget.cost(spec)

    def latency(self, spec: ArchSpec) -> Latency:
        """As measured, or else as predicted, in the deployed form, with its blocks."""
        deployed = self.budget.deployed(spec)
        return self.predict(deployed)._replace(blocks=tuple(ms for ms, _ in self.predict.blocks(deployed)))

    def _known(self, spec: ArchSpec) -> Latency:
        return self.predict(self.budget.deployed(spec))

    def use(self, spec: ArchSpec) -> float:
        known = self._known(spec)
        # what was measured, or cannot be, must fit with its upper end
        ms = known.high if known.measured or self.measure is None else known.ms
        share = ms / self._limit
        if self.budget.deployed(spec) in self.unsettled:
            share = max(share, 1 + 1e-9)
        return max(self.budget.use(spec), share)

    def fits(self, spec: ArchSpec) -> bool:
        if not self.budget.fits(spec):
            return False
        known = self._known(spec)
        if not known.measured and self.measure is not None and known.low <= self._limit < known.high:
            known = self.measured(spec) or known
        return known.high <= self._limit

    def __str__(self) -> str:
        return str(self.budget)

    def proven(self, spec: ArchSpec) -> bool:
        known = self.measured(spec) if self.fits(spec) else None
        return self.fits(spec) and (known is None or known.high <= self._limit)

    def measured(self, spec: ArchSpec) -> Latency | None:
        """Measured now, unless it was before; None where that cannot be, or the machine will not settle."""
        deployed = self.budget.deployed(spec)
        known = self.predict(deployed)
        if known.measured:
            return known
        if self.measure is None or deployed in self.unsettled:
            return None
        try:
            with self.quiet():
                return self.measure(deployed)
        except LatencyError as error:
            self.unsettled.add(deployed)
            self.say(f"{error}; a network near the budget is passed over")
            return None
