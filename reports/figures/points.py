"""What the figures of accuracy against cost share: networks as points, in percent, and the line of the best."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nas.evidence import Confirmed
from nas.record import Record
from reports.figures.base import PALE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BEYOND = 1.35  # times the ceiling: what costs more would squeeze all others into a corner, and is told in the caption

FILLED = "Filled: mean over fresh seeds and folds, with 95% interval where two seeds or more are there."


def selected(record: Record) -> float:
    """The accuracy of the one training that selected (%)."""
    return 100 * (record.val_accuracy or 0.0)


def front(costs: Sequence[float], accuracies: Sequence[float]) -> list[tuple[float, float]]:
    """The points that nothing beats at the same cost or less, by cost."""
    best: list[tuple[float, float]] = []
    for cost, accuracy in sorted(zip(costs, accuracies, strict=True), key=lambda point: (point[0], -point[1])):
        if not best or accuracy > best[-1][1]:
            best.append((cost, accuracy))
    return best


def draw_confirmed(axes: "Axes", x: float, confirmed: Confirmed, *, color: str, marker: str, label: str | None) -> None:
    """The mean over fresh seeds, with its interval where there is one."""
    mean = 100 * confirmed.mean
    spread = None if confirmed.ci is None else [[mean - 100 * confirmed.ci[0]], [100 * confirmed.ci[1] - mean]]
    axes.errorbar(
        [x], [mean], spread, fmt=marker, color=color, markersize=5.5, capsize=3, elinewidth=1.2, label=label, zorder=5
    )


def draw_fall(axes: "Axes", x: float, record: Record, confirmed: Confirmed) -> None:
    """From what selected to what was confirmed: the best of many looks better than it is."""
    ends = [selected(record), 100 * confirmed.mean]
    axes.plot([x, x], ends, color=PALE, linewidth=0.8, linestyle=":", zorder=1)


def along(confirmed: Confirmed) -> list[float]:
    """Accuracies (%) along the mean's interval, for labels to keep away from."""
    low, high = confirmed.ci or (confirmed.mean, confirmed.mean)
    return [100 * (low + (high - low) * step / 24) for step in range(25)]
