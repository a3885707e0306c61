"""The torch module of each kind of block, in a file of the block's name. A contract test holds the two together."""

from collections.abc import Callable
from typing import Any

from torch import nn

from nas.blocks import Block, Shape
from nas.layers.classifier import classifier
from nas.layers.convolution import convolution
from nas.layers.inverted_residual import inverted_residual
from nas.layers.pooling import pooling

LAYERS: dict[str, Callable[[Any, Shape], nn.Module]] = {
    "convolution": convolution,
    "inverted_residual": inverted_residual,
    "pooling": pooling,
    "classifier": classifier,
}


def layer(block: Block, shape: Shape) -> nn.Module:
    """The module that computes ``block`` on inputs of this shape."""
    return LAYERS[block.kind](block, shape)
