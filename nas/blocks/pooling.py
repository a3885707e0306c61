"""Pooling over a sliding window, or over the whole map."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nas.blocks import operators
from nas.blocks.base import Shape, require, require_positive, square, window_size
from nas.blocks.facts import BlockFacts
from nas.blocks.operators import Operator

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooling(BlockFacts):
    """Average or maximum of every channel, without multiply-adds or parameters.

    Global unless there is a ``kernel``: [N, C, H, W] → [N, C, ``size``, ``size``], over windows that divide the map
    evenly, as torch's adaptive pooling. With a kernel a window slides by ``stride``; ``ceil`` lets the last one reach
    beyond the edge (SqueezeNet's poolings).
    """

    kind: Literal["pooling"] = "pooling"
    operation: Literal["average", "max"] = "average"
    size: int = 1  # px a side of what global pooling leaves
    kernel: int = 0  # of the window; 0: global
    stride: int = 1
    padding: int = 0  # px on each side
    ceil: bool = False

    def __post_init__(self) -> None:
        require_positive(size=self.size, stride=self.stride)
        require(self.kernel >= 0, "kernel", self.kernel, "must be a window's side, or 0 for the whole map")
        require(0 <= self.padding <= self.kernel / 2, "padding", self.padding, "must be at most half the kernel")
        if self.kernel:
            require(
                self.size == 1, "size", self.size, "is for global pooling; a window's output follows from its stride"
            )
        else:
            require(self.stride == 1, "stride", self.stride, "needs a kernel")
            require(not self.ceil, "ceil", self.ceil, "needs a kernel")

    def unstrided(self) -> "Pooling":
        """A window of one pixel, which changes nothing: a smaller map is all that a strided pooling is for."""
        return Pooling(operation=self.operation, kernel=1)

    def out_shape(self, shape: Shape) -> Shape:
        if not self.kernel:
            return Shape(shape.channels, self.size, self.size)
        height, width = (
            window_size(side, self.kernel, self.stride, self.padding, self.ceil) for side in (shape.height, shape.width)
        )
        return Shape(shape.channels, height, width)

    def operators(self, shape: Shape) -> list[Operator]:
        return [operators.pooling(self.words(shape), shape, self.out_shape(shape))]

    def module(self, shape: Shape) -> "nn.Module":
        from torch import nn

        if not self.kernel:
            return nn.AdaptiveAvgPool2d(self.size) if self.operation == "average" else nn.AdaptiveMaxPool2d(self.size)
        kind = nn.AvgPool2d if self.operation == "average" else nn.MaxPool2d
        return kind(self.kernel, self.stride, self.padding, ceil_mode=self.ceil)

    def words(self, shape: Shape) -> str:
        if self.kernel == 1 and self.stride == 1:
            return "no pooling"
        over = square(self.kernel) if self.kernel else f"{shape.height}×{shape.width}"
        return f"{self.operation} over {over}" + (f", stride {self.stride}" if self.stride > 1 else "")
