"""The head: features to class scores."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nas.blocks import operators
from nas.blocks.base import (
    Activation,
    Shape,
    require,
    require_dropout,
    require_positive,
)
from nas.blocks.facts import BlockFacts
from nas.blocks.operators import Operator

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Classifier(BlockFacts):
    """[linear → activation →] dropout → linear, on the flattened input; always an architecture's last block.

    Input [N, C, H, W], output [N, ``classes``] (as a shape: ``classes`` × 1 × 1). Linear layers have biases.
    """

    kind: Literal["classifier"] = "classifier"
    classes: int
    hidden: int = 0  # width of the layer before the last; 0: none
    activation: Activation = "relu"  # of the hidden layer
    dropout: float = 0.0

    def __post_init__(self) -> None:
        require_positive(classes=self.classes)
        require(self.hidden >= 0, "hidden", self.hidden, "must be a number of channels, or 0 for none")
        require_dropout(self.dropout)

    def widths(self, shape: Shape) -> list[int]:
        """Features before, between and after its linear layers."""
        return [shape.elements, *([self.hidden] if self.hidden else []), self.classes]

    def out_shape(self, shape: Shape) -> Shape:
        return Shape(self.classes, 1, 1)

    def operators(self, shape: Shape) -> list[Operator]:
        features, hidden = Shape(shape.elements, 1, 1), Shape(self.hidden, 1, 1)
        before = [operators.linear(features.channels, self.hidden), *operators.activation(self.activation, hidden)]
        last = hidden if self.hidden else features
        return [
            *(before if self.hidden else []),
            *operators.dropout(self.dropout, last),
            operators.linear(last.channels, self.classes),
        ]

    def module(self, shape: Shape) -> "nn.Module":
        from torch import nn

        from nas import layers

        hidden: list[nn.Module] = []
        if self.hidden:
            hidden = [nn.Linear(shape.elements, self.hidden), *layers.activation(self.activation)]
        return nn.Sequential(
            nn.Flatten(),
            *hidden,
            *layers.dropout(self.dropout),
            nn.Linear(self.hidden or shape.elements, self.classes),
        )

    def words(self, shape: Shape) -> str:
        return " → ".join(str(width) for width in self.widths(shape))
