"""Convolution → batch norm → activation."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from nas.blocks import operators
from nas.blocks.base import (
    Activation,
    Padding,
    Shape,
    activated,
    chain,
    convolved,
    joined,
    pad,
    require,
    require_norm,
    require_odd,
    require_positive,
    square,
    strided,
)
from nas.blocks.facts import BlockFacts
from nas.blocks.operators import Operator

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolution(BlockFacts):
    """k×k convolution, [batch norm], activation: stem and head of the MobileNets, every layer of AlexNet.

    Input [N, C, H, W], output [N, ``out``, ⌈H/stride⌉, ⌈W/stride⌉] when padded "same". Batch norm and activation work
    in place, so one operator is live at a time: its input and its output.
    """

    kind: Literal["convolution"] = "convolution"
    kernel: int
    out: int
    stride: int = 1
    padding: Padding = "same"  # pixels on each side
    activation: Activation = "relu"
    bias: bool = False
    norm: bool = True
    norm_eps: float = 1e-5
    norm_momentum: float = 0.1

    def __post_init__(self) -> None:
        require_positive(kernel=self.kernel, out=self.out, stride=self.stride)
        if self.padding == "same":
            require_odd(self.kernel)
        else:
            require(self.padding >= 0, "padding", self.padding, 'must be a number of pixels, or "same"')
            if self.kernel % 2 and self.padding == pad(self.kernel, "same"):
                # one form for one network, so that equal networks are equal specs
                object.__setattr__(self, "padding", "same")
        require_norm(self.norm_eps, self.norm_momentum)

    def unstrided(self) -> "Convolution":
        """Padded so that it keeps the size. Raises ``SpecError`` for an even kernel, which cannot."""
        return replace(self, stride=1, padding="same")

    def out_shape(self, shape: Shape) -> Shape:
        return convolved(shape, self.out, self.kernel, self.stride, self.padding)

    def operators(self, shape: Shape) -> list[Operator]:
        out = self.out_shape(shape)
        return [
            operators.conv(shape, self.out, self.kernel, stride=self.stride, padding=self.padding, bias=self.bias),
            *([operators.norm(out)] if self.norm else []),
            *operators.activation(self.activation, out),
        ]

    def module(self, shape: Shape) -> "nn.Module":
        from torch import nn

        from nas import layers

        around = pad(self.kernel, self.padding)
        return nn.Sequential(
            layers.conv(shape.channels, self.out, self.kernel, stride=self.stride, padding=around, bias=self.bias),
            *([layers.norm(self.out, self.norm_eps, self.norm_momentum)] if self.norm else []),
            *layers.activation(self.activation),
        )

    def words(self, shape: Shape) -> str:
        return joined(
            square(self.kernel),
            chain(shape.channels, self.out),
            activated(self.activation),
            strided(self.stride),
            self.padding != "same" and f"padding {self.padding}",
        )
