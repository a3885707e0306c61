"""Names beside points, placed so that none covers another or a point."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import hypot
from typing import TYPE_CHECKING

from reports.figures.base import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = 8.5  # points

# where a label may stand, nearest first: distances in points, and directions (right, up)
ROUNDS = 3
MARK = 3  # cost of covering a labelled point, in points that are covered
DISTANCE = 0.06  # cost of a point's distance, in points that are covered
RADII = (7, 10, 14, 19, 24, 30, 38, 46, 56, 80)
SIDEWAYS = ((1, 0.5), (1, -0.5), (-1, 0.5), (-1, -0.5), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
STEEP = ((0.5, 1), (-0.5, 1), (0.5, -1), (-0.5, -1), (1, 0.2), (-1, 0.2), (1, 1.5), (-1, 1.5), (1, -1.5), (-1, -1.5))
DIRECTIONS = (*SIDEWAYS, *STEEP)


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

    def distance(self, x: float, y: float) -> float:
        return hypot(max(self.x0 - x, 0.0, x - self.x1), max(self.y0 - y, 0.0, y - self.y1))

    @property
    def middle(self) -> tuple[float, float]:
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    def crossed_by(self, line: "_Line") -> bool:
        """Whether any of the line lies within (Liang and Barsky's clipping)."""
        x, y, right, up = line[0], line[1], line[2] - line[0], line[3] - line[1]
        enters, leaves = 0.0, 1.0
        for step, gap in ((-right, x - self.x0), (right, self.x1 - x), (-up, y - self.y0), (up, self.y1 - y)):
            if step == 0 and gap < 0:
                return False
            if step < 0:
                enters = max(enters, gap / step)
            elif step > 0:
                leaves = min(leaves, gap / step)
        return enters <= leaves


_Line = tuple[float, float, float, float]  # from x, y to x, y, pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """Where a label may stand, and what it would cover there of what does not move."""

    offset: tuple[float, float]  # points, from the point it belongs to
    box: _Box
    line: _Line
    cost: float


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
    marks = [tuple(axes.transData.transform((label.x, label.y))) for label in labels]
    notes, candidates = [], []
    for label in labels:
        note = axes.annotate(
            label.text,
            (label.x, label.y),
            xytext=(0, 0),
            textcoords="offset points",
            fontsize=SIZE,
            parse_math=False,  # a name is no formula
            fontweight="bold" if label.bold else "normal",
            color=label.color,
            arrowprops={"arrowstyle": "-", "color": label.color, "lw": 0.5, "shrinkA": 0, "shrinkB": 3},
            path_effects=[withStroke(linewidth=2, foreground="white")],
            zorder=6,
        )
        note.set_in_layout(False)
        extent = Text.get_window_extent(note)  # the text's; an annotation's own has the line in it
        x, y = axes.transData.transform((label.x, label.y))
        notes.append(note)
        found = _candidates(x, y, extent.width, extent.height, scale, inside, dots, marks)
        candidates.append(sorted(found, key=lambda one: one.cost))
    chosen: list[_Candidate] = []
    for own in candidates:
        chosen.append(_least(own, chosen))
    for _ in range(ROUNDS):  # the first ones were placed before the last ones were known
        for index, own in enumerate(candidates):
            chosen[index] = _least(own, [*chosen[:index], *chosen[index + 1 :]])
    for note, one in zip(notes, chosen, strict=True):
        note.set_position(one.offset)


def _candidates(
    x: float,
    y: float,
    width: float,
    height: float,
    scale: float,
    inside: _Box,
    dots: Sequence[tuple[float, ...]],
    marks: Sequence[tuple[float, ...]],
) -> Iterator[_Candidate]:
    """Everywhere a label of this size (pixels) may stand, nearest first."""
    for radius, (right, up) in product(RADII, DIRECTIONS):
        offset = (
            radius * right - (0 if right > 0 else width / scale / (2 if right == 0 else 1)),
            radius * up - (0 if up > 0.5 else height / scale / (1 if up < -0.5 else 2)),
        )
        left, low = x + offset[0] * scale, y + offset[1] * scale
        box = _Box(left, low, left + width, low + height)
        covered = sum(box.holds(dot[0], dot[1]) for dot in dots)
        covered += 20 * (not (inside.holds(box.x0, box.y0, 0) and inside.holds(box.x1, box.y1, 0)))
        covered += MARK * sum(box.holds(mark[0], mark[1], 6) for mark in marks)
        cost = covered + DISTANCE * box.distance(x, y) / scale
        yield _Candidate(offset=offset, box=box, line=(x, y, *box.middle), cost=cost)


def _least(own: Sequence[_Candidate], others: Sequence[_Candidate]) -> _Candidate:
    """The candidate that covers least and is nearest, with the others where they are; ``own`` is sorted by cost."""
    best, least = own[0], float("inf")
    for one in own:
        if one.cost >= least:
            break
        covered = one.cost
        for other in others:
            covered += 10 * one.box.meets(other.box)
            covered += 4 * (one.box.crossed_by(other.line) + other.box.crossed_by(one.line))
        if covered < least:
            best, least = one, covered
    return best


def place_right(axes: "Axes", ends: Sequence[Label]) -> None:
    """Name lines right of the axes, each at its end's height or as near as the others let it, tied to the end.

    Call it last, as ``place``.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # lays out
    low, high = axes.get_ylim()
    line_height = 1.35 * SIZE * figure.dpi / 72 / axes.get_window_extent().height * (high - low)
    for end, at in zip(ends, spread([end.y for end in ends], line_height, low, high), strict=True):
        axes.annotate(
            end.text,
            (end.x, end.y),
            xytext=(1.04, at),
            textcoords=axes.get_yaxis_transform(),
            fontsize=SIZE,
            parse_math=False,  # a name is no formula
            color=end.color,
            va="center",
            annotation_clip=False,
            fontweight="bold" if end.bold else "normal",
            arrowprops={
                "arrowstyle": "-",
                "color": end.color,
                "lw": 0.5,
                "shrinkA": 0,
                "shrinkB": 3,
                "relpos": (0, 0.5),
            },
        )


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
