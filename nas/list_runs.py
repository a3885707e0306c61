"""``nas list``: the runs in a storage."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from nas.command import mended_by_user


def list_runs(
    runs: Annotated[Path, typer.Option(metavar="DIR", help="Where results are written.")] = Path("runs"),
    storage: Annotated[
        str | None, typer.Option(metavar="URL", help="Optuna storage; default: sqlite:///runs/nas.db.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Show the runs that are there."""
    with mended_by_user():
        from nas.errors import StorageError
        from nas.storage import default_url, open_existing, read_any, study_names

        url = storage or default_url(runs)
        store = open_existing(url)
        found = []
        for name in study_names(store):
            try:
                found.append(read_any(store, name))
            except StorageError as error:  # one that cannot be read does not hide the others
                print(f"{name}: {error}", file=sys.stderr)
    if as_json:
        from nas.show import summary_json

        print(json.dumps({"runs": [summary_json(run) for run in found]}, indent=2))
        return
    from rich.console import Console

    from nas.show import list_table

    Console().print(list_table(found))
