"""The search, trial by trial: accuracy, best so far, and what each trial came from."""

from itertools import accumulate
from typing import TYPE_CHECKING

from nas import evidence
from nas.record import Record, RunRecords
from reports import standing
from reports.figures.base import (
    ACCURACY,
    CONTROL,
    DRAWN,
    REFERENCE,
    STOPPED,
    TRIAL,
    Drawing,
    Skipped,
    canvas,
    legend,
    measured_on,
    whole_numbers,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "Progress of the search"
BEST_DRAW = "best so far of the control"


def search_progress(run: RunRecords) -> Drawing | Skipped:
    if all(record.last_accuracy is None for record in run.trials):
        return Skipped(title=TITLE, reason="no trial has finished an epoch yet")
    figure, axes = canvas(run, TITLE)
    complete = [record for record in run.trials if record.val_accuracy is not None]
    origins = list(dict.fromkeys(record.origin for record in complete))
    for origin in sorted(origins, key=lambda name: name != "draw"):
        drawn = origin == "draw"
        _dots(
            axes,
            [record for record in complete if record.origin == origin],
            marker="o" if drawn else "^",
            color=DRAWN if drawn else TRIAL,
            label="drawn at random" if drawn else f"suggested by {origin}",
        )
    stopped = [record for record in run.trials if record.state == "pruned" and record.last_accuracy is not None]
    _dots(axes, stopped, marker="x", color=STOPPED, label="stopped early (at its last epoch)")
    if complete:
        best = accumulate((100 * (record.val_accuracy or 0) for record in complete), max)
        numbers = [record.number or 0 for record in complete]
        axes.step(numbers, list(best), where="post", color=TRIAL, linewidth=1, alpha=0.6, label="best so far")
    _control(axes, run.control)
    _failed(axes, [record for record in run.trials if record.last_accuracy is None or record.state == "failed"])
    reference = evidence.at_cost(run.references, standing.BASE)
    if reference is not None and reference.val_accuracy is not None:
        axes.axhline(100 * reference.val_accuracy, color=REFERENCE, linestyle="--", linewidth=1, label=reference.title)
    axes.set(xlabel="trial, in the order of suggestion", ylabel=ACCURACY)
    whole_numbers(axes)
    axes.margins(y=0.1)
    numbers = [record.number or 0 for record in (*run.trials, *run.control)]
    edge = 0.5 + 0.02 * (max(numbers) - min(numbers))
    axes.set_xlim(min(numbers) - edge, max(numbers) + edge)  # failed ones too
    legend(figure, axes, columns=3)
    caption = (
        f"{measured_on(run)} All of them selected: one seed, one fold. “Best so far” grows with the number of trials "
        "by chance alone."
    )
    if run.control:
        caption += (
            " The control: random draws inside the same budget, trained alike, by their own numbers; the search was "
            "told of none."
        )
    return Drawing(figure=figure, title=TITLE, caption=caption)


def _control(axes: "Axes", control: tuple[Record, ...]) -> None:
    """Small dots and a line of its own: what chance alone gives with as many trainings."""
    complete = [record for record in control if record.val_accuracy is not None]
    if complete:
        numbers = [record.number or 0 for record in complete]
        accuracies = [100 * (record.val_accuracy or 0) for record in complete]
        axes.scatter(numbers, accuracies, marker=".", color=CONTROL, s=22, zorder=2)
        best = list(accumulate(accuracies, max))
        axes.step(numbers, best, where="post", color=CONTROL, linewidth=1.4, linestyle=(0, (4, 1)), label=BEST_DRAW)


def _dots(axes: "Axes", records: list[Record], *, marker: str, color: str, label: str) -> None:
    if records:
        axes.scatter(
            [record.number or 0 for record in records],
            [100 * (record.last_accuracy or 0) for record in records],
            marker=marker,
            color=color,
            s=30,
            linewidths=1.2,
            zorder=3,
            label=label,
        )


def _failed(axes: "Axes", records: list[Record]) -> None:
    """At the lower edge: they have no accuracy."""
    if records:
        axes.scatter(
            [record.number or 0 for record in records],
            [0.0] * len(records),
            transform=axes.get_xaxis_transform(),
            marker="x",
            color="#CC3311",
            s=34,
            clip_on=False,
            zorder=5,
            label="failed",
        )
