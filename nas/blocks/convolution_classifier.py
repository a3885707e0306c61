"""SqueezeNet's head: class scores as averages over the map."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nas.blocks import operators
from nas.blocks.base import (
    Activation,
    Shape,
    activated,
    chain,
    joined,
    require_dropout,
    require_positive,
)
from nas.blocks.facts import BlockFacts
from nas.blocks.operators import Operator

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvolutionClassifier(BlockFacts):
    """dropout → 1×1 convolution with a bias → activation → global average; always an architecture's last block.

    SqueezeNet, arXiv 1602.07360, table 1, conv10. Input [N, C, H, W], output [N, ``classes``] (as a shape:
    ``classes`` × 1 × 1).
    """

    kind: Literal["convolution_classifier"] = "convolution_classifier"
    classes: int
    activation: Activation = "relu"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        require_positive(classes=self.classes)
        require_dropout(self.dropout)

    def out_shape(self, shape: Shape) -> Shape:
        return Shape(self.classes, 1, 1)

    def operators(self, shape: Shape) -> list[Operator]:
        scores = Shape(self.classes, shape.height, shape.width)
        return [
            *operators.dropout(self.dropout, shape),
            operators.conv(shape, self.classes, 1, bias=True),
            *operators.activation(self.activation, scores),
            operators.pooling("average", scores, self.out_shape(shape)),
        ]

    def module(self, shape: Shape) -> "nn.Module":
        from torch import nn

        from nas import layers

        return nn.Sequential(
            *layers.dropout(self.dropout),
            layers.conv(shape.channels, self.classes, 1, bias=True),
            *layers.activation(self.activation),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )

    def words(self, shape: Shape) -> str:
        return joined(
            f"1×1, {chain(shape.channels, self.classes)}",
            activated(self.activation),
            f"average over {shape.height}×{shape.width}",
        )
