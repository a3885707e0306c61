"""Where a change matters: its effect by place in the network and by option, as a map."""

from collections.abc import Callable

from nas.effects.family import Effect
from nas.space import Option
from reports.ablation_reading import Reading, Row
from reports.figures.ablations import interval_words, no_pair, trained_on
from reports.figures.base import Drawing, Skipped
from reports.figures.effect_map import CAPTION, effect_map

TITLE = "Where it matters (exploratory)"
EQUAL_TITLE = "Where it matters at equal multiply-adds (exploratory)"
NO_GRID = "the variants change no decision in several places one at a time"


def context(reading: Reading) -> Drawing | Skipped:
    return _draw(reading, TITLE, lambda row: row.changed)


def context_equal(reading: Reading) -> Drawing | Skipped:
    return _draw(reading, EQUAL_TITLE, lambda row: row.equal.get("macs"))


def _draw(reading: Reading, title: str, effect: Callable[[Row], Effect | None]) -> Drawing | Skipped:
    if reading.found is None:
        return Skipped(title=title, reason=no_pair(reading))
    cells = {at: effect(row) for row in reading.variants if (at := _place(row)) is not None}
    places, options = (sorted({at[side] for at in cells}) for side in (0, 1))
    if len(places) < 2 or len(cells) < 4:
        return Skipped(title=title, reason=NO_GRID)
    if not any(cells.values()):
        return Skipped(title=title, reason="none of these variants is read at equal cost")
    made = (reading.base.record.choices if reading.base.record is not None else None) or {}
    figure = effect_map(
        title,
        cells,
        {place: place.replace(".*", "").replace(".", " ") for place in places},
        {option: option.replace(" ", "\n", 1) for option in options},
        without=lambda place, option: "baseline" if _is_baseline(made, place, option) else "",
    )
    return Drawing(figure=figure, title=title, caption=f"{CAPTION} {interval_words(reading)} {trained_on(reading)}")


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
