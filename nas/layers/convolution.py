"""The layer of ``nas.blocks.Convolution``."""

from torch import nn

from nas.blocks import Convolution, Shape
from nas.layers.base import conv_norm


def convolution(block: Convolution, shape: Shape) -> nn.Module:
    return nn.Sequential(
        *conv_norm(
            shape.channels, block.out, block.kernel, stride=block.stride, act=block.activation, eps=block.norm_eps
        )
    )
