"""Batch norm and an activation with no convolution before them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nas.blocks import operators
from nas.blocks.base import Activation, Shape, joined, require_norm
from nas.blocks.facts import BlockFacts
from nas.blocks.operators import Operator

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalisation(BlockFacts):
    """Batch norm → activation, before a DenseNet's transitions and its classifier. [N, C, H, W] → the same."""

    kind: Literal["normalisation"] = "normalisation"
    activation: Activation = "relu"
    norm_eps: float = 1e-5
    norm_momentum: float = 0.1

    def __post_init__(self) -> None:
        require_norm(self.norm_eps, self.norm_momentum)

    def out_shape(self, shape: Shape) -> Shape:
        return shape

    def operators(self, shape: Shape) -> list[Operator]:
        return [operators.norm(shape), *operators.activation(self.activation, shape)]

    def module(self, shape: Shape) -> "nn.Module":
        from torch import nn

        from nas import layers

        return nn.Sequential(
            layers.norm(shape.channels, self.norm_eps, self.norm_momentum), *layers.activation(self.activation)
        )

    def words(self, shape: Shape) -> str:
        return joined("batch norm", self.activation != "none" and self.activation)
