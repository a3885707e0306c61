"""At equal cost: every variant against what the baseline, widened or narrowed, has at the variant's cost.

The curve read at a cost is a weighted sum of its widths, so the gap is a contrast of networks like any other: paired
over seeds, with simultaneous intervals that include what is not known about the curve.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from nas.effects.changed import numbers, unread
from nas.effects.curve import curve_of, degree_for
from nas.effects.family import Axis, EqualCost, Family, Scores
from nas.effects.spread import spread_of
from nas.effects.table import Array, Table
from nas.effects.verdict import LEVEL, MARGIN
from nas.effects.worth import worth


def at_equal_cost(
    scores: Scores,
    *,
    baseline_curve: Sequence[tuple[str, float]],
    variants: Mapping[str, float],
    axis: Axis,
    margin: float = MARGIN,
    level: float = LEVEL,
    alpha_spent: float | None = None,
) -> Family[EqualCost]:
    """Variants minus the baseline's curve at their own cost: a family of its own, beside "as changed".

    ``baseline_curve``: key and cost of the baseline at each width; ``variants``: key → cost, in the same unit. Variants
    that share no seed with all of the curve are left out; those far beyond it (``curve.BEYOND``) have no interval.
    ValueError unless the curve has two costs, all above 0.
    """
    for name, cost in [*baseline_curve, *variants.items()]:
        if not cost > 0:
            raise ValueError(f"{name} costs {cost}; a curve over log cost needs costs above 0")
    widths = sorted(baseline_curve, key=lambda one: (one[1], one[0]))  # as the curve has them
    degree_for([cost for _, cost in widths])
    names = [name for name, _ in widths]
    whole = set.intersection(*(set(scores.get(name, {})) for name in names))
    there = [name for name in variants if whole & set(scores.get(name, {}))]
    table = Table.of(scores, [*names, *there] if whole else [])
    spread, agree = spread_of(table)
    curve = curve_of(axis, widths, table, spread) if whole else None

    def rows_of(name: str, at: Sequence[float]) -> Array:
        """A variant's contrasts with the curve at some costs."""
        assert curve is not None  # or there are no variants
        mine = np.tile(np.eye(len(there))[there.index(name)], (len(at), 1))
        return np.hstack([-curve.weights(at), mine])

    def read(name: str, at: Sequence[float]) -> tuple[Array, Array]:
        contrasts = rows_of(name, at)
        return spread.deltas(contrasts), spread.halves(contrasts, rows, alpha)

    reached = [name for name in there if curve is not None and curve.reaches(variants[name])]
    rows = np.array([rows_of(name, [variants[name]])[0] for name in reached])
    rows = rows.reshape(len(reached), len(table.networks))
    alpha = 1 - level if alpha_spent is None else alpha_spent
    found = dict(zip(reached, numbers(spread, rows, margin, alpha), strict=True))
    effects = []
    for name in there:
        assert curve is not None
        cost = variants[name]
        mine = rows_of(name, [cost])
        saved, saved_ci = None, None
        if name in found:
            saved, saved_ci = worth(partial(read, name), curve, cost)
        effects.append(
            EqualCost(
                name=name,
                axis=axis,
                cost=cost,
                seeds=table.shared(mine[0]),
                worth=saved,
                worth_ci=saved_ci,
                extrapolated=curve.extrapolates(cost),
                misfit=curve.misfit,
                **(found.get(name) or unread(float(spread.deltas(mine)[0]))),
            )
        )
    return Family(
        effects=tuple(effects),
        margin=margin,
        level=level,
        spent=alpha_spent,
        method=spread.method,
        agree=agree,
        sigma=spread.fitted.sigma,
        df=spread.fitted.design.df if spread.fitted.sigma is not None else None,
        critical=spread.critical(rows, alpha),
        curve=curve,
    )
