"""The command ``nas profile``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.command import OneLine, mended_by_user
from nas.errors import NasError

if TYPE_CHECKING:
    from rich.console import Console

    from nas.profile.count import Count
    from nas.profile.network import Profiled

HELP = """Show what every block of a network costs.

NAME is a published network (--list shows them), NAME@WIDTH the same with so many times the channels, or a .json file
with an architecture, as ArchSpec.to_json writes it. Without options it is counted in its native form.

MFLOPs and MMACs mean 10⁶ multiply-adds of convolutions and linear layers for one image, the convention of the MobileNet
papers; --count flops counts two operations a multiply-add.

Examples:

\b
  python -m nas.profile mobilenet_v3_small
  python -m nas.profile mobilenet_v3_large@0.75 --resolution 128
  python -m nas.profile mobilenet_v3_small --resolution 32 --classes 10 --strides cifar
  python -m nas.profile mobilenet_v3_small --against mobilenet_v2
  python -m nas.profile densenet_121 --figure densenet.svg
  python -m nas.profile squeezenet_1_1 --check
  python -m nas.profile mobilenet_v3_large --latency-target onnxruntime-cpu
  python -m nas.profile --list
"""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command(help=HELP, cls=OneLine)
def profile(
    name: Annotated[str | None, typer.Argument(metavar="NAME", show_default=False)] = None,
    resolution: Annotated[int | None, typer.Option(metavar="PX", help="Count at PX × PX; default: its own.")] = None,
    classes: Annotated[int | None, typer.Option(metavar="N", help="Count with N classes; default: its own.")] = None,
    strides: Annotated[
        str | None, typer.Option(metavar="NAME", help="published, or cifar: those for images below 64 px.")
    ] = None,
    count: Annotated[
        str, typer.Option(metavar="NAME", help="macs, or flops: two operations for each multiply-add.")
    ] = "macs",
    operators: Annotated[bool, typer.Option("--operators", help="Show what every block is made of.")] = False,
    against: Annotated[
        str | None, typer.Option(metavar="OTHER", help="Another network beside it, in the same form.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Build it and have torch and fvcore count it; status 1 if they differ.")
    ] = False,
    latency_target: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Time it: onnxruntime-cpu, torch-cpu, torch-cuda, or a device of nas.latency."
        ),
    ] = None,
    any_machine: Annotated[bool, typer.Option("--any-machine", help="Take a table of another machine.")] = False,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw it to scale of its cost: FILE.svg or FILE.png.")
    ] = None,
    list_all: Annotated[bool, typer.Option("--list", help="Show the published networks there are.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    with mended_by_user():
        if list_all:
            if (name, resolution, classes, strides, count, operators, against, check, latency_target, figure) != (
                *(None, None, None, None, "macs", False, None, False, None, None),
            ):
                raise NasError("--list shows every published network in its native form: leave the others out")
            _list(as_json)
            return
        if name is None:
            raise NasError("which network? python -m nas.profile NAME, or --list for those there are")
        if against is not None:
            for option, given in (("--operators", operators), ("--check", check), ("--figure", figure is not None)):
                if given:
                    raise NasError(f"{option}: is for one network: leave it or --against out")
        from nas.profile.count import find_count
        from nas.profile.network import find

        counted = find_count(count)
        found = find(name, resolution=resolution, classes=classes, strides=strides)
        other = None if against is None else find(against, resolution=resolution, classes=classes, strides=strides)
        if latency_target is not None:
            found = _timed(found, latency_target, any_machine=any_machine)
            other = None if other is None else _timed(other, latency_target, any_machine=any_machine)
        if other is not None:
            _against(found, other, counted, as_json)
            return
        if figure is not None:
            from nas.profile.figure import save

            save(found, figure, count=counted)
        agrees = _show(found, counted, operators=operators, check=check, figure=figure, as_json=as_json)
    if not agrees:
        raise SystemExit(1)


def _timed(found: "Profiled", target: str, *, any_machine: bool) -> "Profiled":
    """With its latency, measured now where the target is this machine's."""
    from dataclasses import replace

    from nas.latency.find import find
    from nas.latency.network import time_network
    from nas.profile.network import Latency

    table = find(target, any_machine=any_machine)
    known = time_network(found.spec, table)
    blocks = {row.name: ms for row, ms in zip(found.spec.rows(), known.blocks, strict=True)}
    return replace(found, latency=Latency(device=table.table.name, total_ms=known.ms, blocks_ms=blocks))


def _list(as_json: bool) -> None:
    from nas.profile.references import references_json, references_table

    if as_json:
        _print_json(references_json())
        return
    out = _console()
    out.print(references_table(width=out.width))


def _against(found: "Profiled", other: "Profiled", count: "Count", as_json: bool) -> None:
    from nas.profile.against import against_json, against_table, ensure_one_form, kinds_against_table

    ensure_one_form(found, other)
    if as_json:
        _print_json(against_json(found, other, count=count))
        return
    out = _console()
    out.print(against_table(found, other, width=out.width, count=count))
    out.print()
    out.print(kinds_against_table(found, other, count=count))
    _notes(out, count, found, other)


def _show(
    found: "Profiled", count: "Count", *, operators: bool, check: bool, figure: Path | None, as_json: bool
) -> bool:
    """Whether the counters agree; True where they were not asked."""
    from nas.profile.document import profile_json
    from nas.profile.table import kinds_table, profile_table

    checked = None
    if check:
        from nas.profile.check import check as count_built

        checked = count_built(found.spec)
    if as_json:
        from nas.profile.check_table import check_json

        document = profile_json(found, count=count)
        document |= {"check": None if checked is None else check_json(checked)}
        document |= {"figure": None if figure is None else str(figure)}
        _print_json(document)
    elif checked is not None:
        from nas.profile.check_table import check_lines, check_table

        out = _console()
        out.print(check_table(found, checked))
        for line in ("", *check_lines(checked)):
            out.print(line)
    else:
        out = _console()
        out.print(profile_table(found, width=out.width, count=count, operators=operators))
        out.print()
        out.print(kinds_table(found, count=count))
        _notes(out, count, found)
        if figure is not None:
            out.print(f"figure: {figure}")
    return checked is None or checked.agrees


def _notes(out: "Console", count: "Count", *networks: "Profiled") -> None:
    from nas.profile.table import NOTES

    sources = [f"source: {one.source}" if one.source else f"file: {one.name}" for one in networks]
    for line in ("", count.note, *NOTES, *dict.fromkeys(sources)):
        out.print(line)


def _print_json(document: dict[str, Any]) -> None:
    print(json.dumps(document, indent=2))


def _console() -> "Console":
    from rich.console import Console

    return Console(highlight=False, markup=False)
