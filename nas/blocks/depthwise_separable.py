"""The block of MobileNetV1."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from nas.blocks.base import (
    Activation,
    Cost,
    Shape,
    activated,
    chain,
    conv_macs,
    conv_params,
    convolved,
    joined,
    norm_params,
    peak_bytes,
    require_norm,
    require_odd,
    require_positive,
    square,
    strided,
)

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthwiseSeparable:
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

    def cost(self, shape: Shape) -> Cost:
        width, out = shape.channels, self.out_shape(shape)
        inside = Shape(width, out.height, out.width)
        return Cost(
            macs=conv_macs(inside, width, self.kernel, groups=width) + conv_macs(out, width, 1),
            params=conv_params(width, width, self.kernel, groups=width)
            + norm_params(width)
            + conv_params(width, self.out, 1)
            + norm_params(self.out),
            peak_activation_bytes=peak_bytes([shape.elements + inside.elements, inside.elements + out.elements]),
        )

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
