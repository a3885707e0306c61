"""What an architecture costs, in closed form: block by block, and in all.

"MFLOPs" on the command line, in tables and on axes means 10⁶ multiply-adds (MACs) of convolutions and linear layers,
the convention of the MobileNet papers.
"""

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


def block_cost(block: Block, shape: Shape) -> Cost:
    """A block's cost for one image of this shape, remembered."""
    return block.placed(shape).cost


def cost(spec: ArchSpec) -> Cost:
    """MACs and parameters summed over the blocks, peak activation bytes of the fullest one; batch 1, fp32."""
    macs = params = kernels = operators = peak = 0
    for one in spec.costs():
        macs += one.macs
        params += one.params
        kernels += one.kernels
        operators += one.operators
        if one.peak_activation_bytes > peak:
            peak = one.peak_activation_bytes
    return Cost(macs=macs, params=params, kernels=kernels, peak_activation_bytes=peak, operators=operators)


def ledger(spec: ArchSpec) -> list[LedgerRow]:
    """Where the cost goes, one row a block; the rows sum to ``cost(spec)``."""
    return [
        LedgerRow(f"blocks[{index}]", block.kind, shape, out, cost)
        for index, (block, shape, (out, cost)) in enumerate(spec.placed())
    ]
