"""Whether a short training tells what a longer one does: every variant's effect in both."""

from reports.ablation_reading import Reading, Row
from reports.figures.ablations import (
    LOOKS,
    MARGIN,
    NAMED,
    interval_words,
    legend_of,
    no_pair,
    short_name,
    trained_on,
)
from reports.figures.base import Drawing, Skipped, blank
from reports.figures.labels import Label, place
from reports.words import plural

TITLE = "Short against long training"
HEIGHT = 4.9  # inches


def lengths(reading: Reading) -> Drawing | Skipped:
    if reading.facts.long is None:
        return Skipped(title=TITLE, reason="the study has no long trainings")
    rows = [row for row in reading.variants if row.short is not None and row.long is not None]
    if not rows:
        why = no_pair(reading) if reading.found is None else "no variant has a pair of long trainings yet"
        return Skipped(title=TITLE, reason=why)
    figure, axes = blank(TITLE, height=HEIGHT)
    margin = 100 * reading.facts.margin
    axes.axvspan(-margin, margin, color=MARGIN, zorder=0, linewidth=0)
    axes.axhspan(-margin, margin, color=MARGIN, zorder=0, linewidth=0)
    labels, dots, edges = [], [], [0.0]
    named = _named(rows)
    for row in rows:
        assert row.short is not None
        assert row.long is not None
        x, y = 100 * row.short.delta, 100 * row.long.delta
        look = LOOKS[row.over_lengths or "not shown"]
        for ci, flat in ((row.short.ci, True), (row.long.ci, False)):
            if ci is not None:
                ends = [100 * end for end in ci]
                edges += ends
                axes.plot(
                    ends if flat else [x, x], [y, y] if flat else ends, color=look.color, linewidth=0.9, alpha=0.4
                )
        axes.plot([x], [y], marker=look.marker, color=look.color, markersize=6.5, linestyle="none", zorder=5)
        dots.append((x, y))
        edges += [x, y]
        if row.network.name in named:
            labels.append(Label(x=x, y=y, text=short_name(row.title), color="#333333"))
    low, high = min(edges), max(edges)
    room = 0.06 * (high - low or 1)
    axes.set(xlim=(low - room, high + room), ylim=(low - room, high + room))
    axes.plot([low - room, high + room], [low - room, high + room], color="#888888", linewidth=0.8, linestyle="--")
    axes.axhline(0, color="#888888", linewidth=0.6)
    axes.axvline(0, color="#888888", linewidth=0.6)
    facts = reading.facts
    assert facts.long is not None
    axes.set_xlabel(f"effect after {plural(facts.recipe.epochs, 'epoch')} (points)")
    axes.set_ylabel(f"effect after {plural(facts.long.epochs, 'epoch')} (points)")
    legend_of(figure, [row.over_lengths or "not shown" for row in rows], reading.facts.margin)
    place(axes, labels, avoid=dots)
    rest = len(rows) - len(labels)
    others = f" {rest} that do not stand out are not named." if rest else ""
    done = "" if reading.length == "long" else " The long trainings are not all done, so no verdict over both lengths."
    return Drawing(
        figure=figure,
        title=TITLE,
        caption="Effects as changed. On the broken line both lengths agree; left above or right below the shaded cross "
        f"their signs differ.{done} {interval_words(reading)}{others} {trained_on(reading, 'short')} "
        f"Long: {plural(facts.long.epochs, 'epoch')}, {len(reading.records_of('long'))} trainings.",
    )


def _named(rows: list[Row]) -> set[str]:
    """All of a few; of many, those that are shown to differ, the largest first, flips before all."""
    if len(rows) > NAMED:
        shown = [row for row in rows if row.over_lengths in ("helps", "hurts", "depends on training length")]
        rows = sorted(
            shown, key=lambda row: (row.over_lengths in ("helps", "hurts"), -abs(row.long.delta if row.long else 0))
        )
    return {row.network.name for row in rows[:NAMED]}
