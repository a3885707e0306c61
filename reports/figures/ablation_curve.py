"""The baseline's accuracy over cost, and every variant above or below it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from nas.budget import MILLION
from nas.effects.curve import BEYOND, Curve
from nas.effects.family import Axis, EqualCost, Family
from reports.ablation_reading import Reading
from reports.figures.ablations import (
    AXIS_WORDS,
    NAMED,
    legend_of,
    look_of,
    no_pair,
    short_name,
    trained_on,
)
from reports.figures.base import ACCURACY, INK, Drawing, Skipped, blank, log_cost
from reports.figures.labels import Label, place

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT = 4.8  # inches
STEPS = 100


def curve_macs(reading: Reading) -> Drawing | Skipped:
    form = reading.baseline[0].record.spec if reading.baseline[0].record is not None else None
    at = "" if form is None else f" at {form.resolution} px"
    return _draw(reading, "macs", f"multiply-adds, native form (MFLOPs = 10⁶ MACs{at})", MILLION)


def curve_params(reading: Reading) -> Drawing | Skipped:
    return _draw(reading, "params", "parameters, native form (10⁶)", MILLION)


def curve_latency(reading: Reading) -> Drawing | Skipped:
    target = reading.facts.latency_target
    return _draw(reading, "latency", f"latency on {target} (ms, one image)", 1)


def _draw(reading: Reading, axis: Axis, label: str, unit: float) -> Drawing | Skipped:
    title = f"Accuracy over {AXIS_WORDS[axis]}"
    if reading.found is None:
        return Skipped(title=title, reason=no_pair(reading))
    family = reading.found.equal.get(axis)
    if family is None or family.curve is None:
        why = (
            "no latency target was chosen"
            if axis == "latency" and not reading.facts.latencies
            else ("the baseline is not trained at two widths yet, so it has no curve")
        )
        return Skipped(title=title, reason=why)
    many = len(family.effects) > NAMED
    figure, axes = blank(title, height=HEIGHT + 1.2 * many)
    labels, dots = _curve(axes, family.curve, unit, [one.cost for one in family.effects], reading.widths)
    titles = {row.network.name: row.title for row in reading.variants}
    named = _named(family)
    for one in family.effects:
        x, height = one.cost / unit, 100 * (family.curve.at(one.cost) + one.delta)
        dots += _variant(axes, one, x, height, height - 100 * one.delta)
        if one.name in named:
            labels.append(Label(x=x, y=height, text=short_name(titles[one.name]), color=_text(look_of(one).color)))
    log_cost(axes)
    axes.set(xlabel=label, ylabel=ACCURACY)
    axes.margins(x=0.06, y=0.1)
    legend_of(figure, [one.verdict for one in family.effects], columns=3)
    place(axes, labels, avoid=dots)
    rest = len(family.effects) - len(named)
    others = f" {rest} that do not stand out are not named; the table has them." if rest else ""
    misfit = f" {family.curve.misfit[:1].upper()}{family.curve.misfit[1:]}." if family.curve.misfit else ""
    beyond = " Hollow: no interval, or far beyond the curve." if any(one.ci is None for one in family.effects) else ""
    return Drawing(
        figure=figure,
        title=title,
        caption=f"Line: the baseline at its widths (black), fitted over the logarithm of cost. A thin line is the "
        f"difference at equal {AXIS_WORDS[axis]}, whose verdict is the colour and the mark; intervals are in the table."
        f"{beyond}{misfit}{others} {trained_on(reading)}",
    )


def _curve(
    axes: "Axes", curve: Curve, unit: float, costs: list[float], widths: Mapping[str, str]
) -> tuple[list[Label], list[tuple[float, float]]]:
    """The line, further on as far as variants lie beyond; the names of its widths, and what labels keep off."""
    first, last = curve.points[0].cost, curve.points[-1].cost
    low, high = max(min([first, *costs]), first / BEYOND), min(max([last, *costs]), last * BEYOND)
    for start, end, line in ((low, first, ":"), (first, last, "-"), (last, high, ":")):
        if end > start:
            grid = np.geomspace(start, end, STEPS)
            axes.plot(grid / unit, [100 * curve.at(cost) for cost in grid], color=INK, linestyle=line, linewidth=1.3)
    x, y = [point.cost / unit for point in curve.points], [100 * point.mean for point in curve.points]
    axes.plot(x, y, color=INK, marker="o", markersize=5, linestyle="none", zorder=3)
    labels = [Label(x=at, y=high, text=widths[point.name]) for at, high, point in zip(x, y, curve.points, strict=True)]
    along = np.geomspace(first, last, STEPS)
    return labels, [(cost / unit, 100 * curve.at(cost)) for cost in along]


def _variant(axes: "Axes", one: EqualCost, x: float, height: float, foot: float) -> list[tuple[float, float]]:
    """The mark, and the line to the curve."""
    look = look_of(one)
    axes.plot([x, x], [foot, height], color=look.color, linewidth=1.0, alpha=0.7, zorder=3)
    axes.plot(
        [x],
        [height],
        marker=look.marker,
        color=look.color,
        markerfacecolor="white" if one.ci is None else look.color,
        markersize=6.5,
        linestyle="none",
        zorder=5,
    )
    return [(x, foot + (height - foot) * step / 10) for step in range(11)]


def _named(family: Family[EqualCost]) -> set[str]:
    """All of a few; of many, those that are shown to differ, the largest first."""
    if len(family.effects) <= NAMED:
        return {one.name for one in family.effects}
    shown = [one for one in family.effects if one.verdict in ("helps", "hurts")]
    return {one.name for one in sorted(shown, key=lambda one: -abs(one.delta))[:NAMED]}


def _text(color: str) -> str:
    """Darker: words of the lighter colours are hard to read on white."""
    return "#" + "".join(f"{int(color[at : at + 2], 16) * 7 // 10:02X}" for at in (1, 3, 5))
