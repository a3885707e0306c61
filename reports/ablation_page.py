"""The page of an ablation, in one HTML file that opens offline, with its figures and tables beside it."""

from dataclasses import dataclass
from pathlib import Path

from nas.ablation_document import rates
from nas.ablation_evidence import warnings
from nas.record import AblationRecords
from reports import ablation_footer, words
from reports import ablation_sentences as sentences
from reports.ablation_csv import effects_csv, epochs_csv, trainings_csv
from reports.ablation_reading import Reading, Row, read
from reports.differences import Difference, differences
from reports.figures import ABLATION_FIGURES
from reports.files import write_whole
from reports.shown import Shown, draw_all, render


def write(run: AblationRecords, folder: Path) -> Path:
    """``folder/index.html``, ``folder/figures/``, ``trainings.csv``, ``effects.csv`` and ``curves.csv`` from what is
    recorded so far.

    Returns the page. Each file is complete whenever it is there, the page comes last, and a figure that the records no
    longer support is removed.
    """
    reading = read(run)
    shown = draw_all(reading, ABLATION_FIGURES, folder / "figures")
    write_whole(folder / "trainings.csv", trainings_csv(run))
    write_whole(folder / "curves.csv", epochs_csv(run))
    write_whole(folder / "effects.csv", effects_csv(reading))
    return write_whole(folder / "index.html", _render(reading, shown))


def _render(reading: Reading, figures: list[Shown]) -> str:
    facts = reading.facts
    values = {
        "run": reading.run,
        "facts": facts,
        "reading": reading,
        "headline": sentences.headline(reading),
        "equal_lines": sentences.at_equal_cost(reading),
        "beside": sentences.beside_the_paper(reading),
        "how": _sentences(
            sentences.how_trained(reading),
            sentences.caution(reading),
        ),
        "strength": _sentences(
            sentences.what_could_be_shown(reading),
            sentences.noise(reading),
            sentences.pairing_words(reading),
            *sentences.curve_words(reading),
            sentences.looks_words(reading),
        ),
        "warnings": [
            *warnings(reading.run, reading.found),
            *facts.notes,
            *sentences.failures(reading),
            *sentences.rate_words(reading),
        ],
        "counts": sentences.counts(reading),
        "todo": sentences.still_to_do(reading),
        "blocks": [one for row in reading.rows if (one := _blocks(reading, row)) is not None],
        "rates": rates(reading.run),
        "search": sentences.what_was_suggested(reading),
        "sentences": sentences,
        "figures": figures,
        "entries": ablation_footer.facts(reading),
        "notes": ablation_footer.notes(reading),
        "words": words,
    }
    return render("ablation.html", values)


def _sentences(*parts: str) -> str:
    return " ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """A variant beside its baseline, block by block, in the native form."""

    row: Row
    lines: list[Difference]

    @property
    def differing(self) -> list[Difference]:
        return [line for line in self.lines if line.change or line.macs]

    @property
    def total(self) -> int:
        """Multiply-adds of the variant minus the baseline's."""
        return sum(line.macs for line in self.lines)


def _blocks(reading: Reading, row: Row) -> Blocks | None:
    """None before both are trained."""
    mine, base = row.network.record, reading.base.record
    if mine is None or base is None:
        return None
    return Blocks(row=row, lines=differences(mine.spec, base.spec))
