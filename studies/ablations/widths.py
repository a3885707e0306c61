"""A network at another width, where nobody published one: every channel count scaled."""

from dataclasses import replace

from nas.arch import ArchSpec
from nas.blocks import Block, Convolution, DenseLayer, DepthwiseSeparable, Fire, InvertedResidual, Linear
from search_spaces.channels import divisible


def widened(spec: ArchSpec, times: float) -> ArchSpec:
    """``spec`` with so many times the channels in every block, the classifier's hidden layer excepted.

    Multiples of eight stay that; a block that did not expand still does not. Equal channels stay equal, so that every
    shortcut is still there.
    """
    if times == 1:
        return spec
    blocks: list[Block] = []
    channels = spec.channels
    for row, block in zip(spec.rows(), spec.blocks, strict=True):
        made = _widened(block, row.shape.channels, channels, times)
        blocks.append(made)
        channels = channels + made.growth if isinstance(made, DenseLayer) else getattr(made, "out", channels)
    return replace(spec, blocks=tuple(blocks))


def _widened(block: Block, entered: int, enters: int, times: float) -> Block:
    """``entered``: channels that entered the block as it was; ``enters``: as they are now."""

    def scaled(channels: int, times: float = times) -> int:
        return divisible(channels * times) if channels % 8 == 0 else max(1, round(channels * times))

    match block:
        case InvertedResidual():
            mid = scaled(block.mid, enters / entered)  # as the MobileNets do: the expansion is of what comes in
            squeeze = scaled(block.squeeze, mid / block.mid) if block.squeeze else 0
            return replace(block, mid=mid, out=scaled(block.out), squeeze=squeeze)
        case Fire():
            expand1, expand3 = scaled(block.expand1), scaled(block.expand3)
            return replace(block, squeeze=scaled(block.squeeze), expand1=expand1, expand3=expand3)
        case DenseLayer():
            growth = max(1, round(block.growth * times))
            return replace(block, growth=growth, bottleneck=round(block.bottleneck / block.growth * growth))
        case Convolution(kernel=1) if block.out < entered:  # a transition keeps its share of what comes in
            return replace(block, out=max(1, round(block.out / entered * enters)))
        case Convolution() | DepthwiseSeparable() | Linear():
            return replace(block, out=scaled(block.out))
        case _:
            return block
