"""One network as tables: block by block, and by kind of operator."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nas.blocks.base import FLOAT_BYTES
from nas.blocks.operators import Operator
from nas.profile.count import Count
from nas.profile.kinds import by_kind, kind_words
from nas.profile.network import Profiled

if TYPE_CHECKING:
    from rich.table import Table

    from nas.arch import Row

WIDE = 120  # columns; from there on a row has room for whole shapes, and for whole sources

NOTES = (
    "Peak: the most that activations take at once in 10³ bytes, fp32, batch 1.",
    "Touched: elements of activations read and written, each operator run by itself; most runtimes fuse batch norms "
    "and activations into the convolution before them.",
)


def profile_table(found: Profiled, *, width: int, count: Count, operators: bool = False) -> "Table":
    """Block by block, in so many columns of text: with whole shapes where they have room, otherwise with the side of
    the map that each block puts out. With ``operators`` every block is followed by what it is made of; the peak is
    then what is held during each."""
    from nas.cost import cost, ledger
    from reports.stages import places

    spec, total, wide, latency = found.spec, cost(found.spec), width >= WIDE, found.latency

    def numbers(macs: int, params: int, live_bytes: int) -> list[str]:
        return [
            count.text(macs) if macs else "",
            f"{100 * macs / total.macs:.1f}" if macs else "",
            f"{params / 1e3:,.1f}" if params else "",
            f"{live_bytes / 1e3:,.0f}",
        ]

    def milliseconds(name: str) -> list[str]:
        if latency is None:
            return []
        return [f"{latency.blocks_ms[name]:.3f}" if name in latency.blocks_ms else ""]

    untimed = [] if latency is None else [""]
    rows: list[tuple[str, list[str]]] = []  # the part of the network, and cells
    for line, (place, row) in zip(ledger(spec), places(spec), strict=True):
        part, short = short_place(place)
        one = line.cost
        costs = numbers(one.macs, one.params, one.peak_activation_bytes)
        rows.append((part, [short, block_words(row), _map(row, wide), *costs, *milliseconds(line.name)]))
        for operator in row.block.operators(row.shape) if operators else ():
            costs = numbers(operator.macs, operator.params, FLOAT_BYTES * operator.live)
            out = shape_words(operator.out) if wide else f"{operator.out.height}"
            rows.append((part, ["", f"· {operator_words(operator)}", out, *costs, *untimed]))
    whole = numbers(total.macs, total.params, total.peak_activation_bytes)
    foot = ["total", f"{len(spec.blocks)} blocks", "", whole[0], "100", *whole[2:]]
    heads = [
        "place",
        "block, channels",
        "input → output" if wide else "px",
        count.millions,
        "%",
        "params\nK",
        "peak\nKB",
    ]
    if latency is not None:
        heads, foot = [*heads, "ms"], [*foot, f"{latency.total_ms:.2f}"]
    shown = plain_table(heads, foot, wide=wide, left=("input → output",))
    shown.title = (
        f"{found.title}: {count.each * total.macs / 1e6:,.1f} {count.title}, {total.params / 1e6:,.2f} M parameters"
        + (f", {latency.total_ms:.2f} ms on {latency.device}" if latency is not None else "")
        + f"\nat {found.form}"
    )
    add_folded(shown, rows, heads, foot, words=(1,), width=width, wide=wide)
    return shown


def kinds_table(found: Profiled, *, count: Count) -> "Table":
    """Where multiply-adds, parameters and the traffic of activations go by kind of operator."""
    sums = by_kind(found.spec)
    macs, params, touched = (sum(getattr(one, what) for one in sums) for what in ("macs", "params", "touched"))

    def cells(value: int, whole: int, text: str) -> list[str]:
        return [text, f"{100 * value / whole:.1f}"] if value else ["", ""]

    heads = ["operator", "number", count.millions, "%", "params\nK", "%", "touched\nM", "%"]
    foot = [
        "total",
        f"{sum(one.operators for one in sums)}",
        count.text(macs),
        "100",
        f"{params / 1e3:,.1f}",
        "100",
        f"{touched / 1e6:,.2f}",
        "100",
    ]
    shown = plain_table(heads, foot, wide=True)
    for one in sums:
        shown.add_row(
            kind_words(one.kind),
            f"{one.operators}",
            *cells(one.macs, macs, count.text(one.macs)),
            *cells(one.params, params, f"{one.params / 1e3:,.1f}"),
            *cells(one.touched, touched, f"{one.touched / 1e6:,.2f}"),
        )
    return shown


# ---- pieces that other tables use too


def plain_table(heads: Sequence[str], foot: Sequence[str], *, wide: bool, left: Sequence[str] = ()) -> "Table":
    """Columns of numbers behind a first one of words."""
    from rich import box
    from rich.table import Table

    shown = Table(
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0) if wide else 0,
        show_edge=False,
        show_footer=True,
    )
    for index, (head, below) in enumerate(zip(heads, foot, strict=True)):
        words = index == 0 or "block" in head or head in left
        shown.add_column(head, below, justify="left" if words else "right", no_wrap="block" not in head)
    return shown


def add_folded(
    shown: "Table",
    rows: Sequence[tuple[str, list[str]]],
    heads: Sequence[str],
    foot: Sequence[str],
    *,
    words: Sequence[int],
    width: int,
    wide: bool,
) -> None:
    """Rows by part of the network. What the other columns leave is for those of ``words``, which are folded between
    two facts and never inside one."""
    columns = list(zip(heads, foot, *(cells for _, cells in rows), strict=True))
    taken = sum(
        max(len(line) for cell in column for line in cell.split("\n"))
        for index, column in enumerate(columns)
        if index not in words
    )
    room = (width - taken - (2 if wide else 1) * len(columns) + 1) // len(words)
    for index, (part, cells) in enumerate(rows):
        if index and part != rows[index - 1][0]:
            shown.add_section()
        shown.add_row(*(_folded(cell, room) if number in words else cell for number, cell in enumerate(cells)))


def _folded(words: str, width: int) -> str:
    """Lines of at most ``width`` characters where the facts between commas allow it."""
    first, *others = words.replace(", ", ",\n").split("\n")
    lines = [first]
    for fact in others:
        if len(lines[-1]) + 1 + len(fact) > width:
            lines.append(fact)
        else:
            lines[-1] += f" {fact}"
    return "\n".join(lines)


def short_place(place: str) -> tuple[str, str]:
    """``stage 3 block 2`` → ``stage 3`` and ``3.2``, ``head linear 1`` → ``head`` twice."""
    part, *more = place.split()
    if part == "stage":
        return f"{part} {more[0]}", f"{more[0]}.{more[2]}"
    return part, part


def block_words(row: "Row") -> str:
    return row.block.words(row.shape).replace(" channels", "")


def operator_words(operator: Operator) -> str:
    """``SE pointwise 1×1, 96 → 24``, ``hardswish``."""
    kind = "" if operator.kind == "activation" else f"{kind_words(operator.kind)} "
    words = operator.words.replace(" channels", "")
    return f"{'SE ' if operator.squeeze_excite else ''}{kind}{words}"


def shape_words(shape: tuple[int, int, int]) -> str:
    return "×".join(str(side) for side in shape)


def _map(row: "Row", wide: bool) -> str:
    return f"{shape_words(row.shape)} → {shape_words(row.out)}" if wide else f"{row.out.height}"
