"""Two or more studies on one page: ablations by their variants, searches by their confirmed networks."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from nas.recipe import Recipe
from nas.record import AblationRecords, RunRecords
from reports import ablation_sentences, comparison, words
from reports.ablation_reading import read
from reports.figures.comparison import confirmed_side_by_side, effects_side_by_side
from reports.figures.comparison_context import by_budget, by_budget_equal
from reports.files import write_whole
from reports.footer import pairs, when
from reports.shown import draw_all, render

LONGEST = 120  # characters of a folder's name
NOTE = (
    "Each interval and verdict is of its own study. No test is made between ablations: compare directions first, and "
    "sizes only where images, recipe and baseline are the same."
)

FIGURES = {"effects": effects_side_by_side, "by_budget": by_budget, "by_budget_equal": by_budget_equal}


def folder_for(names: Sequence[str], runs: Path) -> Path:
    """Where a comparison goes: below ``runs/comparisons``, by the names of the studies."""
    name = "+".join(names)
    if len(name.encode()) > LONGEST:
        name = f"{len(names)} studies {sha256(name.encode()).hexdigest()[:12]}"
    return runs / "comparisons" / name


def write_ablations(runs: Sequence[AblationRecords], folder: Path) -> Path:
    """``folder/index.html`` with ``folder/figures/``; returns the page."""
    readings = [read(run) for run in runs]
    shown = draw_all(readings, FIGURES, folder / "figures")
    values = {
        "kind": "ablations",
        "readings": readings,
        "lines": comparison.lines(readings),
        "headlines": [(one.run.name, one.facts.question, ablation_sentences.headline(one)) for one in readings],
        "note": NOTE,
        "sentences": ablation_sentences,
        **_shared(runs, [one.recipe for one in readings]),
        "figures": shown,
    }
    return write_whole(folder / "index.html", render("comparison.html", values))


def write_searches(runs: Sequence[RunRecords], folder: Path) -> Path:
    """The same for searches."""
    shown = draw_all(runs, {"confirmed": confirmed_side_by_side}, folder / "figures")
    values = {
        "kind": "searches",
        "confirmed": comparison.entries(runs),
        "winners": [_winner_words(one) for one in comparison.winners(runs)],
        **_shared(runs, [run.facts.recipe for run in runs]),
        "figures": shown,
    }
    return write_whole(folder / "index.html", render("comparison.html", values))


def _shared(runs: Sequence[AblationRecords] | Sequence[RunRecords], recipes: Sequence[Recipe]) -> dict[str, object]:
    """``recipes``: of the trainings that are read."""
    facts = [run.facts for run in runs]
    return {
        "names": [run.name for run in runs],
        "unlike": comparison.unlike(facts, recipes),
        "todo": [],
        "notes": ["Accuracies are of validation folds. The test set was never read."],
        "entries": [
            (label, value)
            for run in runs
            for label, value in (
                (run.name, f"{run.facts.data.label}; fingerprint {run.facts.data.fingerprint}"),
                ("command", run.facts.command),
                ("recipe", f"{run.facts.recipe.name} ({run.facts.recipe.hash})"),
                ("machine", pairs(run.facts.machine)),
                ("versions", pairs(run.facts.versions)),
                ("when", when(run.facts.started, [])),
            )
            if value
        ],
        "words": words,
    }


def _winner_words(found: comparison.Winners) -> str:
    one, other = (f"{each.record.title} of {each.run.name}" for each in (found.one, found.other))
    one = words.capital(one)
    against = found.difference
    if against is None:
        return f"{one} and {other} are not compared by a test: {found.why_not}."
    text = f"{one} against {other}: {words.points(against.value)} over {words.seeds(against.seeds)}"
    if against.ci is None:
        return f"{text}; too few seeds for an interval."
    verdict = {"better": "shown to be better", "worse": "shown to be worse"}.get(against.verdict, "not shown to differ")
    ci = words.interval(against.ci, differences=True)
    return f"{text} (interval {ci}, widened for what was chosen from): {verdict}."
