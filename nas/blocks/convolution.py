"""Convolution → batch norm → activation."""

from dataclasses import dataclass
from typing import Literal

from nas.blocks.base import (
    Activation,
    Cost,
    Shape,
    conv_macs,
    conv_params,
    convolved,
    norm_params,
    peak_bytes,
    require,
    require_positive,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolution:
    """k×k convolution without bias, batch norm, activation (the stem and the head of the MobileNets).

    Input [N, C, H, W], output [N, ``out``, ⌈H/stride⌉, ⌈W/stride⌉]. Batch norm and activation work in place, so one
    operator is live at a time: its input and its output.
    """

    kind: Literal["convolution"] = "convolution"
    kernel: int
    out: int
    stride: int = 1
    activation: Activation = "relu"
    norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        require_positive(kernel=self.kernel, out=self.out, stride=self.stride)
        require(self.kernel % 2 == 1, "kernel", self.kernel, "must be odd, so that padding keeps the size")
        require(0 < self.norm_eps < 1, "norm_eps", self.norm_eps, "must be between 0 and 1")

    def out_shape(self, shape: Shape) -> Shape:
        return convolved(shape, self.out, self.kernel, self.stride)

    def cost(self, shape: Shape) -> Cost:
        out = self.out_shape(shape)
        return Cost(
            macs=conv_macs(out, shape.channels, self.kernel),
            params=conv_params(shape.channels, self.out, self.kernel) + norm_params(self.out),
            peak_activation_bytes=peak_bytes([shape.elements + out.elements]),
        )
