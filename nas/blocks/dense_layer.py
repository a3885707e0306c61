"""The block of DenseNet: what comes in goes out again, with some new channels behind it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nas.blocks import operators
from nas.blocks.base import (
    Shape,
    chain,
    joined,
    require,
    require_dropout,
    require_norm,
    require_odd,
    require_positive,
    square,
)
from nas.blocks.facts import BlockFacts
from nas.blocks.operators import Operator

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseLayer(BlockFacts):
    """norm → ReLU → [1×1 to ``bottleneck`` → norm → ReLU →] k×k to ``growth``, concatenated with the input.

    DenseNet, arXiv 1608.06993, section 3: DenseNet-B has a bottleneck of 4 × growth. No biases.
    Input [N, C, H, W], output [N, C + ``growth``, H, W].
    """

    kind: Literal["dense_layer"] = "dense_layer"
    growth: int  # channels it adds
    bottleneck: int = 0  # channels of the 1×1 convolution; 0: none
    kernel: int = 3
    dropout: float = 0.0  # of the new channels
    norm_eps: float = 1e-5
    norm_momentum: float = 0.1

    def __post_init__(self) -> None:
        require_positive(growth=self.growth, kernel=self.kernel)
        require_odd(self.kernel)
        require(self.bottleneck >= 0, "bottleneck", self.bottleneck, "must be a number of channels, or 0 for none")
        require_dropout(self.dropout)
        require_norm(self.norm_eps, self.norm_momentum)

    def out_shape(self, shape: Shape) -> Shape:
        return Shape(shape.channels + self.growth, shape.height, shape.width)

    def operators(self, shape: Shape) -> list[Operator]:
        held = shape.elements  # for the concatenation: the first norm writes a map of its own, and so nothing in place
        made = [operators.norm(shape, held=held), *operators.activation("relu", shape, held=held)]
        last = shape
        if self.bottleneck:
            made.append(operators.conv(shape, self.bottleneck, 1, held=held))
            last = made[-1].out
            made += [operators.norm(last, held=held), *operators.activation("relu", last, held=held)]
        made.append(operators.conv(last, self.growth, self.kernel, held=held))
        return [
            *made,
            *operators.dropout(self.dropout, made[-1].out, held=held),
            operators.concatenation(self.out_shape(shape)),
        ]

    def module(self, shape: Shape) -> "nn.Module":
        from torch import nn

        from nas import layers

        def norm(channels: int) -> list[nn.Module]:
            return [layers.norm(channels, self.norm_eps, self.norm_momentum), *layers.activation("relu")]

        new = norm(shape.channels)
        if self.bottleneck:
            new += [layers.conv(shape.channels, self.bottleneck, 1), *norm(self.bottleneck)]
        new.append(layers.conv(self.bottleneck or shape.channels, self.growth, self.kernel))
        return layers.Concatenation(nn.Identity(), nn.Sequential(*new, *layers.dropout(self.dropout)))

    def words(self, shape: Shape) -> str:
        return joined(
            f"{square(self.kernel)} dense",
            chain(shape.channels, shape.channels + self.growth),
            self.bottleneck > 0 and f"bottleneck {self.bottleneck}",
        )
