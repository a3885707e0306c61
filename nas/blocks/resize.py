"""The resolution multiplier, as the first row of a table."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nas.blocks import operators
from nas.blocks.base import Shape, require
from nas.blocks.facts import BlockFacts
from nas.blocks.operators import Operator

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Resize(BlockFacts):
    """The same images with ρ times as many pixels a side (MobileNetV1, arXiv 1704.04861, section 3.4), bilinear and
    antialiased: [N, C, H, W] → [N, C, round(ρH), round(ρW)], never less than a pixel.

    As a block, ρ holds in every form of the network: deployed at 224 px and trained at 32.
    """

    kind: Literal["resize"] = "resize"
    multiplier: float  # ρ

    def __post_init__(self) -> None:
        require(0 < self.multiplier <= 1, "multiplier", self.multiplier, "must be above 0 and at most 1")

    def out_shape(self, shape: Shape) -> Shape:
        height, width = (max(1, round(self.multiplier * side)) for side in (shape.height, shape.width))
        return Shape(shape.channels, height, width)

    def operators(self, shape: Shape) -> list[Operator]:
        return [operators.resize(shape, self.out_shape(shape))]

    def module(self, shape: Shape) -> "nn.Module":
        from nas import layers

        out = self.out_shape(shape)
        return layers.Resizing((out.height, out.width))

    def words(self, shape: Shape) -> str:
        out = self.out_shape(shape)
        return f"{shape.height}×{shape.width} → {out.height}×{out.width} px"
