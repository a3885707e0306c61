"""The latency of a network nobody measured: the sum of its blocks, calibrated on networks that were."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from nas.arch import ArchSpec
from nas.cost import cost
from nas.latency.estimate import Estimate
from nas.latency.table import Placed, Table, timed_as
from nas.latency.value import Calibration, Latency

UNKNOWN = 3  # one block in so many is taken as unknown, where the error of estimates is checked
LEAST_ERROR = 0.005  # nothing is known better than this
MOST_ERROR = 0.9  # an interval has an upper end


def placed(spec: ArchSpec) -> list[Placed]:
    """A network's blocks as a table has them."""
    return [Placed(timed_as(row.block), row.shape) for row in spec.rows()]


@dataclass(slots=True, kw_only=True)
class Predictor:
    """Predicts by a table and a calibration; what was measured as a whole is not predicted."""

    table: Table
    calibration: Calibration
    _estimate: Estimate = field(init=False)
    _known: dict[ArchSpec, Latency] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._estimate = Estimate(blocks=dict(self.table.blocks))

    def __call__(self, spec: ArchSpec) -> Latency:
        """Of a network in the form it is measured in."""
        measured = self.table.networks.get(spec)
        if measured is not None:
            return measured
        known = self._known.get(spec)
        if known is None:
            known = self._known[spec] = self._predict(spec)
        return known

    def blocks(self, spec: ArchSpec) -> list[tuple[float, bool]]:
        """Milliseconds of each block, and whether they were measured."""
        return _with_estimates(self.table, self._estimate, spec)

    def _predict(self, spec: ArchSpec) -> Latency:
        each = self.blocks(spec)
        fit = self.calibration
        ms = fit.slope * sum(one for one, _ in each) + fit.constant
        ms = max(ms, self.table.overhead_ms or 0.0, 1e-6)
        error = fit.error_95 if all(known for _, known in each) else fit.estimated_error_95
        # the error is a share of what would be measured: |ms / measured - 1| is at most this
        return Latency(ms, ms / (1 + error), ms / (1 - error), measured=False)


def calibrate_by_halves(table: Table, specs: Sequence[ArchSpec]) -> Calibration:
    """Fit on the first half of these networks and check on the other; of one or two, on all of them."""
    half = max(2, len(specs) // 2)
    return calibrate(table, specs[:half], specs[half:] or specs)


def calibrate(table: Table, fitted: Sequence[ArchSpec], checked: Sequence[ArchSpec]) -> Calibration:
    """Fit on some networks and check on others; all of them must have been measured, in one form."""
    sums, macs = _sums(table), lambda spec: cost(spec).macs / 1e6
    slope, constant = _line(table, fitted, sums)
    error, error_95, spearman = _check(table, checked, slope, constant, sums)
    # a third of the blocks of the networks that are checked are taken out of the table
    hidden = {one for spec in checked for one in placed(spec)}
    ordered = sorted(hidden, key=repr)[::UNKNOWN]
    without = Table(
        name=table.name,
        fingerprint=table.fingerprint,
        blocks={one: ms for one, ms in table.blocks.items() if one not in set(ordered)},
    )
    estimated = _check(table, checked, slope, constant, _sums(without))
    by_macs = _check(table, checked, *_line(table, fitted, macs), macs)
    return Calibration(
        slope=slope,
        constant=constant,
        fitted=len(fitted),
        checked=len(checked),
        error=error,
        error_95=_between(error_95),
        estimated_error=estimated[0],
        estimated_error_95=_between(max(estimated[1], error_95)),
        spearman=spearman,
        macs_error=by_macs[0],
        macs_spearman=by_macs[2],
    )


def _between(error: float) -> float:
    return min(max(error, LEAST_ERROR), MOST_ERROR)


def _sums(table: Table) -> Callable[[ArchSpec], float]:
    """The sum over a network's blocks, those that are not in the table estimated."""
    estimate = Estimate(blocks=dict(table.blocks))

    return lambda spec: sum(ms for ms, _ in _with_estimates(table, estimate, spec))


def _with_estimates(table: Table, estimate: Estimate, spec: ArchSpec) -> list[tuple[float, bool]]:
    """Milliseconds of each block, and whether they were measured."""
    blocks = placed(spec)
    unknown = [one for one in blocks if one not in table.blocks]
    estimated = dict(zip(unknown, estimate.milliseconds(unknown), strict=True))
    return [(estimated[one], False) if one in estimated else (table.blocks[one], True) for one in blocks]


def _line(table: Table, fitted: Sequence[ArchSpec], of: Callable[[ArchSpec], float]) -> tuple[float, float]:
    """Slope and constant of the least relative squares."""
    measured = np.array([table.networks[spec].ms for spec in fitted])
    rows = np.array([[of(spec), 1.0] for spec in fitted]) / measured[:, None]
    (slope, constant), *_ = np.linalg.lstsq(rows, np.ones(len(measured)), rcond=None)
    return float(slope), float(constant)


def _check(
    table: Table, checked: Sequence[ArchSpec], slope: float, constant: float, of: Callable[[ArchSpec], float]
) -> tuple[float, float, float]:
    """The median relative error, the error that 95% of further networks stay below, and Spearman's correlation.

    A further network's error is as likely to fall between any two neighbours of n errors that were found, so in 95% of
    cases it is below the k-th of them, k = 0.95 (n + 1) (split conformal prediction; Vovk et al. 2005). Of fewer than
    19 it is the largest. The correlation is 0 where nothing can be ranked.
    """
    from scipy.stats import spearmanr

    measured = np.array([table.networks[spec].ms for spec in checked])
    predicted = np.array([slope * of(spec) + constant for spec in checked])
    errors = np.sort(np.abs(predicted / measured - 1))
    place = min(math.ceil(0.95 * (len(errors) + 1)), len(errors))
    return (
        float(np.median(errors)),
        float(errors[place - 1]),
        float(spearmanr(predicted, measured).statistic) if np.ptp(predicted) and np.ptp(measured) else 0.0,
    )
