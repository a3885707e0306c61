"""``python -m reports STUDY``: the report again, from what is recorded."""

from pathlib import Path
from typing import Annotated

import typer

from nas.command import OneLine, mended_by_user


def report(
    study: Annotated[str, typer.Argument(help="A study's name; `nas list` shows them.")],
    runs: Annotated[Path, typer.Option(metavar="DIR", help="Where results are written.")] = Path("runs"),
    storage: Annotated[
        str | None, typer.Option(metavar="URL", help="Optuna storage; default: sqlite:///runs/nas.db.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Write a run's report again and print its table."""
    with mended_by_user():
        from nas.storage import default_url, kind_of, open_existing

        store = open_existing(storage or default_url(runs))
        kind = kind_of(store, study)
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

    finish(read_ablation(open_existing(storage or default_url(runs)), study), None, as_json=as_json)


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
app.command(cls=OneLine)(report)

if __name__ == "__main__":
    app(prog_name="python -m reports")
