"""Validation accuracy after every epoch; finalists and references named, the others pale."""

from nas import evidence
from nas.record import Record, RunRecords
from reports import standing
from reports.figures.base import (
    ACCURACY,
    PALE,
    REFERENCE,
    TRIAL,
    WINNER,
    Drawing,
    Skipped,
    canvas,
    measured_on,
    whole_numbers,
)
from reports.figures.labels import Label, place_right

TITLE = "Learning curves"
LINES = ("-", "--", "-.", ":")  # curves of one colour differ in their line


def learning_curves(run: RunRecords) -> Drawing | Skipped:
    trained = [record for record in (*run.trials, *run.references) if record.curve]
    if not trained:
        return Skipped(title=TITLE, reason="no network has finished an epoch yet")
    best = standing.winner(run)
    finalists = evidence.chosen(run.trials, run.facts)
    references = [record for record in run.references if record.curve]
    figure, axes = canvas(run, TITLE)
    for record in run.trials:
        if record.curve and record not in finalists:
            axes.plot(*_curve(record), color=PALE, linewidth=0.8, marker="o", markersize=2.5, zorder=1)
    named: list[tuple[Record, str]] = []
    for index, record in enumerate(finalists):
        color = WINNER if best is not None and record.key == best.key else TRIAL
        axes.plot(
            *_curve(record),
            color=color,
            linestyle=LINES[index % 4],
            linewidth=1.8,
            marker="o",
            markersize=3.5,
        )
        named.append((record, color))
    for index, record in enumerate(references):
        line = LINES[index % 4]
        axes.plot(*_curve(record), color=REFERENCE, linestyle=line, linewidth=1.4, marker="D", markersize=3.5)
        named.append((record, REFERENCE))
    epochs = max(len(record.curve) for record in trained)
    axes.set(xlabel="epoch", ylabel=ACCURACY)
    axes.set_xlim(0.5 if epochs == 1 else 1 - 0.03 * epochs, epochs + (0.5 if epochs == 1 else 0.03 * epochs))
    whole_numbers(axes)

    ends = [
        Label(
            x=len(record.curve),
            y=100 * (record.last_accuracy or 0),
            text=record.title,
            color=color,
            bold=color == WINNER,
        )
        for record, color in named
    ]
    place_right(axes, ends)
    others = sum(bool(record.curve) for record in run.trials) - len(finalists)
    pale = f" Pale: {others} other trials." if others > 1 else " Pale: the other trial." if others else ""
    return Drawing(
        figure=figure,
        title=TITLE,
        caption=f"{measured_on(run)} One training each, the one that selected.{pale}",
    )


def _curve(record: Record) -> tuple[list[int], list[float]]:
    return list(range(1, len(record.curve) + 1)), [100 * epoch.val_accuracy for epoch in record.curve]
