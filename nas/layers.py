"""The torch pieces that blocks are made of: convolution with batch norm, activations, squeeze-excite, and the ways of
putting modules together that ``nn.Sequential`` lacks. Blocks import this when they are built, and not before."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas.blocks.base import Activation, Gate

ACTIVATIONS: dict[Activation, type[nn.Module] | None] = {
    "none": None,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "hardswish": nn.Hardswish,
}
GATES: dict[Gate, type[nn.Module]] = {"hardsigmoid": nn.Hardsigmoid, "sigmoid": nn.Sigmoid}


def activation(name: Activation) -> list[nn.Module]:
    """The module in a list, or an empty list for "none"; in place, as the cost counts it."""
    kind = ACTIVATIONS[name]
    return [] if kind is None else [kind(inplace=True)]


def dropout(share: float) -> list[nn.Module]:
    """The module in a list, or an empty list for 0. Not in place: an activation before it keeps its output for the
    backward pass."""
    return [nn.Dropout(share)] if share else []


def conv(
    in_channels: int,
    out_channels: int,
    kernel: int,
    *,
    stride: int = 1,
    padding: int | None = None,
    groups: int = 1,
    bias: bool = False,
) -> nn.Conv2d:
    """A k×k convolution; without ``padding`` (k odd) it keeps the size at stride 1."""
    around = (kernel - 1) // 2 if padding is None else padding
    return nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=around, groups=groups, bias=bias)


def norm(channels: int, eps: float, momentum: float) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=eps, momentum=momentum)


class SqueezeExcite(nn.Module):
    """Scales every channel by a gate computed from all channels' means (Hu et al. 2018). [N, C, H, W] → the same."""

    def __init__(self, channels: int, squeeze: int, gate: Gate) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Conv2d(channels, squeeze, 1)
        self.activation = nn.ReLU(inplace=True)
        self.expand = nn.Conv2d(squeeze, channels, 1)
        self.gate = GATES[gate]()

    def forward(self, features: Tensor) -> Tensor:
        gates: Tensor = self.gate(self.expand(self.activation(self.reduce(self.pool(features)))))
        return features * gates


class Residual(nn.Module):
    """``body(x) + bypass(x)``; the bypass is the identity unless another is given. Both must have one shape."""

    def __init__(self, body: nn.Module, bypass: nn.Module | None = None) -> None:
        super().__init__()
        self.body = body
        self.bypass = nn.Identity() if bypass is None else bypass

    def forward(self, x: Tensor) -> Tensor:
        total: Tensor = self.body(x) + self.bypass(x)
        return total


class Concatenation(nn.Module):
    """The outputs of all branches, one after the other along the channels: [N, C, H, W] → [N, ΣCᵢ, H, W]."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class Resizing(nn.Module):
    """[N, C, H, W] → [N, C, *size], bilinear and antialiased."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, images: Tensor) -> Tensor:
        return F.interpolate(images, size=self.size, mode="bilinear", antialias=True)
