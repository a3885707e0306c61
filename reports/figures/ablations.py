"""What the figures of ablations share: looks of verdicts, names that fit, and words about what was measured."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas.ablation_evidence import Length
from nas.effects.family import Axis, Effect
from nas.effects.verdict import Verdict
from nas.record import Record
from reports.ablation_reading import Reading, recipe_of
from reports.figures.base import INK, trained_form
from reports.words import plural, seeds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMED = 12  # variants; where there are more, a figure of points names only as many that stand out
LONGEST = 30  # characters of a name in a figure
MARGIN = "#E3EBF0"
DIFFERENCE = "accuracy against the baseline (points)"
EQUAL = "accuracy against its curve (points)"
AXIS_WORDS: dict[Axis, str] = {"macs": "multiply-adds", "params": "parameters", "latency": "latency"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Of a verdict. Colours are Okabe and Ito's; the marks differ as well."""

    color: str
    marker: str


LOOKS: dict[Verdict, Look] = {
    "helps": Look(color="#009E73", marker="^"),
    "hurts": Look(color="#D55E00", marker="v"),
    "no practical difference": Look(color="#0072B2", marker="s"),
    "not shown": Look(color="#777777", marker="o"),
    "depends on training length": Look(color="#CC79A7", marker="D"),
}


def short_name(title: str, most: int = LONGEST) -> str:
    """In one line, cut where it is too long to stand beside an axis."""
    line = " ".join(title.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def name_rows(axes: "Axes", titles: Sequence[str]) -> None:
    """A row a title, the first on top."""
    axes.set_yticks(
        range(len(titles)), [short_name(title) for title in titles], parse_math=False
    )  # a name is no formula
    axes.set_ylim(len(titles) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")


def shade_margin(axes: "Axes", margin: float, *, vertical: bool = True) -> None:
    """The band within which differences are of no practical importance, and the line of none."""
    span, line = (axes.axvspan, axes.axvline) if vertical else (axes.axhspan, axes.axhline)
    span(-100 * margin, 100 * margin, color=MARGIN, zorder=0, linewidth=0)
    line(0, color="#888888", linewidth=0.8, zorder=1)


def legend_of(figure: "Figure", verdicts: Iterable[Verdict], margin: float | None = None, *, columns: int = 3) -> None:
    """Below everything: the verdicts that there are, and the margin."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    there = set(verdicts)
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=look.color, marker=look.marker, linestyle="none", markersize=6, label=verdict)
        for verdict, look in LOOKS.items()
        if verdict in there
    ]
    if margin is not None:
        handles.append(Patch(facecolor=MARGIN, label=f"within ±{100 * margin:g} points"))
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=columns, handletextpad=0.4, columnspacing=1.4)


def look_of(effect: Effect) -> Look:
    return LOOKS[effect.verdict]


def trained_on(reading: Reading, length: Length | None = None) -> str:
    """Which trainings a figure is of: data, form, epochs, how many, seeds and folds, and the command behind them."""
    length = length or reading.length
    facts, recipe, records = reading.facts, recipe_of(reading.facts, length), reading.records_of(length)
    images = "all images" if recipe.train_images is None else f"{recipe.train_images:,} images"
    return (
        f"Accuracies: validation images of {facts.data.label}, trained form ({trained_form(facts)}), after "
        f"{plural(recipe.epochs, 'epoch')} of {images}. {_which(length, records)} Command: {facts.command}"
    )


def _which(length: Length, records: Sequence[Record]) -> str:
    folds = seeds([one.fold for one in records]).replace("seed", "fold")
    return (
        f"Trainings: {len(records)} {length} ones in trainings.csv, {seeds([one.seed for one in records])} on {folds}."
    )


def interval_words(reading: Reading) -> str:
    """How the intervals of a family are to be read."""
    found = reading.found
    assert found is not None
    spent = found.changed.spent
    level = f"{found.changed.level:.0%}"
    if spent is not None:
        level = f"at this look {1 - spent:.2%}, at all looks together {level}"
    return f"Intervals of a panel hold all at once ({level})."


def no_pair(reading: Reading) -> str:
    """Why there is nothing to compare yet."""
    facts = reading.facts
    if facts.looks:
        return f"the first look, at {facts.looks[0]} seeds, is not complete"
    return "no variant shares a seed with the baseline yet"


__all__ = [
    "AXIS_WORDS",
    "DIFFERENCE",
    "EQUAL",
    "INK",
    "LOOKS",
    "NAMED",
    "interval_words",
    "legend_of",
    "look_of",
    "name_rows",
    "no_pair",
    "shade_margin",
    "short_name",
    "trained_on",
]
