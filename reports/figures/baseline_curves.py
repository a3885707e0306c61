"""Learning curves of the baselines: the mean over seeds after every epoch, and the range of the seeds."""

from statistics import fmean

from nas.record import BaselineRecords
from reports.figures.base import ACCURACY, Drawing, Skipped, blank, whole_numbers
from reports.figures.baselines import all_captions, looks, scored, seeds_and_folds
from reports.figures.labels import Label, place_right

TITLE = "Learning curves"
MARKED = 12  # epochs; longer curves are lines only


def baseline_curves(run: BaselineRecords) -> Drawing | Skipped:
    rows = scored(run)
    if not rows:
        return Skipped(title=TITLE, reason="no network is trained yet")
    curves = {
        row.name: [
            [100 * epoch.val_accuracy for epoch in one.curve]
            for one in run.trainings
            if one.key == row.name and one.state == "complete"
        ]
        for row in rows
    }
    figure, axes = blank(TITLE, height=max(4.6, 1.6 + 0.24 * len(rows)))
    look = looks(run)
    epochs = max(len(curve) for found in curves.values() for curve in found)
    ends: list[Label] = []
    for row in rows:
        found, one = curves[row.name], look[row.name]
        by_epoch = list(zip(*found, strict=False))
        x, means = range(1, len(by_epoch) + 1), [fmean(values) for values in by_epoch]
        axes.plot(
            x,
            means,
            color=one.color,
            linestyle=one.line,
            linewidth=1.6,
            marker=one.marker if epochs <= MARKED else None,
            markersize=4,
        )
        if len(found) > 1:
            axes.fill_between(
                x, [min(v) for v in by_epoch], [max(v) for v in by_epoch], color=one.color, alpha=0.12, linewidth=0
            )
        ends.append(Label(x=len(by_epoch), y=means[-1], text=row.title, color=one.text))
    axes.set(xlabel="epoch", ylabel=ACCURACY)
    axes.set_xlim(0.5 if epochs == 1 else 1 - 0.03 * epochs, epochs + (0.5 if epochs == 1 else 0.03 * epochs))
    whole_numbers(axes)

    place_right(axes, ends)
    band = "; band: from the lowest to the highest of its seeds" if any(len(one) > 1 for one in curves.values()) else ""
    marks = f"Line: mean over {seeds_and_folds(run)}{band}. Colour and mark: family."
    return Drawing(figure=figure, title=TITLE, caption=all_captions(run, marks))
