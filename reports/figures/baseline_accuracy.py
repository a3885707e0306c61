"""Accuracy of the baselines with its interval against what they cost: native, as trained, and in size."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas.budget import MILLION
from nas.record import BaselineRecords
from reports.baseline_footer import native_forms
from reports.baseline_rows import FLOAT_BYTES, BaselineRow
from reports.figures.base import ACCURACY, Drawing, Skipped, blank, train_label
from reports.figures.baselines import Look, all_captions, looks, scored, seeds_and_folds
from reports.figures.labels import Label, place

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

WIDE = 5.0  # times from the least to the most; beyond it the axis is logarithmic
HEIGHT = 4.6  # inches


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cost:
    title: str
    of: Callable[[BaselineRow], float]  # in 10⁶


def accuracy_by_native_macs(run: BaselineRecords) -> Drawing | Skipped:
    rows = scored(run)
    cost = _Cost(title="Accuracy by native cost", of=lambda row: row.native.macs / MILLION)
    forms = f"Cost in the native form{native_forms(rows)}; the accuracy is of another, the trained form."
    return _draw(run, rows, cost, "multiply-adds, native form (MFLOPs = 10⁶ MACs)", forms)


def accuracy_by_trained_macs(run: BaselineRecords) -> Drawing | Skipped:
    cost = _Cost(title="Accuracy by trained cost", of=lambda row: row.trained.macs / MILLION)
    return _draw(run, scored(run), cost, train_label(run.facts), "Cost of the form that was trained.")


def accuracy_by_size(run: BaselineRecords) -> Drawing | Skipped:
    cost = _Cost(title="Accuracy by size", of=lambda row: row.trained.params / MILLION)
    return _draw(
        run,
        scored(run),
        cost,
        f"parameters, trained form (10⁶, {run.facts.data.classes} classes)",
        "Size: the weights of the trained form in fp32, four bytes each.",
        above="size in fp32 (MB)",
    )


def _draw(
    run: BaselineRecords, rows: list[BaselineRow], cost: _Cost, label: str, caption: str, above: str | None = None
) -> Drawing | Skipped:
    if not rows:
        return Skipped(title=cost.title, reason="no network is trained yet")
    figure, axes = blank(cost.title, height=HEIGHT)
    look = looks(run)
    for row in rows:
        _point(axes, cost.of(row), row, look[row.name])
    costs = [cost.of(row) for row in rows]
    wide = max(costs) > WIDE * min(costs)
    if wide:
        axes.set_xscale("log")
        plain_ticks(axes.xaxis)
    axes.set(xlabel=label, ylabel=ACCURACY)
    axes.margins(x=0.1, y=0.12)
    if len(set(costs)) == 1:
        axes.set_xlim(costs[0] / 2, costs[0] * 2)
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, 0.0), min(high, 100.0))  # an interval of two seeds can be wider than accuracies are
    if above is not None:
        second = axes.secondary_xaxis("top", functions=(_megabytes, _parameters))  # type: ignore[arg-type]  # of arrays, too
        second.set_xlabel(above)
        second.tick_params(labelsize=9)
        if wide:
            plain_ticks(second.xaxis)
    place(
        axes,
        [Label(x=cost.of(row), y=100 * (row.mean or 0), text=row.title, color=look[row.name].text) for row in rows],
        avoid=[(cost.of(row), y) for row in rows for y in _ink(row)],
    )
    several = any(row.ci for row in rows)
    marks = f"Large: mean over {seeds_and_folds(run)}" + (
        ", with its 95% interval (Student’s t over the network’s own seeds); small: each seed." if several else "."
    )
    return Drawing(figure=figure, title=cost.title, caption=all_captions(run, marks, caption))


def _point(axes: "Axes", x: float, row: BaselineRow, look: Look) -> None:
    mean = 100 * (row.mean or 0)
    spread = None if row.ci is None else [[mean - 100 * row.ci[0]], [100 * row.ci[1] - mean]]
    axes.errorbar(
        [x], [mean], spread, fmt=look.marker, color=look.color, markersize=6.5, capsize=2.5, elinewidth=1.2, zorder=4
    )
    if len(row.accuracies) > 1:
        seeds = [100 * accuracy for accuracy in row.accuracies.values()]
        axes.scatter([x] * len(seeds), seeds, s=7, color=look.color, linewidths=0, zorder=3)


def _ink(row: BaselineRow) -> list[float]:
    """Accuracies (%) along a network's mark and interval, for labels to keep away from."""
    low, high = row.ci or (row.mean or 0.0, row.mean or 0.0)
    return [100 * (low + (high - low) * step / 30) for step in range(31)]


def plain_ticks(axis: "Axis") -> None:
    """1, 2, 5, 10, 20, … on a logarithmic axis, and as such rather than as powers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def _megabytes(millions: float) -> float:
    return FLOAT_BYTES * millions


def _parameters(megabytes: float) -> float:
    return megabytes / FLOAT_BYTES
