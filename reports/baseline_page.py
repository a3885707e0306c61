"""The page of the baselines, in one HTML file that opens offline, with its figures and table beside it."""

from pathlib import Path

from nas.duration import duration
from nas.record import BaselineRecords
from reports import baseline_footer, words
from reports import baseline_sentences as sentences
from reports.baseline_rows import baseline_rows, baselines_csv, rate_checks
from reports.figures import BASELINE_FIGURES
from reports.files import write_whole
from reports.shown import Shown, draw_all, render


def write(run: BaselineRecords, folder: Path) -> Path:
    """``folder/index.html``, ``folder/figures/`` and ``folder/trainings.csv`` from what is recorded so far.

    Returns the page. Each file is complete whenever it is there, and the page comes last.
    """
    shown = draw_all(run, BASELINE_FIGURES, folder / "figures")
    write_whole(folder / "trainings.csv", baselines_csv(run))
    return write_whole(folder / "index.html", _render(run, shown))


def _render(run: BaselineRecords, figures: list[Shown]) -> str:
    rows = baseline_rows(run)
    values = {
        "run": run,
        "facts": run.facts,
        "headline": sentences.headline(run),
        "against_next": sentences.against_next(run),
        "how_trained": sentences.how_trained(run),
        "caution": sentences.caution(run),
        "counts": sentences.counts(run),
        "warnings": [*sentences.left_out_words(run), *sentences.at_chance_words(run)],
        "todo": sentences.still_to_do(run),
        "rows": rows,
        "native_forms": baseline_footer.native_forms(rows),
        "checks": rate_checks(run),
        "figures": figures,
        "entries": baseline_footer.facts(run),
        "notes": baseline_footer.notes(run),
        "words": words,
        "duration": duration,
    }
    return render("baselines.html", values)
