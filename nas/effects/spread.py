"""How wide contrasts' intervals are: from one residual for all networks, or also from each contrast's own scatter.

A contrast is a row of weights, one a network, that add up to 0. Both classes answer the same questions; in a complete
table they give the same differences.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from nas.effects import simultaneous
from nas.effects.family import Method
from nas.effects.plan import Plan
from nas.effects.table import Array, Table
from nas.effects.two_way import NOTHING, TwoWay, fit
from nas.effects.variances import AGREE, agreement


class Spread(Protocol):
    """``rows``, ``family``: (contrasts, networks); ``family`` holds at once. What is unknown is NaN."""

    @property
    def method(self) -> Method: ...
    @property
    def fitted(self) -> TwoWay: ...
    def deltas(self, rows: Array) -> Array: ...
    def halves(self, rows: Array, family: Array, alpha: float) -> Array:
        """Half widths of intervals around ``deltas(rows)``, at the quantile of the family."""

    def p_values(self, family: Array) -> Array:
        """Adjusted: at most alpha exactly when the half width at alpha leaves out 0."""

    def critical(self, family: Array, alpha: float) -> float | None:
        """The quantile, where half widths are quantile × standard error for all."""

    def plan(self, family: Array, which: int, alpha: float, seeds: int | None = None) -> Plan:
        """What decides one half width: as it is, or if every network had so many seeds. Only where that is known."""


def spread_of(table: Table) -> tuple[Spread, float | None]:
    """Pooled where the networks' variances agree, else also each contrast's own; and the p that they agree."""
    pooled = Pooled(table, fit(table))
    agree = agreement(table, pooled.fitted)
    return (PerVariant(pooled) if agree is not None and agree < AGREE else pooled), agree


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """The two-way model's residual for all contrasts, and the exact quantile for their correlation."""

    table: Table
    fitted: TwoWay
    method: Method = "pooled"

    def deltas(self, rows: Array) -> Array:
        return rows @ self.fitted.means

    def halves(self, rows: Array, family: Array, alpha: float) -> Array:
        critical = self.critical(family, alpha)
        return (np.nan if critical is None else critical) * self._errors(rows)

    def p_values(self, family: Array) -> Array:
        return self.p_of(self.deltas(family), family)

    def p_of(self, deltas: Array, family: Array) -> Array:
        correlation, df = correlations(family, self.fitted.design.unit), self.fitted.design.df
        ts = deltas / self._errors(family)
        return np.array([np.nan if np.isnan(t) else simultaneous.p_value(correlation, df, t) for t in ts])

    def critical(self, family: Array, alpha: float) -> float | None:
        if self.fitted.sigma is None or not len(family):
            return None
        return simultaneous.critical(correlations(family, self.fitted.design.unit), self.fitted.design.df, alpha)

    def plan(self, family: Array, which: int, alpha: float, seeds: int | None = None) -> Plan:
        design, sigma = self.fitted.design, self.fitted.sigma or float("nan")
        unit, df = design.unit, design.df
        if seeds is not None:
            unit, df = np.eye(len(unit)) / seeds, (len(unit) - 1) * (seeds - 1)
        critical = simultaneous.critical(correlations(family, unit), df, alpha)
        row = family[which]
        return Plan(se=sigma * float(row @ unit @ row) ** 0.5, df=df, critical=critical)

    def _errors(self, rows: Array) -> Array:
        sigma = np.nan if self.fitted.sigma is None else self.fitted.sigma
        errors: Array = sigma * np.sqrt(np.einsum("ij,jk,ik->i", rows, self.fitted.design.unit, rows))
        return errors


@dataclass(frozen=True, slots=True, eq=False)
class PerVariant:
    """Every contrast's own scatter over the seeds that all its networks have, where that is wider than the pooled.

    Simultaneous by Bonferroni, which holds whatever the correlation. Never narrower than pooled: a study in which
    variances seem to differ is more often than not one in which some scatter came out small by chance.
    """

    pooled: Pooled
    method: Method = "per variant"

    @property
    def fitted(self) -> TwoWay:
        return self.pooled.fitted

    def deltas(self, rows: Array) -> Array:
        return np.array([self._differences(row).mean() for row in rows])

    def halves(self, rows: Array, family: Array, alpha: float) -> Array:
        own = [self._error(row) for row in rows]
        halves = np.array([_bonferroni(df, alpha, len(family)) * error for error, df in own])
        wider: Array = np.maximum(halves, self.pooled.halves(rows, family, alpha))
        return wider

    def p_values(self, family: Array) -> Array:
        from scipy.special import stdtr

        deltas = self.deltas(family)
        own = [self._error(row) for row in family]
        p = [
            2 * len(family) * float(stdtr(max(df, 1), -abs(t / error)))
            for t, (error, df) in zip(deltas, own, strict=True)
        ]
        adjusted: Array = np.maximum(np.minimum(p, 1.0), self.pooled.p_of(deltas, family))
        return adjusted

    def critical(self, family: Array, alpha: float) -> float | None:
        return None

    def plan(self, family: Array, which: int, alpha: float, seeds: int | None = None) -> Plan:
        error, df = self._error(family[which])
        if seeds is not None:
            error, df = error * ((df + 1) / seeds) ** 0.5, seeds - 1
        own = Plan(se=error, df=df, critical=_bonferroni(df, alpha, len(family)))
        pooled = self.pooled.plan(family, which, alpha, seeds)
        return max(own, pooled, key=lambda plan: plan.se * plan.critical)

    def _differences(self, row: Array) -> Array:
        used = row != 0
        values: Array = row[used] @ self.pooled.table.values[used]
        return values[~np.isnan(values)]

    def _error(self, row: Array) -> tuple[float, int]:
        """Standard error and its degrees of freedom; NaN where nothing scatters."""
        differences = self._differences(row)
        df = len(differences) - 1
        squares = float(((differences - differences.mean()) ** 2).sum())
        return ((squares / df / (df + 1)) ** 0.5 if df > 0 and squares > NOTHING else float("nan")), df


def correlations(rows: Array, unit: Array) -> Array:
    covariance = rows @ unit @ rows.T
    scale = np.sqrt(np.diag(covariance))
    correlation: Array = covariance / np.outer(scale, scale)
    return correlation


def _bonferroni(df: int, alpha: float, among: int) -> float:
    from scipy.special import stdtrit

    return -float(stdtrit(df, alpha / 2 / among)) if df > 0 else float("nan")
