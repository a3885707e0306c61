"""The block of MobileNetV1."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from nas.blocks import operators
from nas.blocks.base import (
    Activation,
    Shape,
    activated,
    chain,
    convolved,
    joined,
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
class DepthwiseSeparable(BlockFacts):
    """k×k depthwise → 1×1 pointwise, each with batch norm and activation (MobileNetV1, arXiv 1704.04861, fig. 3).

    Against a full k×k convolution to N channels it costs 1/N + 1/k² (section 3.1). No shortcut.
    Input [N, C, H, W], output [N, ``out``, ⌈H/stride⌉, ⌈W/stride⌉].
    """

    kind: Literal["depthwise_separable"] = "depthwise_separable"
    kernel: int
    out: int
    stride: int = 1
    activation: Activation = "relu"
    norm_eps: float = 1e-5
    norm_momentum: float = 0.1

    def __post_init__(self) -> None:
        require_positive(kernel=self.kernel, out=self.out, stride=self.stride)
        require_odd(self.kernel)
        require_norm(self.norm_eps, self.norm_momentum)

    def unstrided(self) -> "DepthwiseSeparable":
        return replace(self, stride=1)

    def out_shape(self, shape: Shape) -> Shape:
        return convolved(shape, self.out, self.kernel, self.stride)

    def operators(self, shape: Shape) -> list[Operator]:
        width = shape.channels
        depthwise = operators.conv(shape, width, self.kernel, stride=self.stride, groups=width)
        pointwise = operators.conv(depthwise.out, self.out, 1)
        return [
            part
            for half in (depthwise, pointwise)
            for part in (half, operators.norm(half.out), *operators.activation(self.activation, half.out))
        ]

    def module(self, shape: Shape) -> "nn.Module":
        from torch import nn

        from nas import layers

        width = shape.channels
        return nn.Sequential(
            layers.conv(width, width, self.kernel, stride=self.stride, groups=width),
            layers.norm(width, self.norm_eps, self.norm_momentum),
            *layers.activation(self.activation),
            layers.conv(width, self.out, 1),
            layers.norm(self.out, self.norm_eps, self.norm_momentum),
            *layers.activation(self.activation),
        )

    def words(self, shape: Shape) -> str:
        return joined(
            f"{square(self.kernel)} depthwise",
            chain(shape.channels, self.out),
            activated(self.activation),
            strided(self.stride),
        )
