"""The layer of ``nas.blocks.Pooling``."""

from torch import nn

from nas.blocks import Pooling, Shape


def pooling(block: Pooling, shape: Shape) -> nn.Module:
    return nn.AdaptiveAvgPool2d(1) if block.operation == "average" else nn.AdaptiveMaxPool2d(1)
