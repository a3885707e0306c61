"""Studies beside each other: the variants of ablations, or the confirmed networks of searches."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nas.effects.family import Effect
from nas.record import RunRecords
from reports.ablation_reading import Reading
from reports.comparison import Entry, entries, lines
from reports.figures.ablations import DIFFERENCE, EQUAL, name_rows, shade_margin, short_name, trained_on
from reports.figures.base import ACCURACY, SIZE, Drawing, Skipped
from reports.figures.baselines import COLOURS, MARKERS
from reports.words import seeds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Effects side by side"
SEARCHES = "Confirmed accuracies side by side"
STEP = 0.17  # inches a mark


def effects_side_by_side(readings: Sequence[Reading]) -> Drawing | Skipped:
    """As changed, and at equal multiply-adds: a row a variant, a mark a study."""
    every = lines(readings)
    known = [line for line in every if any(row is not None and row.changed is not None for row in line.rows)]
    if not known:
        return Skipped(title=TITLE, reason="no study has a pair of trainings yet")
    panels = [("as changed", DIFFERENCE, [[row.changed if row else None for row in line.rows] for line in known])]
    if any("macs" in reading.axes for reading in readings):
        equal = [[row.equal.get("macs") if row else None for row in line.rows] for line in known]
        panels.append(("at equal multiply-adds", EQUAL, equal))  # type: ignore[arg-type]  # also an effect
    figure = _figure(TITLE, len(known) * (len(readings) * STEP + 0.1))
    axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    for one, (title, label, effects) in zip(axes, panels, strict=True):
        shade_margin(one, min(reading.facts.margin for reading in readings))
        for at, study in enumerate(readings):
            color, marker = _look(at)
            for row, found in enumerate(effects):
                _mark(one, found[at], row + _offset(at, len(readings)), color, marker)
            one.plot([], [], color=color, marker=marker, linestyle="none", label=short_name(study.run.name, 60))
        one.set_title(title, fontsize=10)
        one.set_xlabel(label.replace(" (points)", "\n(points)") if len(panels) > 1 else label)
    name_rows(axes[0], [line.title for line in known])
    for one in axes:
        one.grid(visible=False, axis="y")
        for row in range(1, len(known)):
            one.axhline(row - 0.5, color="#EEEEEE", linewidth=0.8)
    _legend(figure, axes[0])
    said = " ".join(f"{reading.run.name}: {trained_on(reading)}" for reading in readings if reading.found)
    return Drawing(
        figure=figure,
        title=TITLE,
        caption="Each mark and its interval are of one study’s own family; no test is made between studies. Hollow: "
        f"not shown, or no interval. {said}",
    )


def _mark(axes: "Axes", effect: Effect | None, at: float, color: str, marker: str) -> None:
    if effect is None:
        return
    if effect.ci is not None:
        axes.plot([100 * end for end in effect.ci], [at, at], color=color, linewidth=1.4, zorder=3)
    face = "white" if effect.ci is None or effect.verdict == "not shown" else color
    axes.plot([100 * effect.delta], [at], marker=marker, color=color, markerfacecolor=face, markersize=5.5, zorder=4)


def confirmed_side_by_side(runs: Sequence[RunRecords]) -> Drawing | Skipped:
    """Every confirmed network of every search with its interval."""
    every = entries(runs)
    if not every:
        return Skipped(title=SEARCHES, reason="nothing is confirmed yet")
    figure = _figure(SEARCHES, len(every) * 0.27)
    axes = figure.subplots()
    names = [run.name for run in runs]
    for row, one in enumerate(every):
        color, marker = _look(names.index(one.run.name))
        _confirmed(axes, one, row, color, marker)
    for at, name in enumerate(names):
        color, marker = _look(at)
        axes.plot([], [], color=color, marker=marker, linestyle="none", label=short_name(name, 60))
    name_rows(axes, [f"{one.record.title} ({one.role})" for one in every])
    axes.set_xlabel(f"confirmed {ACCURACY}")
    _legend(figure, axes)
    said = " ".join(
        f"{run.name}: {len(run.confirmations)} confirmations on {run.facts.data.label}, "
        f"{seeds([one.seed for one in run.confirmations])}; command: {run.facts.command}."
        for run in runs
        if run.confirmations
    )
    return Drawing(
        figure=figure,
        title=SEARCHES,
        caption="Mark: mean over fresh seeds; line: its 95% interval, which pools the scatter of one search’s "
        f"confirmed networks. Filled: the winner. {said}",
    )


def _confirmed(axes: "Axes", one: Entry, row: float, color: str, marker: str) -> None:
    mean, ci = one.confirmed.mean, one.confirmed.ci
    if ci is not None:
        axes.plot([100 * ci[0], 100 * ci[1]], [row, row], color=color, linewidth=1.4, zorder=3)
    face = color if one.role in ("winner", "front") else "white"
    axes.plot([100 * mean], [row], marker=marker, color=color, markerfacecolor=face, markersize=6, zorder=4)


def _figure(title: str, height: float) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(SIZE[0], max(3.0, 1.9 + height)), layout="constrained")
    figure.suptitle(title, x=0.012, ha="left")
    return figure


def _look(at: int) -> tuple[str, str]:
    return COLOURS[at % len(COLOURS)], MARKERS[at % len(MARKERS)]


def _offset(at: int, count: int) -> float:
    """Marks of one row stand below each other, within it."""
    return 0.7 * ((at + 0.5) / count - 0.5)


def _legend(figure: "Figure", axes: "Axes") -> None:
    handles, labels = axes.get_legend_handles_labels()
    found = figure.legend(handles, labels, loc="outside lower center", ncols=1, handletextpad=0.4)
    for text in found.get_texts():
        text.set_parse_math(False)  # a name is no formula
