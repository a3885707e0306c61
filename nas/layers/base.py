"""The pieces that layers are made of: convolution with batch norm, activations, squeeze-excite."""

from torch import Tensor, nn

from nas.blocks import Activation, Gate
from nas.blocks.base import same_padding

NORM_MOMENTUM = 0.1  # torch's own; a reference's smaller one leaves the statistics of brief trainings at their start

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


def conv_norm(
    in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, groups: int = 1, act: Activation, eps: float
) -> list[nn.Module]:
    """Convolution without bias → batch norm → activation."""
    return [
        nn.Conv2d(
            in_channels,
            out_channels,
            kernel,
            stride=stride,
            padding=same_padding(kernel),
            groups=groups,
            bias=False,
        ),
        nn.BatchNorm2d(out_channels, eps=eps, momentum=NORM_MOMENTUM),
        *activation(act),
    ]


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
