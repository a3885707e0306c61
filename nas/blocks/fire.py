"""The block of SqueezeNet."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nas.blocks import operators
from nas.blocks.base import (
    Shape,
    chain,
    joined,
    require_positive,
)
from nas.blocks.facts import BlockFacts
from nas.blocks.operators import Operator
from nas.errors import SpecError

if TYPE_CHECKING:
    from torch import nn

Bypass = Literal["none", "simple", "complex"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fire(BlockFacts):
    """1×1 squeeze → 1×1 and 3×3 expand side by side, concatenated (SqueezeNet, arXiv 1602.07360, fig. 1).

    Every convolution has a bias and a ReLU, and no batch norm. ``bypass`` adds the input to the output (section 6,
    fig. 2): "simple" as it is, which needs equal widths; "complex" through a 1×1 convolution with a bias and no ReLU.
    Input [N, C, H, W], output [N, ``expand1`` + ``expand3``, H, W].
    """

    kind: Literal["fire"] = "fire"
    squeeze: int
    expand1: int  # channels of the 1×1 expansion
    expand3: int  # channels of the 3×3 expansion
    bypass: Bypass = "none"

    def __post_init__(self) -> None:
        require_positive(squeeze=self.squeeze, expand1=self.expand1, expand3=self.expand3)

    @property
    def out(self) -> int:
        return self.expand1 + self.expand3

    def out_shape(self, shape: Shape) -> Shape:
        if self.bypass == "simple" and shape.channels != self.out:
            raise SpecError(
                f"bypass: 'simple': needs equal widths, here {shape.channels} → {self.out} channels; "
                "use 'complex' or 'none'"
            )
        return Shape(self.out, shape.height, shape.width)

    def operators(self, shape: Shape) -> list[Operator]:
        out = self.out_shape(shape)
        held = shape.elements if self.bypass != "none" else 0

        def layer(entering: Shape, width: int, kernel: int, *, during: int, after: int) -> list[Operator]:
            made = operators.conv(entering, width, kernel, bias=True, held=during)
            return [made, *operators.activation("relu", made.out, held=after)]

        made = layer(shape, self.squeeze, 1, during=0, after=held)  # it reads the bypass itself: held once
        inside = made[-1].out
        made += layer(inside, self.expand1, 1, during=held, after=inside.elements + held)
        beside = made[-1].out.elements + held  # both expansions are there until they are concatenated
        made += layer(inside, self.expand3, 3, during=beside, after=beside)
        made.append(operators.concatenation(out, held=held))
        if self.bypass == "complex":
            made.append(operators.conv(shape, self.out, 1, bias=True, held=out.elements))
        return [*made, operators.add(out)] if held else made

    def module(self, shape: Shape) -> "nn.Module":
        from torch import nn

        from nas import layers

        def layer(width: int, out: int, kernel: int) -> nn.Module:
            return nn.Sequential(layers.conv(width, out, kernel, bias=True), *layers.activation("relu"))

        body = nn.Sequential(
            layer(shape.channels, self.squeeze, 1),
            layers.Concatenation(layer(self.squeeze, self.expand1, 1), layer(self.squeeze, self.expand3, 3)),
        )
        if self.bypass == "none":
            return body
        return layers.Residual(
            body, layers.conv(shape.channels, self.out, 1, bias=True) if self.bypass == "complex" else None
        )

    def words(self, shape: Shape) -> str:
        return joined(
            f"squeeze {self.squeeze}",
            f"expand {self.expand1} 1×1 + {self.expand3} 3×3",
            chain(shape.channels, self.out),
            self.bypass != "none" and f"{self.bypass} bypass",
        )
