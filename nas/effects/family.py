"""Effects of one family: their intervals hold together, all of them at once, with the family's level."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from nas.effects.verdict import Verdict

if TYPE_CHECKING:
    from nas.effects.curve import Curve

Scores = Mapping[str, Mapping[int, float]]  # network's key → seed → accuracy (a fraction)
Axis = Literal["macs", "params", "latency"]
Method = Literal["pooled", "per variant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A variant's accuracy minus the baseline's, in fractions. Everything but ``delta`` may be unknown: from one seed,
    or where nothing scatters."""

    name: str  # the variant's key
    delta: float
    ci: tuple[float, float] | None  # simultaneous: wide enough for all of the family at once
    p: float | None  # of the same simultaneous test: at most 1 − level exactly when ``ci`` leaves out 0
    verdict: Verdict
    detectable: float | None  # smallest true difference that as many seeds show with 80% power, at the measured spread
    settles: int | None  # seeds at which a true 0 is called no practical difference, and a true margin shown, each in
    # 80% of studies: from margin and spread, never from ``delta``; None: unknown, or more than plan.MOST
    seeds: tuple[int, ...]  # that variant and baseline both have


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualCost(Effect):
    """A variant's accuracy minus what the baseline's curve has at the variant's cost."""

    axis: Axis
    cost: float  # the variant's
    worth: float | None  # +0.09: as good as a baseline 9% dearer; None: beyond the curve
    worth_ci: tuple[float | None, float | None] | None  # an end that is None lies beyond the curve
    extrapolated: bool  # the variant is cheaper or dearer than the whole curve; far beyond it has no interval
    misfit: str | None  # where the curve itself does not fit, or could not be checked


E = TypeVar("E", bound=Effect)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family(Generic[E]):
    """Effects whose intervals hold at once, and how they were made."""

    effects: tuple[
        E, ...
    ]  # in the order that was asked for; variants that share no seed with the baseline are not in it
    margin: float
    level: float  # of the family
    spent: float | None  # alpha of this look, where a study is looked at several times; intervals are at 1 − spent
    method: Method  # one residual for all where their variances agree; else each variant's own differences
    agree: float | None  # p that the networks' variances agree; None: cannot be told
    sigma: float | None  # residual deviation of one training (accuracy = network + seed + rest), pooled
    df: int | None  # of ``sigma``
    critical: float | None  # intervals are delta ± critical × standard error; None where it differs between variants
    curve: "Curve | None" = None  # of at_equal_cost

    def __getitem__(self, name: str) -> E:
        """KeyError for a variant that is not in the family."""
        for effect in self.effects:
            if effect.name == name:
                return effect
        raise KeyError(name)
