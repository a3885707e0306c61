"""Standard errors, quantiles and p-values of contrasts, from one residual for all networks or from each contrast's own.

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
    """``rows``: (contrasts, networks). Unknown standard errors are NaN."""

    @property
    def method(self) -> Method: ...
    @property
    def fitted(self) -> TwoWay: ...
    def deltas(self, rows: Array) -> Array: ...
    def errors(self, rows: Array) -> Array: ...
    def criticals(self, rows: Array, alpha: float) -> Array: ...
    def p_values(self, rows: Array) -> Array: ...
    def plan(self, rows: Array, which: int, alpha: float) -> Plan | None:
        """Error, degrees of freedom and quantile of one of the contrasts; None where its error is unknown."""

    def replan(self, rows: Array, which: int, alpha: float, seeds: int) -> Plan:
        """The same if every network had so many seeds. Only where ``plan`` has an answer."""


def spread_of(table: Table) -> tuple[Spread, float | None]:
    """Pooled where the networks' variances agree, else each contrast's own; and the p that they agree."""
    fitted = fit(table)
    agree = agreement(table, fitted)
    if agree is not None and agree < AGREE:
        return PerVariant(table, fitted), agree
    return Pooled(table, fitted), agree


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """The two-way model's residual for all contrasts, and the exact quantile for their correlation."""

    table: Table
    fitted: TwoWay
    method: Method = "pooled"

    def deltas(self, rows: Array) -> Array:
        return rows @ self.fitted.means

    def errors(self, rows: Array) -> Array:
        sigma = np.nan if self.fitted.sigma is None else self.fitted.sigma
        errors: Array = sigma * np.sqrt(np.einsum("ij,jk,ik->i", rows, self.fitted.design.unit, rows))
        return errors

    def criticals(self, rows: Array, alpha: float) -> Array:
        if self.fitted.sigma is None:
            return np.full(len(rows), np.nan)
        correlation = correlations(rows, self.fitted.design.unit)
        return np.full(len(rows), simultaneous.critical(correlation, self.fitted.design.df, alpha))

    def p_values(self, rows: Array) -> Array:
        t = self.deltas(rows) / self.errors(rows)
        correlation, df = correlations(rows, self.fitted.design.unit), self.fitted.design.df
        return np.array([np.nan if np.isnan(one) else simultaneous.p_value(correlation, df, one) for one in t])

    def plan(self, rows: Array, which: int, alpha: float) -> Plan | None:
        if self.fitted.sigma is None:
            return None
        se, critical = float(self.errors(rows)[which]), float(self.criticals(rows, alpha)[which])
        return Plan(se=se, df=self.fitted.design.df, critical=critical)

    def replan(self, rows: Array, which: int, alpha: float, seeds: int) -> Plan:
        sigma = self.fitted.sigma or 0.0
        df = (len(self.table.networks) - 1) * (seeds - 1)
        critical = simultaneous.critical(correlations(rows, np.eye(rows.shape[1])), df, alpha)
        return Plan(se=sigma * float(np.linalg.norm(rows[which])) / seeds**0.5, df=df, critical=critical)


@dataclass(frozen=True, slots=True, eq=False)
class PerVariant:
    """Every contrast by its own scatter over the seeds that all its networks have; simultaneous by Bonferroni, which
    holds whatever the correlation."""

    table: Table
    fitted: TwoWay
    method: Method = "per variant"

    def _differences(self, row: Array) -> Array:
        used = row != 0
        values: Array = row[used] @ self.table.values[used]
        return values[~np.isnan(values)]

    def _error(self, row: Array) -> tuple[float, int]:
        differences = self._differences(row)
        count = len(differences)
        squares = float(((differences - differences.mean()) ** 2).sum()) if count else 0.0
        if count < 2 or squares < NOTHING:
            return float("nan"), count - 1
        return (squares / (count - 1) / count) ** 0.5, count - 1

    def deltas(self, rows: Array) -> Array:
        return np.array([self._differences(row).mean() for row in rows])

    def errors(self, rows: Array) -> Array:
        return np.array([self._error(row)[0] for row in rows])

    def criticals(self, rows: Array, alpha: float) -> Array:
        return np.array([_bonferroni(self._error(row)[1], alpha, len(rows)) for row in rows])

    def p_values(self, rows: Array) -> Array:
        from scipy.special import stdtr

        t = self.deltas(rows) / self.errors(rows)
        df = [max(self._error(row)[1], 1) for row in rows]
        return np.minimum(1.0, 2 * len(rows) * stdtr(df, -np.abs(t)))

    def plan(self, rows: Array, which: int, alpha: float) -> Plan | None:
        se, df = self._error(rows[which])
        return None if np.isnan(se) else Plan(se=se, df=df, critical=_bonferroni(df, alpha, len(rows)))

    def replan(self, rows: Array, which: int, alpha: float, seeds: int) -> Plan:
        se, df = self._error(rows[which])
        return Plan(se=se * ((df + 1) / seeds) ** 0.5, df=seeds - 1, critical=_bonferroni(seeds - 1, alpha, len(rows)))


def correlations(rows: Array, unit: Array) -> Array:
    covariance = rows @ unit @ rows.T
    scale = np.sqrt(np.diag(covariance))
    correlation: Array = covariance / np.outer(scale, scale)
    return correlation


def _bonferroni(df: int, alpha: float, among: int) -> float:
    from scipy.special import stdtrit

    return -float(stdtrit(df, alpha / 2 / among)) if df > 0 else float("nan")
