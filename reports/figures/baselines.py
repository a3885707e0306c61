"""What the figures of the baselines share: looks, and words about what was measured."""

from dataclasses import dataclass, replace

from nas.record import BaselineRecords
from reports.baseline_rows import BaselineRow, baseline_rows, family, rate_checks
from reports.baseline_sentences import limits
from reports.figures.base import trained_form
from reports.words import plural, seeds

# Okabe and Ito's, as in the other figures; the shapes differ as well
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#333333", "#E69F00", "#56B4E9")
MARKERS = ("o", "D", "s", "^", "v", "P", "X")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 2)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a network is drawn: colour and marker are its family's, the line its own within the family."""

    color: str
    text: str  # the same, darker: words of the lighter colours are hard to read on white
    marker: str
    line: str | tuple[int, tuple[int, ...]] = "-"


def looks(run: BaselineRecords) -> dict[str, Look]:
    """Of every network."""
    return {
        name: replace(look, line=LINES[place % len(LINES)])
        for family, look in family_looks(run).items()
        for place, name in enumerate(_members(run).get(family, ()))
    }


def family_looks(run: BaselineRecords) -> dict[str, Look]:
    """Of every family, in the order they were asked for: the same in every figure, whatever is done so far."""
    families = dict.fromkeys((*_members(run), *(check.family for check in rate_checks(run))))
    return {
        family: Look(
            color=COLOURS[index % len(COLOURS)],
            text=_darker(COLOURS[index % len(COLOURS)]),
            marker=MARKERS[index % len(MARKERS)],
        )
        for index, family in enumerate(families)
    }


def _members(run: BaselineRecords) -> dict[str, list[str]]:
    """Family → its networks' names; before its check is begun, whatever stands before the width."""
    members: dict[str, list[str]] = {}
    for name in dict.fromkeys((*run.facts.networks, *(one.key for one in run.trainings))):
        members.setdefault(family(run, name) or name.partition("@")[0], []).append(name)
    return members


def _darker(color: str) -> str:
    return "#" + "".join(f"{int(color[at : at + 2], 16) * 7 // 10:02X}" for at in (1, 3, 5))


def scored(run: BaselineRecords) -> list[BaselineRow]:
    return [row for row in baseline_rows(run) if row.mean is not None]


def measured_on(run: BaselineRecords) -> str:
    """Data, pixels and recipe behind an accuracy."""
    facts, recipe = run.facts, run.facts.recipe
    images = "all images" if recipe.train_images is None else f"{recipe.train_images:,} images"
    val = "validation images" if recipe.val_images is None else f"{recipe.val_images:,} validation images a fold"
    return (
        f"Accuracies: {val} of {facts.data.label}, trained form ({trained_form(facts)}), after "
        f"{plural(recipe.epochs, 'epoch')} of {images} (recipe {recipe.name}, each family’s own learning rate)."
    )


def seeds_and_folds(run: BaselineRecords) -> str:
    """``seeds 1–3 on folds 1–3``, of the complete trainings."""
    done = [one for one in run.trainings if one.val_accuracy is not None]
    folds = seeds([one.fold for one in done]).replace("seed", "fold")
    return f"{seeds([one.seed for one in done])} on {folds}"


def all_captions(run: BaselineRecords, *own: str) -> str:
    return " ".join((measured_on(run), *own, limits(run)))
