"""Every variant's effect with its simultaneous interval, the margin shaded: as changed, and at equal cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas.effects.family import Effect
from reports.ablation_reading import Reading
from reports.figures.ablations import (
    AXIS_WORDS,
    DIFFERENCE,
    EQUAL,
    interval_words,
    legend_of,
    look_of,
    name_rows,
    no_pair,
    shade_margin,
    trained_on,
)
from reports.figures.base import SIZE, Drawing, Skipped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "What each variant is worth"
OTHER = "What each variant is worth, by other costs"
ROW = 0.27  # inches


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Effects of one family, in the order of the rows; None: not known."""

    title: str
    label: str  # of the x axis
    effects: Sequence[Effect | None]


def forest(reading: Reading) -> Drawing | Skipped:
    """As changed, and at equal multiply-adds."""
    rows = reading.variants
    panels = [Panel(title="as changed", label=DIFFERENCE, effects=[row.changed for row in rows])]
    if "macs" in reading.axes:
        panels.append(_equal(reading, "macs"))
    return _draw(reading, TITLE, panels)


def other_costs(reading: Reading) -> Drawing | Skipped:
    """At equal parameters and latency."""
    panels = [_equal(reading, axis) for axis in reading.axes if axis != "macs"]
    if not panels:
        why = no_pair(reading) if reading.found is None else "the baseline has no curve along another cost"
        return Skipped(title=OTHER, reason=why)
    return _draw(reading, OTHER, panels)


def _equal(reading: Reading, axis: str) -> Panel:
    found = next(one for one in reading.axes if one == axis)
    return Panel(
        title=f"at equal {AXIS_WORDS[found]}", label=EQUAL, effects=[row.equal.get(found) for row in reading.variants]
    )


def _draw(reading: Reading, title: str, panels: list[Panel]) -> Drawing | Skipped:
    from matplotlib.figure import Figure

    if reading.found is None:
        return Skipped(title=title, reason=no_pair(reading))
    titles = [row.title for row in reading.variants]
    figure = Figure(figsize=(SIZE[0], max(3.0, 1.7 + ROW * len(titles))), layout="constrained")
    figure.suptitle(title, x=0.012, ha="left")
    every = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    margin = reading.facts.margin
    for axes, panel in zip(every, panels, strict=True):
        shade_margin(axes, margin)
        draw_rows(axes, panel.effects)
        axes.set_title(panel.title, fontsize=10)
    name_rows(every[0], titles)
    for axes, panel in zip(every, panels, strict=True):
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(panel.label.replace(" (points)", "\n(points)") if len(panels) > 1 else panel.label)
    shown = [one for panel in panels for one in panel.effects if one is not None]
    legend_of(figure, [one.verdict for one in shown], margin, columns=3)
    hollow = " Hollow: no interval." if any(one.ci is None for one in shown) else ""
    return Drawing(
        figure=figure,
        title=title,
        caption=f"Mark: mean difference over the seeds; shaded: the margin of {100 * margin:g} points. "
        f"{interval_words(reading)} Panels are families of their own.{hollow} {trained_on(reading)}",
    )


def draw_rows(axes: "Axes", effects: Sequence[Effect | None], rows: Sequence[float] | None = None) -> None:
    """A mark and an interval a row; ``rows``: where, if not at 0, 1, 2, …"""
    for at, effect in zip(rows if rows is not None else range(len(effects)), effects, strict=True):
        if effect is None:
            continue
        look = look_of(effect)
        if effect.ci is not None:
            axes.plot([100 * end for end in effect.ci], [at, at], color=look.color, linewidth=1.6, zorder=3)
        axes.plot(
            [100 * effect.delta],
            [at],
            marker=look.marker,
            color=look.color,
            markerfacecolor=look.color if effect.ci is not None else "white",
            markersize=6,
            linestyle="none",
            zorder=4,
        )
