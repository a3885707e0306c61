"""How one network differs from another, block by block, in words and multiply-adds."""

from dataclasses import dataclass, fields

from nas.arch import ArchSpec, Row
from nas.blocks import Block, InvertedResidual
from nas.cost import block_cost
from reports.stages import places, side_by_side
from reports.words import signed

FACTS = {
    "mid": "expanded channels",
    "out": "output channels",
    "expand1": "1×1 expansion",
    "expand3": "3×3 expansion",
    "out_activation": "activation at the end",
    "norm": "batch norm",
    "norm_eps": "batch norm epsilon",
    "norm_momentum": "batch norm momentum",
    "hidden": "hidden layer",
    "operation": "pooling",
    "size": "pixels left a side",
    "ceil": "windows beyond the edge",
    "multiplier": "resolution multiplier",
}  # a block's facts whose names need words

OPTIONAL = ("hidden", "bottleneck")  # numbers of channels, of which 0 means none


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place of two networks. The macs of all lines sum exactly to the difference of the networks."""

    place: str  # "stage 3 block 2"
    block: str | None  # in words; None: not there
    other: str | None
    change: str  # "kernel 5 → 3, squeeze-excite removed"; empty where nothing differs
    macs: int  # of this block minus the other's

    def __str__(self) -> str:
        """``stage 3 block 2: kernel 5 → 3, squeeze-excite removed, −3.1 MMACs``."""
        return f"{self.place}: {self.change or 'the same'}, {signed(self.macs / 1e6)} MMACs"


def differences(spec: ArchSpec, other: ArchSpec | None) -> list[Difference]:
    """Every block of both networks, in order, with what it costs more or less. Give both in the same form.

    Without another network every block is simply there, with all of its cost.
    """
    if other is None:
        return [
            Difference(place=place, block=block_words(row), other=None, change="", macs=_macs(row))
            for place, row in places(spec)
        ]
    return [
        Difference(
            place=pair.place,
            block=None if pair.mine is None else block_words(pair.mine),
            other=None if pair.other is None else block_words(pair.other),
            change=_change(pair.mine, pair.other),
            macs=_macs(pair.mine) - _macs(pair.other),
        )
        for pair in side_by_side(spec, other)
    ]


def block_words(row: Row) -> str:
    """``5×5, 24 → 96 → 40 channels, SE 24, hardswish, stride 2``, and the like for other kinds."""
    return row.block.words(row.shape)


def _change(mine: Row | None, other: Row | None) -> str:
    if mine is None:
        return "block left out"
    if other is None:
        return "block added"
    if mine.block.kind != other.block.kind:
        return f"{other.block.kind} → {mine.block.kind}".replace("_", " ")
    changes = []
    for field in fields(mine.block):
        before, after = getattr(other.block, field.name), getattr(mine.block, field.name)
        if before != after:
            changes.append(_fact(mine.block, field.name, before, after))
    before, after = other.shape.channels, mine.shape.channels
    if before != after and _macs(mine) != _macs(other):  # pooling costs nothing, whatever comes in
        changes.append(f"input channels {before} → {after}")
    if not changes and _macs(mine) != _macs(other):
        changes.append(f"map {other.shape.height} → {mine.shape.height} px")
    return ", ".join(changes)


def _fact(block: Block, name: str, before: object, after: object) -> str:
    words = FACTS.get(name, name.replace("_", " "))
    optional = isinstance(after, bool) or name in OPTIONAL
    if isinstance(block, InvertedResidual) and name == "squeeze":
        words, optional = "squeeze-excite", True
        if before and after:
            return f"{words} {before} → {after} channels"
    if optional and not (before and after):
        return f"{words} {'added' if after else 'removed'}"
    return f"{words} {before} → {after}"


def _macs(row: Row | None) -> int:
    if row is None:
        return 0
    block: Block = row.block
    return block_cost(block, row.shape).macs
