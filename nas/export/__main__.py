"""``python -m nas.export STUDY --to out/``: a network to take away, checked before it is handed over."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.command import OneLine, mended_by_user

if TYPE_CHECKING:
    from nas.export.package import Exported
    from nas.export.source import Source

HELP = """Take a network away: weights, ONNX, and a model.py that needs only torch.

SOURCE is a study (its winner, with the weights of its first fresh seed), a published network (nas profile --list; also
NAME@WIDTH), or a .json file with an architecture. The last two have untrained weights unless --weights gives some.

Each file is loaded again in a process of its own and compared on real images (relative error at most 1e-5) before the
folder is there.

Examples:

\b
  python -m nas.export STUDY --to out
  python -m nas.export STUDY --trial 17 --to out
  python -m nas.export mobilenet_v3_small --weights mobilenet_v3_small.pth --to out
  python -m nas.export spec.json --resolution 96 --classes 10 --to out
"""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

STUDY, NETWORK, PLACE = "Of a study", "Of a published network or a file", "Where and how"


@app.command(help=HELP, cls=OneLine)
def export(
    source: Annotated[str, typer.Argument(metavar="SOURCE", show_default=False)],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="The folder to write.", show_default=False)],
    trial: Annotated[
        int | None, typer.Option(metavar="N", help="This trial instead of the winner.", rich_help_panel=STUDY)
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="This reference instead of the winner.", rich_help_panel=STUDY),
    ] = None,
    train: Annotated[
        bool,
        typer.Option("--train", help="Train again where the weights are not there.", rich_help_panel=STUDY),
    ] = False,
    data_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the study's images are; default: NAS_DATA_DIR.", rich_help_panel=STUDY),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="torchvision's, timm's or our own.", rich_help_panel=NETWORK),
    ] = None,
    classes: Annotated[
        int | None, typer.Option(metavar="N", help="With N classes; default: its own.", rich_help_panel=NETWORK)
    ] = None,
    resolution: Annotated[
        int | None, typer.Option(metavar="PX", help="For PX × PX; default: a study's trained form, or its own.")
    ] = None,
    strides: Annotated[
        str | None, typer.Option(metavar="NAME", help="published, or cifar: those for images below 64 px.")
    ] = None,
    runs: Annotated[Path, typer.Option(metavar="DIR", help="Where results are.", rich_help_panel=PLACE)] = Path("runs"),
    storage: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Optuna storage; default: sqlite:///runs/nas.db.", rich_help_panel=PLACE),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the files of a folder that is not empty.", rich_help_panel=PLACE)
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on stdout.", rich_help_panel=PLACE)
    ] = False,
) -> None:
    with mended_by_user():
        from rich.console import Console

        from nas.export.asked import Asked

        errors = Console(stderr=True)

        def say(line: str) -> None:
            errors.print(line, soft_wrap=True, highlight=False, markup=False)

        asked = Asked(
            source=source,
            trial=trial,
            network=network,
            train=train,
            data_dir=data_dir,
            weights=weights,
            classes=classes,
            resolution=resolution,
            strides=strides,
            runs=runs,
            storage=storage,
        )
        from nas.export.package import ensure_free, export_to
        from nas.export.source import find_source

        ensure_free(to, force=force)
        found = find_source(asked, say)
        done = export_to(to, found, force=force, say=say)
        if as_json:
            print(json.dumps(export_json(found, done), indent=2))
            return
        out = Console()
        for line in (found.title, found.weights, *found.notes, checked(done), f"done: {done.folder}"):
            out.print(line, soft_wrap=True, highlight=False, markup=False)


def checked(done: "Exported") -> str:
    """One line on how the files compared."""
    found = ", ".join(f"{kind} {error:.1e}" for kind, error in done.errors.items())
    return f"Loaded again and compared on {done.images}; relative errors: {found}."


def export_json(source: "Source", done: "Exported") -> dict[str, Any]:
    """The document of ``--json``."""
    from nas.cost import cost

    about, total = source.about, cost(source.spec)
    return {
        "to": str(done.folder),
        "files": list(done.files),
        "title": source.title,
        "study": about.study,
        "network": about.name,
        "seed": about.seed,
        "trained": source.trained,
        "weights": source.weights,
        "notes": list(source.notes),
        "val_accuracy": about.val_accuracy,
        "resolution": source.spec.resolution,
        "classes": source.spec.classes,
        "class_names": None if about.classes is None else list(about.classes),
        "strides": source.spec.strides,
        "macs": total.macs,
        "params": total.params,
        "compared_on": done.images,
        "relative_errors": done.errors,
    }


if __name__ == "__main__":
    app(prog_name="python -m nas.export")
