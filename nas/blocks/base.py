"""What every block of an architecture has in common: a shape in, a shape out, and a cost in closed form.

Costs follow the convention of the MobileNet papers: one multiply-add is one MAC, only convolutions and linear layers
have any, and batch norm folds into the convolution before it. Nothing in this package imports torch.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from nas.errors import SpecError

Activation = Literal["none", "relu", "relu6", "hardswish"]
Gate = Literal["hardsigmoid", "sigmoid"]

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
    """One row of an architecture's table. A frozen dataclass; its layer in ``nas/layers/`` must agree with it."""

    @property
    def kind(self) -> str: ...

    def out_shape(self, shape: Shape) -> Shape: ...

    def cost(self, shape: Shape) -> Cost: ...


def same_padding(kernel: int) -> int:
    """Padding that keeps the size at stride 1 (odd kernels)."""
    return (kernel - 1) // 2


def window_size(size: int, kernel: int, stride: int, padding: int) -> int:
    """Output length of a sliding window, as torch counts it; less than 1 means that the window does not fit."""
    return (size + 2 * padding - kernel) // stride + 1


def convolved(shape: Shape, out: int, kernel: int, stride: int) -> Shape:
    """What a padded k×k convolution to ``out`` channels makes of ``shape``: height and width divided, rounded up."""
    padding = same_padding(kernel)
    return Shape(
        out,
        window_size(shape.height, kernel, stride, padding),
        window_size(shape.width, kernel, stride, padding),
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
