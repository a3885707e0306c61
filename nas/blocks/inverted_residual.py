"""The block of MobileNetV2 and V3: narrow in, wide inside, narrow out."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from nas.blocks.base import (
    Activation,
    Cost,
    Gate,
    Shape,
    activated,
    chain,
    conv_macs,
    conv_params,
    convolved,
    joined,
    norm_params,
    peak_bytes,
    require,
    require_norm,
    require_odd,
    require_positive,
    square,
    strided,
)

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class InvertedResidual:
    """1×1 expand → k×k depthwise → [squeeze-excite] → 1×1 project (MobileNetV2, fig. 3b; MobileNetV3, fig. 4).

    The expansion is left out when ``mid`` equals the incoming width; the shortcut is there exactly when it is wanted
    and the block keeps its input shape. The projection is linear unless ``out_activation`` says otherwise (V2, section
    6, fig. 6a). Squeeze-excite sits between the depthwise convolution's activation and the projection and has biases:
    pool → 1×1 to ``squeeze`` → ReLU → 1×1 back → ``gate`` → product.

    Input [N, C, H, W], output [N, ``out``, ⌈H/stride⌉, ⌈W/stride⌉].
    """

    kind: Literal["inverted_residual"] = "inverted_residual"
    kernel: int
    mid: int  # channels of the depthwise convolution
    out: int
    stride: int = 1
    squeeze: int = 0  # channels inside squeeze-excite; 0: none
    activation: Activation = "relu"
    out_activation: Activation = "none"
    shortcut: bool = True  # where the shape allows it
    gate: Gate = "hardsigmoid"
    norm_eps: float = 1e-5
    norm_momentum: float = 0.1

    def __post_init__(self) -> None:
        require_positive(kernel=self.kernel, mid=self.mid, out=self.out, stride=self.stride)
        require_odd(self.kernel)
        require(self.squeeze >= 0, "squeeze", self.squeeze, "must be a number of channels, or 0 for none")
        require_norm(self.norm_eps, self.norm_momentum)

    def expands(self, shape: Shape) -> bool:
        return self.mid != shape.channels

    def has_shortcut(self, shape: Shape) -> bool:
        return self.shortcut and self.stride == 1 and self.out == shape.channels

    def unstrided(self) -> "InvertedResidual":
        return replace(self, stride=1)

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
            # either 1×1 convolution: the features wait; its input and output are the squeezed and the full channels
            live.append(inside.elements + self.mid + self.squeeze + held)
            live.append(2 * inside.elements + self.mid + held)  # the product: features, gates, result
        live.append(inside.elements + out.elements + held)
        if held:
            live.append(3 * out.elements)  # the sum: projection, shortcut, result
        return live

    def module(self, shape: Shape) -> "nn.Module":
        from torch import nn

        from nas import layers

        def norm(channels: int) -> nn.Module:
            return layers.norm(channels, self.norm_eps, self.norm_momentum)

        mid, body = self.mid, list[nn.Module]()
        if self.expands(shape):
            body += [layers.conv(shape.channels, mid, 1), norm(mid), *layers.activation(self.activation)]
        body += [
            layers.conv(mid, mid, self.kernel, stride=self.stride, groups=mid),
            norm(mid),
            *layers.activation(self.activation),
        ]
        if self.squeeze:
            body.append(layers.SqueezeExcite(mid, self.squeeze, self.gate))
        body += [layers.conv(mid, self.out, 1), norm(self.out), *layers.activation(self.out_activation)]
        return layers.Residual(nn.Sequential(*body)) if self.has_shortcut(shape) else nn.Sequential(*body)

    def words(self, shape: Shape) -> str:
        through = (shape.channels, self.mid, self.out) if self.expands(shape) else (self.mid, self.out)
        return joined(
            square(self.kernel),
            chain(*through),
            f"SE {self.squeeze}" if self.squeeze else "no SE",
            activated(self.activation),
            self.out_activation != "none" and f"{self.out_activation} at the end",
            strided(self.stride),
            not self.shortcut and "no shortcut",
        )
