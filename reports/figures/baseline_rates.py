"""The check of learning rates: accuracy against the rate, a line a family, the chosen rate filled."""

from typing import TYPE_CHECKING

from nas.record import BaselineRecords
from reports.baseline_rows import RateCheck, rate_checks
from reports.figures.base import ACCURACY, Drawing, Skipped, blank, trained_form
from reports.figures.baselines import Look, family_looks
from reports.figures.labels import Label, place_right
from reports.words import listed, plural, seeds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "Learning rates"
HEIGHT = 3.4  # inches
BEYOND = 1.4  # times the lowest and the highest rate, where the axis ends


def learning_rates(run: BaselineRecords) -> Drawing | Skipped:
    checks = rate_checks(run)
    if not checks:
        return Skipped(title=TITLE, reason="no learning rate is checked yet")
    figure, axes = blank(TITLE, height=HEIGHT)
    look = family_looks(run)
    for check in checks:
        _line(axes, check, look[check.family])
    rates = sorted({rate for check in checks for rate in check.tried})
    axes.set_xscale("log")
    axes.set_xlim(rates[0] / BEYOND, rates[-1] * BEYOND)
    axes.set_xticks(rates, [f"{rate:g}" for rate in rates])
    axes.set_xticks([], minor=True)
    axes.margins(y=0.12)
    if all(value is None for check in checks for value in check.tried.values()):
        axes.set_ylim(0, 100)
    axes.set(xlabel="learning rate at the top of the cycle", ylabel=ACCURACY)
    figure.draw_without_rendering()  # settles the limits
    floor = axes.get_ylim()[0]
    place_right(axes, [_end(check, look[check.family], floor) for check in checks])
    return Drawing(figure=figure, title=TITLE, caption=_caption(run, checks))


def _line(axes: "Axes", check: RateCheck, look: Look) -> None:
    scored = {rate: 100 * value for rate, value in check.tried.items() if value is not None}
    failed = [rate for rate, value in check.tried.items() if value is None]
    axes.plot(
        list(scored),
        list(scored.values()),
        color=look.color,
        linewidth=1.2,
        marker=look.marker,
        markersize=5,
        markerfacecolor="white",
    )
    if check.chosen in scored:
        axes.plot(
            [check.chosen], [scored[check.chosen]], color=look.color, marker=look.marker, markersize=8.5, zorder=4
        )
    if failed:  # at the lower edge: they have no accuracy
        axes.plot(
            failed,
            [0.0] * len(failed),
            transform=axes.get_xaxis_transform(),
            color=look.color,
            marker="x",
            markersize=7,
            linestyle="none",
            clip_on=False,
            zorder=5,
        )


def _end(check: RateCheck, look: Look, floor: float) -> Label:
    """The family's name, at its highest rate that has an accuracy; of one without any, at the lower edge."""
    rate, accuracy = max(check.tried), floor
    for tried, value in check.tried.items():
        if value is not None:
            rate, accuracy = tried, 100 * value
    return Label(x=rate, y=accuracy, text=check.family, color=look.text)


def _caption(run: BaselineRecords, checks: list[RateCheck]) -> str:
    epochs = plural(max(check.epochs for check in checks), "epoch")
    folds = seeds([check.fold for check in checks]).replace("seed", "fold")
    networks = listed([f"{check.family} on {check.title}" for check in checks])
    failed = any(value is None for check in checks for value in check.tried.values())
    return (
        f"Accuracies: validation images of {run.facts.data.label}, {folds}, trained form "
        f"({trained_form(run.facts)}), {epochs}; one training each: {networks}. Filled: the rate that the family’s "
        "networks are trained at." + (" Cross: the training failed." if failed else "")
    )
