"""Two networks side by side."""

from typing import TYPE_CHECKING, Any

from nas.errors import NasError
from nas.profile.count import Count
from nas.profile.document import profile_json
from nas.profile.kinds import ORDER, by_kind, kind_words
from nas.profile.network import Profiled
from nas.profile.table import WIDE, add_folded, block_words, plain_table, short_place

if TYPE_CHECKING:
    from rich.table import Table

    from nas.arch import Row


def ensure_one_form(found: Profiled, other: Profiled) -> None:
    """Raises ``NasError`` unless both are counted for the same images: costs in two forms cannot be compared."""
    if found.form != other.form:
        raise NasError(
            f"--against {other.name}: it is counted at {other.form}, {found.name} at {found.form}; "
            "give --resolution, --classes and --strides to count both in one form"
        )


def against_table(found: Profiled, other: Profiled, *, width: int, count: Count) -> "Table":
    """Blocks of the same place beside each other, with what each costs and what the second costs more."""
    from nas.cost import block_cost, cost
    from reports.stages import side_by_side

    wide, networks = width >= WIDE, (found, other)
    timed = all(one.latency is not None for one in networks)
    totals = [cost(one.spec) for one in networks]

    def side(row: "Row | None", network: Profiled) -> list[str]:
        if row is None:
            return ["–", "", *([""] if wide else []), *([""] if timed else [])]
        one = block_cost(row.block, row.shape)
        cells = [block_words(row), count.text(one.macs) if one.macs else ""]
        if wide:
            cells.append(f"{one.params / 1e3:,.1f}" if one.params else "")
        if timed and network.latency is not None:
            cells.append(f"{network.latency.blocks_ms.get(row.name, 0.0):.3f}")
        return cells

    def macs(row: "Row | None") -> int:
        return 0 if row is None else block_cost(row.block, row.shape).macs

    rows = []
    for pair in side_by_side(found.spec, other.spec):
        part, short = short_place(pair.place)
        more = macs(pair.other) - macs(pair.mine)
        cells = [short, *side(pair.mine, found), *side(pair.other, other), signed(more, count) if more else ""]
        rows.append((part, cells))
    heads, foot, columns = ["place"], ["total"], []
    for network, total in zip(networks, totals, strict=True):
        columns.append(len(heads))
        heads += [f"block of\n{network.name}", count.millions]
        foot += [f"{len(network.spec.blocks)} blocks", count.text(total.macs)]
        if wide:
            heads, foot = [*heads, "params\nK"], [*foot, f"{total.params / 1e3:,.1f}"]
        if timed and network.latency is not None:
            heads, foot = [*heads, "ms"], [*foot, f"{network.latency.total_ms:.2f}"]
    heads.append(f"{count.millions}\nmore")
    foot.append(signed(totals[1].macs - totals[0].macs, count))
    shown = plain_table(heads, foot, wide=wide)
    shown.title = "\n".join(
        f"{network.title}: {count.each * total.macs / 1e6:,.1f} {count.title}, {total.params / 1e6:,.2f} M parameters, "
        f"peak {total.peak_activation_bytes / 1e3:,.0f} KB"
        for network, total in zip(networks, totals, strict=True)
    )
    shown.title += f"\nat {found.form}"
    add_folded(shown, rows, heads, foot, words=columns, width=width, wide=wide)
    return shown


def kinds_against_table(found: Profiled, other: Profiled, *, count: Count) -> "Table":
    """The kinds of operator in both."""
    sides = [{one.kind: one for one in by_kind(network.spec)} for network in (found, other)]
    shown_as = (
        ("macs", count.millions, count.each / 1e6, 2),
        ("params", "params K", 1e-3, 1),
        ("touched", "touched M", 1e-6, 2),
    )
    heads, foot = ["operator"], ["total"]
    cells: dict[str, list[str]] = {kind: [] for side in sides for kind in side}
    for what, head, scale, digits in shown_as:
        for side, which in zip(sides, ("first", "second"), strict=True):
            heads.append(f"{head}\n{which}")
            foot.append(f"{scale * sum(getattr(one, what) for one in side.values()):,.{digits}f}")
            for kind, row in cells.items():
                value = getattr(side.get(kind), what, 0)
                row.append(f"{scale * value:,.{digits}f}" if value else "")
    shown = plain_table(heads, foot, wide=True)
    for kind in ORDER:
        if kind in cells:
            shown.add_row(kind_words(kind), *cells[kind])
    return shown


def signed(macs: int, count: Count) -> str:
    return f"{'+' if macs >= 0 else '−'}{count.text(abs(macs))}"


def against_json(found: Profiled, other: Profiled, *, count: Count) -> dict[str, Any]:
    """The first network's document, with the second's under ``against`` and the blocks of the same place in ``pairs``:
    names, null where one of them has no block there."""
    from reports.stages import side_by_side

    return {
        **profile_json(found, count=count),
        "against": profile_json(other, count=count),
        "pairs": [
            {
                "place": pair.place,
                "name": None if pair.mine is None else pair.mine.name,
                "against": None if pair.other is None else pair.other.name,
            }
            for pair in side_by_side(found.spec, other.spec)
        ],
    }
