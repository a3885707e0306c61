"""A hidden layer on flattened features."""

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
class Linear(BlockFacts):
    """dropout → linear → activation on the flattened input, with a bias: AlexNet's two layers of 4096.

    Input [N, C, H, W], output [N, ``out``] (as a shape: ``out`` × 1 × 1).
    """

    kind: Literal["linear"] = "linear"
    out: int
    activation: Activation = "relu"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        require_positive(out=self.out)
        require_dropout(self.dropout)

    def out_shape(self, shape: Shape) -> Shape:
        return Shape(self.out, 1, 1)

    def operators(self, shape: Shape) -> list[Operator]:
        return [
            *operators.dropout(self.dropout, Shape(shape.elements, 1, 1)),
            operators.linear(shape.elements, self.out),
            *operators.activation(self.activation, self.out_shape(shape)),
        ]

    def module(self, shape: Shape) -> "nn.Module":
        from torch import nn

        from nas import layers

        return nn.Sequential(
            nn.Flatten(),
            *layers.dropout(self.dropout),
            nn.Linear(shape.elements, self.out),
            *layers.activation(self.activation),
            nn.Unflatten(1, (self.out, 1, 1)),
        )

    def words(self, shape: Shape) -> str:
        return joined(chain(shape.elements, self.out), activated(self.activation))
