"""Accuracy against what a network costs where it is deployed: trials, their front, references, confirmed means."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas.budget import MILLION
from nas.record import Record, RunRecords
from reports.figures.base import (
    ACCURACY,
    INK,
    REFERENCE,
    TRIAL,
    WINNER,
    Drawing,
    Skipped,
    canvas,
    latency_label,
    legend,
    measured_on,
    mflops_label,
)
from reports.figures.labels import Label, place
from reports.figures.points import BEYOND, FILLED, along, draw_confirmed, draw_fall, front, selected
from reports.tables import NetworkRow, network_rows
from reports.words import listed, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "Accuracy by cost"


@dataclass(frozen=True, slots=True, kw_only=True)
class _CostAxis:
    """The cost that the budget limits, of several the first: latency, multiply-adds, parameters, size, memory."""

    of: Callable[[Record], float]
    label: str
    unit: str
    limit: float


def accuracy_by_cost(run: RunRecords) -> Drawing | Skipped:
    axis = _cost_axis(run)
    rows = [row for row in network_rows(run) if row.record.val_accuracy is not None]
    beyond = [row for row in rows if axis.of(row.record) > BEYOND * axis.limit]
    rows = [row for row in rows if row not in beyond]
    if not rows:
        return Skipped(title=TITLE, reason="no trial near the budget is complete yet")
    figure, axes = canvas(run, TITLE)
    trials = [row.record for row in rows if row.role != "reference"]
    _selected(axes, axis, trials, [row.record for row in rows if row.role == "reference"])
    confirmed = [row for row in rows if row.confirmed]
    _confirmed(axes, axis, confirmed)
    axes.axvline(axis.limit, color=INK, linestyle="--", linewidth=1, label="budget")
    axes.set(xlabel=axis.label, ylabel=ACCURACY)
    axes.margins(x=0.08, y=0.12)
    legend(figure, axes, columns=3)
    low, high = axes.get_ylim()
    line = [(axis.limit, low + (high - low) * step / 60) for step in range(61)]
    place(axes, _labels(axis, rows), avoid=[*_points(axis, rows), *line])
    return Drawing(figure=figure, title=TITLE, caption=_caption(run, axis, confirmed, beyond))


def _cost_axis(run: RunRecords) -> _CostAxis:
    budget = run.facts.budget
    if budget.latency_ms is not None:

        def latency(record: Record) -> float:
            known = run.latency(record)
            return math.nan if known is None else known.ms

        return _CostAxis(of=latency, label=latency_label(run.facts), unit="ms", limit=budget.latency_ms)
    if budget.macs is not None:
        label, limit = mflops_label(run.facts), budget.macs / MILLION
        return _CostAxis(of=lambda record: record.macs / MILLION, label=label, unit="MFLOPs", limit=limit)
    if budget.params is not None:
        label, limit = f"parameters, deployed (10⁶, {budget.classes} classes)", budget.params / MILLION
        return _CostAxis(of=lambda record: record.params / MILLION, label=label, unit="M parameters", limit=limit)
    ceiling = next(budget.ceilings())  # a budget has one at least
    label = f"{'file' if budget.size_bytes else 'activations at once'}, deployed ({ceiling.unit})"
    return _CostAxis(of=lambda record: ceiling.spent(record.spec), label=label, unit=ceiling.unit, limit=ceiling.limit)


def _selected(axes: "Axes", axis: _CostAxis, trials: list[Record], references: list[Record]) -> None:
    x = [axis.of(record) for record in trials]
    y = [selected(record) for record in trials]
    if trials:
        axes.scatter(x, y, s=26, facecolors="none", edgecolors=TRIAL, linewidths=1.1, label="trial, selected")
    if len(trials) > 1:
        steps = front(x, y)
        ends = [*steps, (max(x), steps[-1][1])]
        label = "best selected at this cost or less"
        axes.step(*zip(*ends, strict=True), where="post", color=TRIAL, linewidth=1, alpha=0.5, label=label)
    if references:
        x = [axis.of(record) for record in references]
        y = [selected(record) for record in references]
        axes.scatter(
            x,
            y,
            s=36,
            marker="D",
            facecolors="none",
            edgecolors=REFERENCE,
            linewidths=1.1,
            label="reference, selected",
        )


def _confirmed(axes: "Axes", axis: _CostAxis, rows: list[NetworkRow]) -> None:
    kinds = {
        "winner, confirmed": ([row for row in rows if row.role == "winner"], WINNER, "s"),
        "other trial, confirmed": ([row for row in rows if row.role in ("finalist", "trial")], TRIAL, "s"),
        "reference, confirmed": ([row for row in rows if row.role == "reference"], REFERENCE, "D"),
    }
    for label, (group, color, marker) in kinds.items():
        for index, row in enumerate(group):
            assert row.confirmed is not None
            x, named = axis.of(row.record), label if index == 0 else None
            draw_fall(axes, x, row.record, row.confirmed)
            draw_confirmed(axes, x, row.confirmed, color=color, marker=marker, label=named)


def _labels(axis: _CostAxis, rows: list[NetworkRow]) -> list[Label]:
    labels = []
    for row in rows:
        if row.role != "reference" and row.confirmed is None:
            continue
        color = {"winner": WINNER, "reference": REFERENCE}.get(row.role, TRIAL)
        labels.append(
            Label(
                x=axis.of(row.record),
                y=100 * row.confirmed.mean if row.confirmed else selected(row.record),
                text=row.record.title,
                color=color,
                bold=row.role == "winner",
            )
        )
    return labels


def _points(axis: _CostAxis, rows: list[NetworkRow]) -> list[tuple[float, float]]:
    """Where ink is, for labels to keep away from: points, intervals and the front."""
    points = []
    for row in rows:
        x = axis.of(row.record)
        points += [
            (x, accuracy) for accuracy in (selected(row.record), *(along(row.confirmed) if row.confirmed else ()))
        ]
    own = [row.record for row in rows if row.role != "reference"]
    steps = front([axis.of(one) for one in own], [selected(one) for one in own])
    ends = [*(x for x, _ in steps[1:]), max((axis.of(one) for one in own), default=0.0)]
    for (x, y), end in zip(steps, ends, strict=bool(steps)):
        points += [(x + (end - x) * step / 40, y) for step in range(41)]
    return points


def _caption(run: RunRecords, axis: _CostAxis, confirmed: list[NetworkRow], beyond: list[NetworkRow]) -> str:
    caption = [
        measured_on(run),
        "Open: the one training that selected; the best of many looks better than it is.",
    ]
    if confirmed:
        caption.append(FILLED)
    if beyond:
        outside = [
            f"{row.record.title} ({axis.of(row.record):.1f} {axis.unit}, "
            f"{percent(row.record.val_accuracy or 0)} selected)"
            for row in beyond
        ]
        caption.append(f"Beyond the axis: {listed(outside)}.")
    return " ".join(caption)
