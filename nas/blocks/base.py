"""What blocks are written in: shapes, costs, rules for facts, and words.

Costs follow the convention of the MobileNet papers: one multiply-add is one MAC, only convolutions and linear layers
have any, and batch norm folds into the convolution before it. torch is imported when a module is built, and not before.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from nas.errors import SpecError

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
    kernels: int = 0  # of the parameters: convolution and linear kernels; the others are biases and batch norms
    peak_activation_bytes: int = 0
    operators: int = 0  # as nas.profile lists them

    def __add__(self, other: "Cost") -> "Cost":
        """One after the other: work and parameters add up, the peak is the higher of the two."""
        return Cost(
            macs=self.macs + other.macs,
            params=self.params + other.params,
            kernels=self.kernels + other.kernels,
            peak_activation_bytes=max(self.peak_activation_bytes, other.peak_activation_bytes),
            operators=self.operators + other.operators,
        )


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
