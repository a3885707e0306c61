"""``python -m nas.latency``: the tables that latencies are predicted by, on this machine and on others."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.command import OneLine, mended_by_user
from nas.errors import NasError

if TYPE_CHECKING:
    from nas.arch import ArchSpec
    from nas.latency.build import Form
    from nas.space import Space

HELP = """Latency tables: measured once, block by block, and used to predict whole networks.

For a device that is not here, write a pack, run it there with Python and onnxruntime, and import what it leaves:

\b
  python -m nas.latency pack --space mobilenet_v3 --out pack.zip
  python pack.zip device.csv                                       (on the device)
  python -m nas.latency import device.csv --name my-phone
  python -m nas.search --budget-latency-ms 20 --latency-target my-phone
"""

app = typer.Typer(help=HELP, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

SpaceName = Annotated[str, typer.Option("--space", metavar="NAME", help="As nas.search takes it.")]
Resolution = Annotated[int, typer.Option("--budget-resolution", metavar="PX", help="Measured at PX × PX.")]
Classes = Annotated[int, typer.Option("--budget-classes", metavar="N", help="With N classes.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


@app.command("list", cls=OneLine)
def list_tables(as_json: AsJson = False) -> None:
    """Show the tables there are: targets of this machine, and devices."""
    with mended_by_user():
        from nas.latency.table import folder, read

        tables = [read(path) for path in sorted(folder().glob("*.json"))] if folder().is_dir() else []
        if as_json:
            document = [
                {
                    "name": table.name,
                    "fingerprint": table.fingerprint,
                    "blocks": len(table.blocks),
                    "networks": len(table.networks),
                    "calibrations": {
                        key: {"error": fit.error, "error_95": fit.error_95, "spearman": fit.spearman}
                        for key, fit in table.calibrations.items()
                    },
                }
                for table in tables
            ]
            print(json.dumps(document, indent=2))
            return
        for table in tables:
            print(f"{table.name}: {table.fingerprint}; {len(table.blocks):,} blocks, {len(table.networks)} networks")
            for key, fit in table.calibrations.items():
                print(f"  {key}: off by {fit.error:.1%} in the median, {fit.error_95:.1%} at most in 95%")
        if not tables:
            print("no tables yet: `python -m nas.latency build`, or a search with --budget-latency-ms, makes one")


@app.command(cls=OneLine)
def build(
    space: SpaceName = "mobilenet_v3",
    latency_target: Annotated[
        str, typer.Option(metavar="NAME", help="onnxruntime-cpu, torch-cpu or torch-cuda.")
    ] = "onnxruntime-cpu",
    budget_resolution: Resolution = 224,
    budget_classes: Classes = 1000,
    as_json: AsJson = False,
) -> None:
    """Measure the table for a space here and now, as a search would before it begins."""
    with mended_by_user():
        from dataclasses import asdict

        from nas.latency.build import words
        from nas.latency.find import find, predictor, stopwatch_for

        found = find(latency_target)
        if found.target is None:
            raise NasError(f"--latency-target {latency_target}: measured elsewhere; there is nothing to build here")
        function, form, key = _form(space, budget_resolution, budget_classes)
        predictor(found, function, form, key=key, say=_say, stopwatch=stopwatch_for(found))
        if as_json:
            document = {"name": found.table.name, "fingerprint": found.table.fingerprint, "path": str(found.path)}
            print(json.dumps({**document, "calibration": asdict(found.table.calibrations[key])}, indent=2))
            return
        print(words(found.table, key))
        print(f"table: {found.path}")


@app.command(cls=OneLine)
def pack(
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write it.")] = Path("pack.zip"),
    space: SpaceName = "mobilenet_v3",
    budget_resolution: Resolution = 224,
    budget_classes: Classes = 1000,
) -> None:
    """Write the blocks of a space and a small runner, to be run on another device: python pack.zip device.csv"""
    with mended_by_user():
        from nas.latency.pack import pack as write

        function, form, key = _form(space, budget_resolution, budget_classes)
        count = write(function, form, out, key=key, say=_say)
        print(f"{out}: {count:,} blocks, {out.stat().st_size / 1e6:.1f} MB, for {key}")
        print(f"on the device, with onnxruntime installed: python {out.name} device.csv")


@app.command("import", cls=OneLine)
def import_csv(
    csv: Annotated[Path, typer.Argument(metavar="CSV", help="What the runner left.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="What --latency-target will call it.")],
) -> None:
    """Make what was measured on another device a latency target."""
    with mended_by_user():
        from nas.latency.bring import bring
        from nas.latency.build import words
        from nas.latency.table import path_of
        from nas.latency.targets import TARGETS

        if not name.strip() or any(character in name for character in "/\\") or name.startswith("."):
            raise NasError(f"--name {name!r}: a name becomes a file; use letters, digits, - and _")
        if any(name == target or name.startswith(f"{target}-") for target in TARGETS):
            raise NasError(f"--name {name}: begins as a target of this machine does; choose another")
        table = bring(csv, name)
        table.save(path_of(table, device=True))
        for key in table.calibrations:
            print(words(table, key))
        print(f"python -m nas.search --budget-latency-ms MS --latency-target {name}")


def _form(name: str, resolution: int, classes: int) -> "tuple[Space, Form, str]":
    """A space, the form in which its networks are measured, and the name of the two."""
    import random

    from nas.draw import draw
    from nas.errors import SpecError
    from nas.latency.find import calibration_key
    from search_spaces import find_space

    for flag, value in (("--budget-resolution", resolution), ("--budget-classes", classes)):
        if value < 1:
            raise NasError(f"{flag} {value}: must be at least 1")
    space = find_space(name)

    def form(spec: "ArchSpec") -> "ArchSpec":
        try:
            return spec.at(resolution=resolution, classes=classes, strides="published")
        except SpecError as error:
            raise NasError(f"--budget-resolution {resolution}: {error}") from None

    form(draw(space, random.Random(0)).spec)
    return space, form, calibration_key(name, space, resolution=resolution, classes=classes)


def _say(text: str) -> None:
    typer.echo(text, err=True)


if __name__ == "__main__":
    app(prog_name="python -m nas.latency")
