"""The block of MobileNetV2 and V3: narrow in, wide inside, narrow out."""

from dataclasses import dataclass
from typing import Literal

from nas.blocks.base import (
    Activation,
    Cost,
    Gate,
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
class InvertedResidual:
    """1×1 expand → k×k depthwise → [squeeze-excite] → 1×1 project (MobileNetV2, fig. 3b; MobileNetV3, fig. 4).

    The expansion is left out when ``mid`` equals the incoming width; the shortcut is there exactly when the block
    keeps its input shape. The projection is linear. Squeeze-excite sits between the depthwise convolution's activation
    and the projection and has biases: pool → 1×1 to ``squeeze`` → ReLU → 1×1 back → ``gate`` → product.

    Input [N, C, H, W], output [N, ``out``, ⌈H/stride⌉, ⌈W/stride⌉].
    """

    kind: Literal["inverted_residual"] = "inverted_residual"
    kernel: int
    mid: int  # channels of the depthwise convolution
    out: int
    stride: int = 1
    squeeze: int = 0  # channels inside squeeze-excite; 0: none
    activation: Activation = "relu"
    gate: Gate = "hardsigmoid"
    norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        require_positive(kernel=self.kernel, mid=self.mid, out=self.out, stride=self.stride)
        require(self.kernel % 2 == 1, "kernel", self.kernel, "must be odd, so that padding keeps the size")
        require(self.squeeze >= 0, "squeeze", self.squeeze, "must be a number of channels, or 0 for none")
        require(0 < self.norm_eps < 1, "norm_eps", self.norm_eps, "must be between 0 and 1")

    def expands(self, shape: Shape) -> bool:
        return self.mid != shape.channels

    def has_shortcut(self, shape: Shape) -> bool:
        return self.stride == 1 and self.out == shape.channels

    def out_shape(self, shape: Shape) -> Shape:
        return convolved(shape, self.out, self.kernel, self.stride)

    def cost(self, shape: Shape) -> Cost:
        out = self.out_shape(shape)
        inside = Shape(self.mid, out.height, out.width)
        macs = conv_macs(inside, self.mid, self.kernel, groups=self.mid) + conv_macs(out, self.mid, 1)
        params = (
            conv_params(self.mid, self.mid, self.kernel, groups=self.mid)
            + norm_params(self.mid)
            + conv_params(self.mid, self.out, 1)
            + norm_params(self.out)
        )
        if self.expands(shape):
            macs += conv_macs(Shape(self.mid, shape.height, shape.width), shape.channels, 1)
            params += conv_params(shape.channels, self.mid, 1) + norm_params(self.mid)
        if self.squeeze:
            # two 1×1 convolutions with biases on a pooled 1×1 map
            macs += 2 * self.mid * self.squeeze
            params += 2 * self.mid * self.squeeze + self.squeeze + self.mid
        return Cost(macs=macs, params=params, peak_activation_bytes=peak_bytes(self._live(shape, out, inside)))

    def _live(self, shape: Shape, out: Shape, inside: Shape) -> list[int]:
        """Elements held during each operator: its inputs, its output, and the shortcut until it is added."""
        held = shape.elements if self.has_shortcut(shape) else 0
        live = []
        entering, waiting = shape.elements, 0  # the first operator reads the shortcut itself: it is held once
        if self.expands(shape):
            expanded = self.mid * shape.height * shape.width
            live.append(entering + expanded)
            entering, waiting = expanded, held
        live.append(entering + inside.elements + waiting)
        if self.squeeze:
            live.append(2 * inside.elements + self.mid + held)  # the product: features, gates, result
        live.append(inside.elements + out.elements + held)
        if held:
            live.append(3 * out.elements)  # the sum: projection, shortcut, result
        return live
