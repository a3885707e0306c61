"""What an architecture costs, in closed form: block by block, and in all.

"MFLOPs" on the command line, in tables and on axes means 10⁶ multiply-adds (MACs) of convolutions and linear layers,
the convention of the MobileNet papers.
"""

from functools import lru_cache
from typing import NamedTuple

from nas.arch import ArchSpec
from nas.blocks import Block, Cost, Shape

__all__ = ["Cost", "LedgerRow", "block_cost", "cost", "ledger"]


class LedgerRow(NamedTuple):
    """One block of the ledger; ``name`` is its place in the spec, ``blocks[3]``."""

    name: str
    kind: str
    shape: Shape
    out: Shape
    cost: Cost


@lru_cache(maxsize=65536)
def block_cost(block: Block, shape: Shape) -> Cost:
    """A block's cost for one image of this shape, remembered: a space has few distinct blocks."""
    return block.cost(shape)


def cost(spec: ArchSpec) -> Cost:
    """MACs and parameters summed over the blocks, peak activation bytes of the fullest one; batch 1, fp32."""
    macs = params = peak = 0
    for row in spec.rows():
        one = block_cost(row.block, row.shape)
        macs += one.macs
        params += one.params
        peak = max(peak, one.peak_activation_bytes)
    return Cost(macs=macs, params=params, peak_activation_bytes=peak)


def ledger(spec: ArchSpec) -> list[LedgerRow]:
    """Where the cost goes, one row a block; the rows sum to ``cost(spec)``."""
    return [
        LedgerRow(row.name, row.block.kind, row.shape, row.out, block_cost(row.block, row.shape)) for row in spec.rows()
    ]
