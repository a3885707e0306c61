"""The block of MobileNetV2 and V3: narrow in, wide inside, narrow out."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from nas.blocks import operators
from nas.blocks.base import (
    Activation,
    Gate,
    Shape,
    activated,
    chain,
    convolved,
    joined,
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
class InvertedResidual(BlockFacts):
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

    def operators(self, shape: Shape) -> list[Operator]:
        held = shape.elements if self.has_shortcut(shape) else 0
        made: list[Operator] = []

        def finished(convolution: Operator, activation: Activation) -> Shape:
            out = convolution.out
            made.extend(
                [convolution, operators.norm(out, held=held), *operators.activation(activation, out, held=held)]
            )
            return out

        inside, waiting = shape, 0  # the first convolution reads the shortcut itself: it is held once
        if self.expands(shape):
            inside, waiting = finished(operators.conv(shape, self.mid, 1), self.activation), held
        inside = finished(
            operators.conv(inside, self.mid, self.kernel, stride=self.stride, groups=self.mid, held=waiting),
            self.activation,
        )
        if self.squeeze:
            made += operators.squeeze_excite(inside, self.squeeze, self.gate, held=held)
        out = finished(operators.conv(inside, self.out, 1, held=held), self.out_activation)
        return [*made, operators.add(out)] if held else made

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
