"""What the trials' choices go along with: one number a trial for each kind of decision, and rank correlations.

Exploratory: trials were picked by a sampler, decisions hang together, and cost goes along with most of them. Whether a
choice *helps* is what an ablation shows.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas.record import Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Value = str | int | float | bool  # what a choice can be

ENOUGH = 8  # trials; with fewer a rank correlation's interval covers almost everything
RESAMPLES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """One kind of decision over a network's blocks; None for trials that were not asked."""

    label: str  # "kernel (mean)", "activation = hardswish (share)"
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """Spearman's ρ with a bootstrap interval over the trials (95%, percentiles)."""

    rho: float
    ci: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One kind of decision against accuracy: as it is, and with training cost partialled out."""

    label: str
    trials: int
    raw: Correlation
    at_cost: Correlation | None  # None where the decision is one with the training cost


def aggregates(records: Sequence[Record]) -> list[Aggregate]:
    """Decisions grouped by the last part of their name ("stage2.block0.kernel" is a kernel).

    Numbers and yes/no count with their mean, words with the share of the option that is picked most over all trials.
    """
    groups: dict[str, list[list[Value]]] = {}
    for index, record in enumerate(records):
        for name, value in (record.choices or {}).items():
            per_trial = groups.setdefault(name.rpartition(".")[2], [[] for _ in records])
            per_trial[index].append(value)
    return [_aggregate(name, per_trial) for name, per_trial in groups.items()]


def _aggregate(name: str, per_trial: list[list[Value]]) -> Aggregate:
    everything = [value for values in per_trial for value in values]
    several = any(len(values) > 1 for values in per_trial)
    if all(isinstance(value, bool) for value in everything):
        label = f"{name} (share)" if several else name
    elif any(isinstance(value, str) for value in everything):
        # of two options picked equally often the first by name, so that the page stays the same
        usual = min(Counter(everything).items(), key=lambda item: (-item[1], str(item[0])))[0]
        per_trial = [[value == usual for value in values] for values in per_trial]
        label = f"{name} = {usual}" + (" (share)" if several else "")
    else:
        label = f"{name} (mean)" if several else name
    means = tuple(sum(float(value) for value in values) / len(values) if values else None for values in per_trial)
    return Aggregate(label=label, values=means)


def effects(records: Sequence[Record]) -> list[Effect]:
    """For every kind of decision that varies over enough complete trials, strongest first."""
    import numpy as np

    complete = [record for record in records if record.val_accuracy is not None and record.choices]
    found = []
    for one in aggregates(complete):
        asked = [index for index, value in enumerate(one.values) if value is not None]
        x = np.array([one.values[index] for index in asked], dtype=np.float64)
        y = np.array([complete[index].val_accuracy for index in asked], dtype=np.float64)
        cost = np.array([complete[index].train_macs for index in asked], dtype=np.float64)
        if len(asked) < ENOUGH or np.ptp(x) == 0 or np.ptp(y) == 0:
            continue
        raw = correlation(x, y)
        if raw is not None:
            found.append(Effect(label=one.label, trials=len(asked), raw=raw, at_cost=correlation(x, y, given=cost)))
    return sorted(found, key=lambda effect: -abs((effect.at_cost or effect.raw).rho))


def correlation(x: "Floats", y: "Floats", *, given: "Floats | None" = None) -> Correlation | None:
    """Spearman's ρ of x and y, with ``given`` partialled out of the ranks where there is one.

    ρ(xy·z) = (ρxy − ρxz ρyz) / √((1 − ρxz²)(1 − ρyz²)). Ranks do not change under a logarithm, so a cost need not be
    given as one. None where it is undefined, or is in more than a tenth of the resamples.
    """
    import numpy as np

    draws = np.random.default_rng(0).integers(len(x), size=(RESAMPLES, len(x)))
    rows = np.vstack([np.arange(len(x)), draws])  # the first row is the trials as they are
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = _partial(x[rows], y[rows], None if given is None else given[rows])
    resampled = rho[1:][np.isfinite(rho[1:])]
    if not np.isfinite(rho[0]) or len(resampled) < 0.9 * RESAMPLES:
        return None
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Correlation(rho=float(rho[0]), ci=(float(low), float(high)))


def _partial(x: "Floats", y: "Floats", z: "Floats | None") -> "Floats":
    xy = _spearman(x, y)
    if z is None:
        return xy
    xz, yz = _spearman(x, z), _spearman(y, z)
    # a remainder of 1e-9 is rounding: x or y is one with z and nothing is left to correlate
    left = (1 - xz**2) * (1 - yz**2)
    left[left < 1e-9] = float("nan")
    partial: Floats = ((xy - xz * yz) / left**0.5).clip(-1, 1)
    return partial


def _spearman(a: "Floats", b: "Floats") -> "Floats":
    """Row by row: Pearson's correlation of the ranks; NaN where a row is constant."""
    from scipy.stats import rankdata

    ra, rb = rankdata(a, axis=1), rankdata(b, axis=1)
    ra -= ra.mean(axis=1, keepdims=True)
    rb -= rb.mean(axis=1, keepdims=True)
    rho: Floats = (ra * rb).sum(axis=1) / ((ra**2).sum(axis=1) * (rb**2).sum(axis=1)) ** 0.5
    return rho
