"""Effects in a table of colours: a row a place or a variant, a column an option or a budget."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from nas.effects.family import Effect
from reports.figures.base import INK, SIZE
from reports.words import interval, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELL = (0.86, 0.44)  # inches
CAPTION = (
    "Difference of each variant in points, and its interval. Exploratory: which places to look at next, and no verdict "
    "about how they differ from each other."
)

Cells = Mapping[tuple[str, str], Effect | None]  # (row, column) → effect


def effect_map(
    title: str,
    cells: Cells,
    rows: Mapping[str, str],
    columns: Mapping[str, str],
    *,
    without: Callable[[str, str], str] = lambda row, column: "",
) -> "Figure":
    """``rows`` and ``columns``: name → what people are shown, in order. ``without``: what stands in a cell without an
    effect. At least one effect is there."""
    import numpy as np
    from matplotlib.figure import Figure

    values = np.full((len(rows), len(columns)), np.nan)
    for at, row in enumerate(rows):
        for to, column in enumerate(columns):
            effect = cells.get((row, column))
            if effect is not None:
                values[at, to] = 100 * effect.delta
    size = max(SIZE[0], 1.6 + CELL[0] * len(columns)), 1.5 + CELL[1] * len(rows)
    figure: Figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title, x=0.012, ha="left")
    axes: Axes = figure.subplots()
    most = float(np.nanmax(np.abs(values))) or 1.0
    mesh = axes.pcolormesh(values, cmap="RdBu", vmin=-most, vmax=most, edgecolor="white", linewidth=1)
    figure.colorbar(mesh, ax=axes, label="points", shrink=0.8, aspect=25).outline.set_visible(False)
    axes.invert_yaxis()  # the first row on top
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks(_middles(columns), list(columns.values()), parse_math=False)
    axes.set_yticks(_middles(rows), list(rows.values()), parse_math=False)
    for at, row in enumerate(rows):
        for to, column in enumerate(columns):
            effect = cells.get((row, column))
            text = without(row, column) if effect is None else _words(effect)
            color = "#666666" if effect is None else "white" if abs(100 * effect.delta) > 0.6 * most else INK
            axes.text(to + 0.5, at + 0.5, text, ha="center", va="center", fontsize=7.5, color=color)
    axes.grid(visible=False)
    return figure


def _middles(names: Sequence[str] | Mapping[str, str]) -> list[float]:
    return [at + 0.5 for at in range(len(names))]


def _words(effect: Effect) -> str:
    ci = "" if effect.ci is None else f"\n{interval(effect.ci, differences=True)}"
    return f"{signed(100 * effect.delta)}{ci}"
