"""Where a change matters: its effect by place in the network and by option, as a map."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from nas.effects.family import Effect
from nas.space import Option
from reports.ablation_reading import Reading, Row
from reports.figures.ablations import interval_words, no_pair, trained_on
from reports.figures.base import INK, SIZE, Drawing, Skipped
from reports.words import interval, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "Where it matters (exploratory)"
EQUAL_TITLE = "Where it matters at equal multiply-adds (exploratory)"
CELL = (0.86, 0.44)  # inches
NO_GRID = "the variants change no decision in several places one at a time"

Cells = dict[tuple[str, str], Effect | None]  # (place, option) → effect


def context(reading: Reading) -> Drawing | Skipped:
    return _draw(reading, TITLE, lambda row: row.changed)


def context_equal(reading: Reading) -> Drawing | Skipped:
    return _draw(reading, EQUAL_TITLE, lambda row: row.equal.get("macs"))


def _draw(reading: Reading, title: str, effect: Callable[[Row], Effect | None]) -> Drawing | Skipped:
    import numpy as np
    from matplotlib.figure import Figure

    if reading.found is None:
        return Skipped(title=title, reason=no_pair(reading))
    cells = {at: effect(row) for row in reading.variants if (at := _place(row)) is not None}
    places, options = (sorted({at[side] for at in cells}) for side in (0, 1))
    if len(places) < 2 or len(cells) < 4:
        return Skipped(title=title, reason=NO_GRID)
    if not any(cells.values()):
        return Skipped(title=title, reason="none of these variants is read at equal cost")
    values = np.full((len(places), len(options)), np.nan)
    for (place, option), found in cells.items():
        if found is not None:
            values[places.index(place), options.index(option)] = 100 * found.delta
    size = max(SIZE[0], 1.6 + CELL[0] * len(options)), 1.5 + CELL[1] * len(places)
    figure: Figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title, x=0.012, ha="left")
    axes: Axes = figure.subplots()
    most = float(np.nanmax(np.abs(values))) or 1.0
    mesh = axes.pcolormesh(values, cmap="RdBu", vmin=-most, vmax=most, edgecolor="white", linewidth=1)
    figure.colorbar(mesh, ax=axes, label="points", shrink=0.8, aspect=25).outline.set_visible(False)
    axes.invert_yaxis()  # the first place on top
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks(
        [at + 0.5 for at in range(len(options))], [name.replace(" ", "\n", 1) for name in options], parse_math=False
    )
    words = [place.replace(".*", "").replace(".", " ") for place in places]
    axes.set_yticks([at + 0.5 for at in range(len(places))], words, parse_math=False)
    made = (reading.base.record.choices if reading.base.record is not None else None) or {}
    for row, place in enumerate(places):
        for column, option in enumerate(options):
            found, text, color = cells.get((place, option)), "", "#666666"
            if found is not None:
                text, color = _words(found), "white" if abs(100 * found.delta) > 0.6 * most else INK
            elif _is_baseline(made, place, option):
                text = "baseline"
            axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=7.5, color=color)
    axes.grid(visible=False)
    return Drawing(
        figure=figure,
        title=title,
        caption="Difference of each variant in points, and its interval. Exploratory: which places to look at next, "
        f"and no verdict about how they differ from each other. {interval_words(reading)} {trained_on(reading)}",
    )


def _place(row: Row) -> tuple[str, str] | None:
    """``stage2.*`` and ``kernel 3`` of a variant that changes one decision in one place; None of any other."""
    changes = row.network.variant.changes if row.network.variant is not None else {}
    if len(changes) != 1:
        return None
    ((name, option),) = changes.items()
    place, _, decision = name.rpartition(".")
    return (place, f"{decision} {option}") if place and place != "*" else None


def _is_baseline(made: dict[str, Option], place: str, option: str) -> bool:
    """Whether the baseline has the option there already, in every block."""
    from fnmatch import fnmatchcase

    decision, _, value = option.partition(" ")
    there = [str(made[name]) for name in made if fnmatchcase(name, f"{place}.{decision}")]
    return bool(there) and all(one == value for one in there)


def _words(effect: Effect) -> str:
    ci = "" if effect.ci is None else f"\n{interval(effect.ci, differences=True)}"
    return f"{signed(100 * effect.delta)}{ci}"
