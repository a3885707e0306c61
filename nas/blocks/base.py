"""What every block of an architecture has in common: a shape in, a shape out, and a cost in closed form.

Costs follow the convention of the MobileNet papers: one multiply-add is one MAC, only convolutions and linear layers
have any, and batch norm folds into the convolution before it. torch is imported when a module is built, and not before.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from nas.errors import SpecError

if TYPE_CHECKING:
    from torch import nn

Activation = Literal["none", "relu", "relu6", "hardswish"]
Gate = Literal["hardsigmoid", "sigmoid"]
Padding = int | Literal["same"]  # "same": (kernel - 1) // 2 on every side, which keeps the size at stride 1

FLOAT_BYTES = 4  # activations are counted in fp32


class Shape(NamedTuple):
    """Channels, height and width of one image's activations."""

    channels: int
    height: int
    width: int

    @property
    def elements(self) -> int:
        return self.channels * self.height * self.width


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one image costs: multiply-adds, learned parameters, and the most memory its activations need at once."""

    macs: int = 0
    params: int = 0
    peak_activation_bytes: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        """One after the other: work and parameters add up, the peak is the higher of the two."""
        return Cost(
            macs=self.macs + other.macs,
            params=self.params + other.params,
            peak_activation_bytes=max(self.peak_activation_bytes, other.peak_activation_bytes),
        )


class BlockFacts(Protocol):
    """One row of an architecture's table: facts, what they cost, and the module that computes them.

    A frozen dataclass. A kind that has a stride also has ``unstrided()``: the same block keeping its input's size, for
    small images.
    """

    @property
    def kind(self) -> str: ...

    def out_shape(self, shape: Shape) -> Shape: ...

    def cost(self, shape: Shape) -> Cost: ...

    def module(self, shape: Shape) -> "nn.Module":
        """The layer for inputs of this shape; its weights are torch's own until the network is initialised."""

    def words(self, shape: Shape) -> str:
        """What people are shown of it: ``5×5, 24 → 96 → 40 channels, SE 24, hardswish, stride 2``."""


def pad(kernel: int, padding: Padding) -> int:
    """Pixels of padding on each side."""
    return (kernel - 1) // 2 if padding == "same" else padding


def window_size(size: int, kernel: int, stride: int, padding: int, ceil: bool = False) -> int:
    """Output length of a sliding window, as torch counts it; less than 1 means that the window does not fit.

    With ``ceil`` a last window that begins inside the input or its left padding may reach beyond the end.
    """
    if not ceil:
        return (size + 2 * padding - kernel) // stride + 1
    out = -((size + 2 * padding - kernel) // -stride) + 1
    return out - 1 if (out - 1) * stride >= size + padding else out


def convolved(shape: Shape, out: int, kernel: int, stride: int, padding: Padding = "same") -> Shape:
    """What a k×k convolution to ``out`` channels makes of ``shape``; padded "same": the size divided, rounded up."""
    around = pad(kernel, padding)
    return Shape(
        out,
        window_size(shape.height, kernel, stride, around),
        window_size(shape.width, kernel, stride, around),
    )


def conv_macs(out: Shape, in_channels: int, kernel: int, groups: int = 1) -> int:
    """Multiply-adds of a k×k convolution: every output element is a sum over k² · in/groups products."""
    return out.elements * kernel * kernel * in_channels // groups


def conv_params(in_channels: int, out_channels: int, kernel: int, groups: int = 1, bias: bool = False) -> int:
    return kernel * kernel * in_channels // groups * out_channels + (out_channels if bias else 0)


def norm_params(channels: int) -> int:
    """Scale and shift of a batch norm; its running statistics are buffers, not parameters."""
    return 2 * channels


def peak_bytes(live: Iterable[int]) -> int:
    """Bytes of the fullest moment, from the number of live elements during each operator."""
    return FLOAT_BYTES * max(live)


def require(condition: bool, place: str, value: object, rule: str) -> None:
    """Raise ``SpecError`` naming the place and the value unless ``condition`` holds."""
    if not condition:
        raise SpecError(f"{place}: {value!r}: {rule}")


def require_positive(**facts: int) -> None:
    for name, value in facts.items():
        if value < 1:
            raise SpecError(f"{name}: {value!r}: must be at least 1")


def require_odd(kernel: int) -> None:
    require(kernel % 2 == 1, "kernel", kernel, "must be odd, so that padding keeps the size")


def require_norm(eps: float, momentum: float) -> None:
    """Facts of a batch norm, as torch means them: the momentum is the share of the newest batch."""
    require(0 < eps < 1, "norm_eps", eps, "must be between 0 and 1")
    require(0 < momentum <= 1, "norm_momentum", momentum, "must be above 0 and at most 1")


def require_dropout(dropout: float) -> None:
    require(0 <= dropout < 1, "dropout", dropout, "must be a probability below 1")


# ---- words


def square(kernel: int) -> str:
    return f"{kernel}×{kernel}"


def chain(*channels: int) -> str:
    """``24 → 96 → 40 channels``."""
    return " → ".join(str(count) for count in channels) + " channels"


def joined(*parts: str | bool) -> str:
    """The parts that are there, with commas between."""
    return ", ".join(str(part) for part in parts if part)


def activated(activation: Activation) -> str:
    return "no activation" if activation == "none" else activation


def strided(stride: int) -> str:
    return f"stride {stride}" if stride > 1 else ""
