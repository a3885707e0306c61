"""Names beside points, placed so that none covers another or a point."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from reports.figures.base import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = 8.5  # points

# where a label may stand, nearest first: distances in points, and directions (right, up)
RADII = (7, 14, 24, 38, 56, 80)
DIRECTIONS = ((1, 0.5), (1, -0.5), (-1, 0.5), (-1, -0.5), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A text that belongs to a point, in data coordinates."""

    x: float
    y: float
    text: str
    color: str = INK
    bold: bool = False


@dataclass(frozen=True, slots=True)
class _Box:
    """A rectangle of pixels."""

    x0: float
    y0: float
    x1: float
    y1: float

    def holds(self, x: float, y: float, margin: float = 3) -> bool:
        return self.x0 - margin < x < self.x1 + margin and self.y0 - margin < y < self.y1 + margin

    def meets(self, other: "_Box") -> bool:
        return self.x0 < other.x1 and other.x0 < self.x1 and self.y0 < other.y1 and other.y0 < self.y1


def place(axes: "Axes", labels: Sequence[Label], avoid: Iterable[tuple[float, float]] = ()) -> None:
    """Put every label near its point, further out where it is crowded, with a thin line back to the point.

    Call it last: the axes' limits and layout must not change any more. A label that fits nowhere goes where it covers
    least.
    """
    from matplotlib.patheffects import withStroke
    from matplotlib.text import Text

    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # lays out
    scale = figure.dpi / 72  # pixels in a point
    view = axes.get_window_extent()
    inside = _Box(view.x0, view.y0, view.x1, view.y1)
    dots = [tuple(axes.transData.transform(point)) for point in avoid]
    taken: list[_Box] = []
    for label in labels:
        note = axes.annotate(
            label.text,
            (label.x, label.y),
            xytext=(0, 0),
            textcoords="offset points",
            fontsize=SIZE,
            fontweight="bold" if label.bold else "normal",
            color=label.color,
            arrowprops={"arrowstyle": "-", "color": label.color, "lw": 0.5, "shrinkA": 0, "shrinkB": 3},
            path_effects=[withStroke(linewidth=2, foreground="white")],
            zorder=6,
        )
        note.set_in_layout(False)
        extent = Text.get_window_extent(note)  # the text's; an annotation's own has the line in it
        x, y = axes.transData.transform((label.x, label.y))
        best: tuple[float, tuple[float, float], _Box] | None = None
        for radius, (right, up) in product(RADII, DIRECTIONS):
            offset = (
                radius * right - (0 if right > 0 else extent.width / scale / (2 if right == 0 else 1)),
                radius * up - (0 if up > 0.5 else extent.height / scale / (1 if up < -0.5 else 2)),
            )
            left, low = x + offset[0] * scale, y + offset[1] * scale
            box = _Box(left, low, left + extent.width, low + extent.height)
            covered = sum(box.holds(*dot) for dot in dots) + 10 * sum(box.meets(other) for other in taken)
            covered += 20 * (not (inside.holds(box.x0, box.y0, 0) and inside.holds(box.x1, box.y1, 0)))
            if best is None or covered < best[0]:
                best = (covered, offset, box)
            if covered == 0:
                break
        assert best is not None
        note.set_position(best[1])
        taken.append(best[2])


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions moved as little as can be (least squares) to lie ``gap`` apart within the limits, in the same order."""
    from scipy.optimize import isotonic_regression

    if not positions:
        return []
    order = sorted(range(len(positions)), key=lambda index: positions[index])
    # positions at least a gap apart are, less their gaps, in order: the least-squares such sequence is the isotonic one
    pulled = isotonic_regression([positions[index] - gap * rank for rank, index in enumerate(order)]).x
    last = max(low, high - gap * (len(order) - 1))
    result = [0.0] * len(positions)
    for rank, index in enumerate(order):
        result[index] = min(max(float(pulled[rank]), low), last) + gap * rank
    return result
