"""The block of DenseNet: what comes in goes out again, with some new channels behind it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nas.blocks.base import (
    Cost,
    Shape,
    chain,
    conv_macs,
    conv_params,
    joined,
    norm_params,
    peak_bytes,
    require,
    require_dropout,
    require_norm,
    require_odd,
    require_positive,
    square,
)

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseLayer:
    """norm → ReLU → [1×1 to ``bottleneck`` → norm → ReLU →] k×k to ``growth``, concatenated with the input.

    DenseNet, arXiv 1608.06993, section 3: DenseNet-B has a bottleneck of 4 × growth. No biases.
    Input [N, C, H, W], output [N, C + ``growth``, H, W].
    """

    kind: Literal["dense_layer"] = "dense_layer"
    growth: int  # channels it adds
    bottleneck: int = 0  # channels of the 1×1 convolution; 0: none
    kernel: int = 3
    dropout: float = 0.0  # of the new channels
    norm_eps: float = 1e-5
    norm_momentum: float = 0.1

    def __post_init__(self) -> None:
        require_positive(growth=self.growth, kernel=self.kernel)
        require_odd(self.kernel)
        require(self.bottleneck >= 0, "bottleneck", self.bottleneck, "must be a number of channels, or 0 for none")
        require_dropout(self.dropout)
        require_norm(self.norm_eps, self.norm_momentum)

    def out_shape(self, shape: Shape) -> Shape:
        return Shape(shape.channels + self.growth, shape.height, shape.width)

    def cost(self, shape: Shape) -> Cost:
        new = Shape(self.growth, shape.height, shape.width)
        inside = Shape(self.bottleneck, shape.height, shape.width)
        width = self.bottleneck or shape.channels
        macs = conv_macs(new, width, self.kernel)
        params = norm_params(shape.channels) + conv_params(width, self.growth, self.kernel)
        # the input is held for the concatenation, so its norm writes a second map of that size
        live = [2 * shape.elements, 2 * shape.elements + new.elements]
        if self.bottleneck:
            macs += conv_macs(inside, shape.channels, 1)
            params += conv_params(shape.channels, self.bottleneck, 1) + norm_params(self.bottleneck)
            live = [2 * shape.elements + inside.elements, shape.elements + inside.elements + new.elements]
        live.append(2 * (shape.elements + new.elements))  # the concatenation
        return Cost(macs=macs, params=params, peak_activation_bytes=peak_bytes(live))

    def module(self, shape: Shape) -> "nn.Module":
        from torch import nn

        from nas import layers

        def norm(channels: int) -> list[nn.Module]:
            return [layers.norm(channels, self.norm_eps, self.norm_momentum), *layers.activation("relu")]

        new = norm(shape.channels)
        if self.bottleneck:
            new += [layers.conv(shape.channels, self.bottleneck, 1), *norm(self.bottleneck)]
        new.append(layers.conv(self.bottleneck or shape.channels, self.growth, self.kernel))
        return layers.Concatenation(nn.Identity(), nn.Sequential(*new, *layers.dropout(self.dropout)))

    def words(self, shape: Shape) -> str:
        return joined(
            f"{square(self.kernel)} dense",
            chain(shape.channels, shape.channels + self.growth),
            self.bottleneck > 0 and f"bottleneck {self.bottleneck}",
        )
