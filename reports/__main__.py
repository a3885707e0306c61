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
        from nas.run import Run

        run = Run.load(study, runs=runs, storage=storage)
        page = run.report()
    from nas.show import finish

    finish(run.records, page, as_json=as_json)


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
app.command(cls=OneLine)(report)

if __name__ == "__main__":
    app(prog_name="python -m reports")
