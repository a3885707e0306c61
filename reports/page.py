"""The page: everything a run shows, in one HTML file that opens offline, with its figures and table beside it."""

from pathlib import Path
from typing import Any

from nas import evidence
from nas.record import Record, RunRecords
from reports import (
    control_sentences,
    differences,
    footer,
    front_sentences,
    observed,
    sentences,
    standing,
    tables,
    words,
)
from reports.figures import figures_of
from reports.files import write_whole
from reports.shown import Shown, draw_all, render
from reports.tables import NetworkRow

ROWS = 60  # of the page's table; networks.csv has them all


def write(run: RunRecords, folder: Path) -> Path:
    """``folder/index.html``, ``folder/figures/``, ``folder/networks.csv`` and ``folder/choices.csv`` from what the run
    has recorded so far.

    Returns the page. Each file is complete whenever it is there, the page comes last, and a figure that the records no
    longer support is removed.
    """
    shown = draw_all(run, figures_of(run), folder / "figures")
    write_whole(folder / "networks.csv", tables.networks_csv(run))
    choices = observed.read(run)
    write_whole(folder / "choices.csv", observed.choices_csv(choices))
    return write_whole(folder / "index.html", _render(run, shown, choices))


def _render(run: RunRecords, figures: list[Shown], choices: observed.Reading) -> str:
    rows, drawn = tables.network_rows(run), tables.control_rows(run)
    finalists = [row for row in drawn if row.confirmed]
    values = {
        "run": run,
        "facts": run.facts,
        "demo": standing.demo_words(run.facts),
        "headline": _headline(run),
        "found": sentences.found(run),
        "shown": sentences.shown(run),
        "control": control_sentences.shown(run),
        "trust": sentences.trust(run),
        "take_away": sentences.export_command(run),
        "states": standing.states(run),
        "todo": standing.still_to_do(run),
        "front": standing.front(run),
        "front_words": front_sentences.table_words(run),
        "rows": [*rows[:ROWS], *finalists],
        "hidden": max(0, len(rows) - ROWS) + len(drawn) - len(finalists),
        "figures": figures,
        "choices": choices,
        "observed": observed,
        "blocks": _blocks(run),
        "entries": footer.facts(run),
        "notes": footer.notes(run),
        "words": words,
        "interval": _interval,
    }
    return render("page.html", values)


def _headline(run: RunRecords) -> str:
    """The verdict in one line."""
    if standing.is_demo(run.facts):
        return f"A {standing.demo_words(run.facts)}: no winner is named"
    if run.facts.goal.several:
        return front_sentences.headline(run)
    best, against = standing.winner(run), standing.comparison(run)
    if best is None:
        return f"Search under {run.facts.budget}: no winner yet"
    if against is None:
        return f"{words.capital(best.title)} leads under {run.facts.budget}"
    said = {
        "better": "is better than",
        "worse": "is worse than",
        "not shown": "wins the search; not shown to differ from",
    }[against.verdict]
    return f"{words.capital(best.title)} {said} {against.reference.title}"


def _interval(row: NetworkRow) -> str:
    return words.interval(row.ci) if row.ci else ""


def _blocks(run: RunRecords) -> dict[str, Any] | None:
    """One network's table of blocks beside what a winner is held against: the winner's; before there is one, the
    leader's; of a demonstration, which names none, its first complete network's as an example."""
    complete = [record for record in run.trials if record.val_accuracy is not None]
    best = standing.winner(run)
    if not complete and best is None:
        return None
    if best is not None:
        subject, why = best, "the winner"
    elif standing.is_demo(run.facts):
        subject, why = complete[0], "an example, the first complete trial"
    elif run.facts.goal.several:
        subject, why = evidence.finalists(run.trials, 1)[0], "the front’s most accurate, by its own score"
    else:
        leader = evidence.finalists(run.trials, 1, run.facts.goal)[0]
        subject, why = leader, "leading so far, not confirmed"
    return {"subject": subject, "why": why, **_lines(run, subject)}


def _lines(run: RunRecords, subject: Record) -> dict[str, Any]:
    deployed = run.facts.budget.deployed
    base_record = standing.kin(run, subject)
    other = base_record.spec if base_record is not None else None
    lines = differences.differences(deployed(subject.spec), deployed(other) if other else None)
    return {
        "reference": base_record,
        "lines": lines,
        "total": sum(line.macs for line in lines),
        "differing": [line for line in lines if other and (line.change or line.macs)],
    }
