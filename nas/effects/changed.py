"""As changed: every variant against the baseline, paired over seeds, whatever the change costs or saves."""

from collections.abc import Sequence
from functools import partial
from typing import TypedDict

import numpy as np

from nas.effects.family import Effect, Family, Scores
from nas.effects.plan import detectable, settling
from nas.effects.spread import Spread, spread_of
from nas.effects.table import Array, Table
from nas.effects.verdict import LEVEL, MARGIN, Verdict, verdict


def as_changed(
    scores: Scores,
    *,
    baseline: str,
    variants: Sequence[str],
    margin: float = MARGIN,
    level: float = LEVEL,
    alpha_spent: float | None = None,
) -> Family[Effect]:
    """Variants minus the baseline, with intervals that hold all at once (Dunnett 1955, blocked by seed).

    ``scores``: network's key → seed → accuracy, a fraction; trainings may be missing. ``alpha_spent``: of this look
    (``spent``), where the study is looked at several times. Variants that share no seed with the baseline are left out.
    """
    there = [name for name in variants if set(scores.get(name, {})) & set(scores.get(baseline, {}))]
    table = Table.of(scores, [baseline, *there])
    rows = np.column_stack([-np.ones(len(there)), np.eye(len(there))])
    spread, agree = spread_of(table)
    alpha = 1 - level if alpha_spent is None else alpha_spent
    found = numbers(spread, rows, margin, alpha)
    return Family(
        effects=tuple(
            Effect(name=name, seeds=table.shared(row), **one) for name, row, one in zip(there, rows, found, strict=True)
        ),
        margin=margin,
        level=level,
        spent=alpha_spent,
        method=spread.method,
        agree=agree,
        sigma=spread.fitted.sigma,
        df=spread.fitted.design.df if spread.fitted.sigma is not None else None,
        critical=spread.critical(rows, alpha),
    )


class Numbers(TypedDict):
    """What an effect has of numbers."""

    delta: float
    ci: tuple[float, float] | None
    p: float | None
    verdict: Verdict
    detectable: float | None
    settles: int | None


def numbers(spread: Spread, rows: Array, margin: float, alpha: float) -> list[Numbers]:
    """One contrast a row: its estimate, interval, p, verdict and what more seeds would do."""
    if not len(rows):
        return []
    deltas, p_values = spread.deltas(rows), spread.p_values(rows)
    halves = spread.halves(rows, rows, alpha)
    found = []
    for at, (delta, half, p) in enumerate(zip(deltas.tolist(), halves.tolist(), p_values.tolist(), strict=True)):
        ci = None if np.isnan(half) else (delta - half, delta + half)
        found.append(
            Numbers(
                delta=delta,
                ci=ci,
                p=None if np.isnan(p) else p,
                verdict=verdict(ci, margin),
                detectable=None if ci is None else detectable(spread.plan(rows, at, alpha), margin),
                settles=None if ci is None else settling(partial(spread.plan, rows, at, alpha), margin),
            )
        )
    return found


def unread(delta: float) -> Numbers:
    """An estimate that nothing more is said about."""
    return Numbers(delta=delta, ci=None, p=None, verdict="not shown", detectable=None, settles=None)
