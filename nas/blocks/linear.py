"""A hidden layer on flattened features."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nas.blocks.base import (
    Activation,
    Cost,
    Shape,
    activated,
    chain,
    conv_params,
    joined,
    peak_bytes,
    require_dropout,
    require_positive,
)

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
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

    def cost(self, shape: Shape) -> Cost:
        return Cost(
            macs=shape.elements * self.out,
            params=conv_params(shape.elements, self.out, 1, bias=True),
            peak_activation_bytes=peak_bytes([shape.elements + self.out]),
        )

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
