"""``python -m nas.profile mobilenet_v3_small``: where a network's multiply-adds, parameters and bytes go."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from nas.command import OneLine, mended_by_user
from nas.errors import NasError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from nas.arch import ArchSpec

HELP = """Show what every block of a network costs.

NAME is a published network (--list shows them), NAME@WIDTH the same with so many times the channels, or a .json file
with an architecture, as ArchSpec.to_json writes it. Without options it is counted in its native form.

MFLOPs and MMACs mean 10⁶ multiply-adds of convolutions and linear layers for one image, the convention of the MobileNet
papers.

Examples:

\b
  python -m nas.profile mobilenet_v3_small
  python -m nas.profile mobilenet_v3_large@0.75 --resolution 128
  python -m nas.profile mobilenet_v3_small --resolution 32 --classes 10 --strides cifar
  python -m nas.profile --list
"""

MFLOPS = (
    "MFLOPs, MMACs: 10⁶ multiply-adds of convolutions and linear layers for one image; batch norm folds into its "
    "convolution. Peak: the most that activations take at once in 10³ bytes, fp32, batch 1."
)

WIDE = 120  # columns; from there on a row has room for whole shapes, and for whole sources

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiled:
    """What is shown: an architecture in one form, and what is known of it."""

    name: str
    title: str
    source: str | None  # of a published network; None: it is a file
    spec: "ArchSpec"


@app.command(help=HELP, cls=OneLine)
def profile(
    name: Annotated[str | None, typer.Argument(metavar="NAME", show_default=False)] = None,
    resolution: Annotated[int | None, typer.Option(metavar="PX", help="Count at PX × PX; default: its own.")] = None,
    classes: Annotated[int | None, typer.Option(metavar="N", help="Count with N classes; default: its own.")] = None,
    strides: Annotated[
        str | None, typer.Option(metavar="NAME", help="published, or cifar: those for images below 64 px.")
    ] = None,
    list_all: Annotated[bool, typer.Option("--list", help="Show the published networks there are.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    with mended_by_user():
        if list_all:
            if (name, resolution, classes, strides) != (None, None, None, None):
                raise NasError("--list shows every published network in its native form: leave the others out")
            if as_json:
                print(json.dumps(references_json(), indent=2))
            else:
                out = _console()
                out.print(references_table(width=out.width))
            return
        if name is None:
            raise NasError("which network? python -m nas.profile NAME, or --list for those there are")
        found = find(name, resolution=resolution, classes=classes, strides=strides)
        if as_json:
            print(json.dumps(profile_json(found), indent=2))
            return
        out = _console()
        out.print(profile_table(found, width=out.width))
        for line in ("", MFLOPS, f"source: {found.source}" if found.source else f"file: {found.name}"):
            out.print(line)


def _console() -> "Console":
    from rich.console import Console

    return Console(highlight=False, markup=False)


def find(
    name: str, *, resolution: int | None = None, classes: int | None = None, strides: str | None = None
) -> Profiled:
    """A published network or the architecture in a file, in the form asked for; None: as it is.

    Raises ``NasError`` for an unknown name, a file that cannot be read or is no architecture, and an impossible form.
    """
    from nas.arch import Strides

    for option, value in (("--resolution", resolution), ("--classes", classes)):
        if value is not None and value < 1:
            raise NasError(f"{option} {value}: must be at least 1")
    if strides is not None and strides not in get_args(Strides):
        raise NasError(f"--strides {strides}: there are {' and '.join(get_args(Strides))}")
    found = _read(name) if name.endswith(".json") else _reference(name)
    form: Strides | None = strides  # type: ignore[assignment]  # the two names were checked above
    try:
        spec = found.spec.at(resolution=resolution, classes=classes, strides=form)
    except NasError as error:
        raise NasError(f"{name}: {error}") from None
    return Profiled(name=found.name, title=found.title, source=found.source, spec=spec)


def _reference(name: str) -> Profiled:
    from search_spaces import find_reference

    reference = find_reference(name)
    return Profiled(name=reference.name, title=reference.title, source=reference.source, spec=reference.spec())


def _read(name: str) -> Profiled:
    from nas.arch import ArchSpec

    try:
        spec = ArchSpec.from_json(Path(name).read_bytes())
    except OSError as error:
        raise NasError(f"{name}: {error.strerror or 'cannot be read'}") from None
    except NasError as error:
        raise NasError(f"{name}: {error}") from None
    return Profiled(name=name, title=Path(name).stem, source=None, spec=spec)


# ---- one network


def profile_table(found: Profiled, *, width: int) -> "Table":
    """Block by block, in so many columns of text: with whole shapes where they have room, otherwise with the side of
    the map that each block puts out."""
    from rich import box
    from rich.table import Table

    from nas.cost import cost, ledger
    from reports.stages import places

    spec, total, wide = found.spec, cost(found.spec), width >= WIDE
    rows = [
        (
            *_place(place),
            row.block.words(row.shape).replace(" channels", ""),
            f"{_shape(row.shape)} → {_shape(row.out)}" if wide else f"{row.out.height}",
            f"{line.cost.macs / 1e6:,.2f}" if line.cost.macs else "",
            f"{100 * line.cost.macs / total.macs:.1f}" if line.cost.macs else "",
            f"{line.cost.params / 1e3:,.1f}" if line.cost.params else "",
            f"{line.cost.peak_activation_bytes / 1e3:,.0f}",
        )
        for line, (place, row) in zip(ledger(spec), places(spec), strict=True)
    ]
    in_all = (
        f"{total.macs / 1e6:,.2f}",
        "100",
        f"{total.params / 1e3:,.1f}",
        f"{total.peak_activation_bytes / 1e3:,.0f}",
    )
    shown = Table(
        title=f"{found.title}: {total.macs / 1e6:,.1f} MFLOPs, {total.params / 1e6:,.2f} M parameters\n"
        f"at {spec.resolution} px, {spec.classes} classes, {spec.strides} strides",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0) if wide else 0,
        show_edge=False,
        show_footer=True,
    )
    shown.add_column("place", "total", no_wrap=True)
    shown.add_column("block, channels", f"{len(rows)} blocks")
    heads, feet = ("input → output" if wide else "px", "MMACs", "%", "params\nK", "peak\nKB"), ("", *in_all)
    for head, foot in zip(heads, feet, strict=True):
        shown.add_column(head, foot, justify="left" if wide and not foot else "right", no_wrap=True)
    # what the other columns leave for the words, which are then folded between two facts and never inside one
    others = [("place", *heads), ("total", *feet), *((short, *cells) for _, short, _, *cells in rows)]
    taken = sum(max(len(line) for cell in column for line in cell.split("\n")) for column in zip(*others, strict=True))
    room = width - taken - (2 if wide else 1) * len(shown.columns) + 1
    for index, (part, short, words, *cells) in enumerate(rows):
        if index and part != rows[index - 1][0]:
            shown.add_section()
        shown.add_row(short, _folded(words, room), *cells)
    return shown


def _folded(words: str, width: int) -> str:
    """Lines of at most ``width`` characters where the facts between commas allow it."""
    lines = [""]
    for fact in words.split(", "):
        if lines[-1] and len(f"{lines[-1]}, {fact}") > width:
            lines[-1] += ","
            lines.append(fact)
        else:
            lines[-1] += f", {fact}" if lines[-1] else fact
    return "\n".join(lines)


def _place(place: str) -> tuple[str, str]:
    """``stage 3 block 2`` → ``stage 3`` and ``3.2``, ``head linear 1`` → ``head`` twice."""
    part, *more = place.split()
    if part == "stage":
        return f"{part} {more[0]}", f"{more[0]}.{more[2]}"
    return part, part


def _shape(shape: tuple[int, int, int]) -> str:
    return "×".join(str(side) for side in shape)


def profile_json(found: Profiled) -> dict[str, Any]:
    """The document of ``--json``: the network, and every block with its share of the multiply-adds."""
    from nas.cost import cost, ledger
    from reports.stages import places

    spec, total = found.spec, cost(found.spec)
    return {
        "name": found.name,
        "title": found.title,
        "source": found.source,
        "resolution": spec.resolution,
        "classes": spec.classes,
        "strides": spec.strides,
        "macs": total.macs,
        "params": total.params,
        "peak_activation_bytes": total.peak_activation_bytes,
        "blocks": [
            {
                "name": line.name,
                "place": place,
                "kind": line.kind,
                "words": row.block.words(row.shape),
                "input": list(line.shape),
                "output": list(line.out),
                "macs": line.cost.macs,
                "params": line.cost.params,
                "peak_activation_bytes": line.cost.peak_activation_bytes,
                "macs_share": line.cost.macs / total.macs,
            }
            for line, (place, row) in zip(ledger(spec), places(spec), strict=True)
        ],
    }


# ---- the published networks


def references_table(*, width: int) -> "Table":
    """Every published network in its native form; in few columns of text only the paper of its source."""
    from rich import box
    from rich.table import Table

    from nas.cost import cost
    from search_spaces import REFERENCES

    wide = width >= WIDE
    shown = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0) if wide else 0, show_edge=False)
    shown.add_column("name", no_wrap=True)
    for head in ("px", "classes", "MFLOPs", "params\nM"):
        shown.add_column(head, justify="right", no_wrap=True)
    shown.add_column("source")
    for name, reference in REFERENCES.items():
        spec = reference.spec()
        total = cost(spec)
        shown.add_row(
            name,
            f"{spec.resolution}",
            f"{spec.classes}",
            f"{total.macs / 1e6:,.1f}",
            f"{total.params / 1e6:,.2f}",
            reference.source if wide else _paper(reference.source),
        )
    return shown


def _paper(source: str) -> str:
    """``arXiv 1905.02244`` of ``Howard et al. 2019, arXiv 1905.02244, table 2``, or whose it is."""
    parts = source.split(", ")
    return next((part for part in parts if part.startswith("arXiv ")), parts[0])


def references_json() -> dict[str, Any]:
    """The document of ``--list --json``; ``cifar_steps`` is null for a network with no rule for small images."""
    from nas.cost import cost
    from search_spaces import REFERENCES

    references = []
    for name, reference in REFERENCES.items():
        spec = reference.spec()
        total = cost(spec)
        references.append(
            {
                "name": name,
                "title": reference.title,
                "source": reference.source,
                "space": reference.space,
                "resolution": spec.resolution,
                "classes": spec.classes,
                "macs": total.macs,
                "params": total.params,
                "peak_activation_bytes": total.peak_activation_bytes,
                "cifar_steps": spec.cifar_steps,
            }
        )
    return {"names": list(REFERENCES), "references": references}


if __name__ == "__main__":
    app(prog_name="python -m nas.profile")
