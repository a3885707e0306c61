"""``python -m reports STUDY``: the report again, from what is recorded; with several, a comparison of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from nas.command import OneLine, mended_by_user
from nas.errors import NasError

COMPARED = ("search", "ablation")  # kinds of runs that can stand beside each other


def report(
    studies: Annotated[list[str], typer.Argument(metavar="STUDY...", help="A study's name; `nas list` shows them.")],
    runs: Annotated[Path, typer.Option(metavar="DIR", help="Where results are written.")] = Path("runs"),
    storage: Annotated[
        str | None, typer.Option(metavar="URL", help="Optuna storage; default: sqlite:///runs/nas.db.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Write a run's report again and print its table. Several studies: one page that compares them, ablations with
    ablations or searches with searches."""
    with mended_by_user():
        from nas.storage import default_url, kind_of, open_existing

        if len(studies) > 1:
            _compare(studies, runs, storage, as_json=as_json)
            return
        (study,) = studies
        kind = kind_of(open_existing(storage or default_url(runs)), study)
        write_again = {"baselines": _baselines, "ablation": _ablation}.get(kind, _search)
        write_again(study, runs, storage, as_json=as_json)


def _search(study: str, runs: Path, storage: str | None, *, as_json: bool) -> None:
    from nas.run import Run
    from nas.show import finish

    run = Run.load(study, runs=runs, storage=storage)
    finish(run.records, run.report(), as_json=as_json)


def _baselines(study: str, runs: Path, storage: str | None, *, as_json: bool) -> None:
    from nas.show_baselines import finish
    from nas.storage import default_url, open_existing, read_baselines
    from reports import write_baselines

    run = read_baselines(open_existing(storage or default_url(runs)), study)
    finish(run, write_baselines(run, runs / study / "report"), as_json=as_json)


def _ablation(study: str, runs: Path, storage: str | None, *, as_json: bool) -> None:
    from nas.show_ablation import finish
    from nas.storage import default_url, open_existing, read_ablation
    from reports import write_ablation

    run = read_ablation(open_existing(storage or default_url(runs)), study)
    finish(run, write_ablation(run, runs / study / "report"), as_json=as_json)


def _compare(studies: Sequence[str], runs: Path, storage: str | None, *, as_json: bool) -> None:
    """Raises ``NasError`` for a study named twice, and for kinds that cannot stand beside each other."""
    from nas.storage import default_url, kind_of, open_existing, read_ablation, read_run
    from reports.comparison_page import folder_for, write_ablations, write_searches

    store = open_existing(storage or default_url(runs))
    for study in studies:
        if studies.count(study) > 1:
            raise NasError(f"STUDY {study}: named twice; name studies that differ")
    kinds = {study: kind_of(store, study) for study in studies}
    first = kinds[studies[0]]
    for study, kind in kinds.items():
        if kind not in COMPARED:
            raise NasError(f"STUDY {study}: {kind} cannot be compared with another study; name searches or ablations")
        if kind != first:
            raise NasError(f"STUDY {study}: is of kind {kind}, {studies[0]} of kind {first}; name studies of one kind")
    folder = folder_for(studies, runs)
    if first == "ablation":
        from nas.ablation_document import ablation_json
        from nas.ablation_evidence import headline

        ablations = [read_ablation(store, study) for study in studies]
        page = write_ablations(ablations, folder)
        documents = [ablation_json(run, headline(run)) for run in ablations] if as_json else []
    else:
        from nas.show import run_json

        searches = [read_run(store, study) for study in studies]
        page = write_searches(searches, folder)
        documents = [run_json(run) for run in searches] if as_json else []
    _say(page, documents, as_json=as_json)


def _say(page: Path, documents: Sequence[object], *, as_json: bool) -> None:
    import json

    from rich.console import Console

    Console(stderr=as_json).print(f"report: {page}", soft_wrap=True, highlight=False, markup=False)
    if as_json:
        print(json.dumps({"studies": documents, "report": str(page)}, indent=2))


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
app.command(cls=OneLine)(report)

if __name__ == "__main__":
    app(prog_name="python -m reports")
