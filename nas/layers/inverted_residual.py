"""The layer of ``nas.blocks.InvertedResidual``."""

from torch import Tensor, nn

from nas.blocks import InvertedResidual, Shape
from nas.layers.base import SqueezeExcite, conv_norm


class InvertedResidualLayer(nn.Module):
    """[N, C, H, W] → [N, out, ⌈H/stride⌉, ⌈W/stride⌉]."""

    def __init__(self, block: InvertedResidual, shape: Shape) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if block.expands(shape):
            layers += conv_norm(shape.channels, block.mid, 1, act=block.activation, eps=block.norm_eps)
        layers += conv_norm(
            block.mid,
            block.mid,
            block.kernel,
            stride=block.stride,
            groups=block.mid,
            act=block.activation,
            eps=block.norm_eps,
        )
        if block.squeeze:
            layers.append(SqueezeExcite(block.mid, block.squeeze, block.gate))
        layers += conv_norm(block.mid, block.out, 1, act="none", eps=block.norm_eps)
        self.body = nn.Sequential(*layers)
        self.shortcut = block.has_shortcut(shape)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return x + y if self.shortcut else y


def inverted_residual(block: InvertedResidual, shape: Shape) -> nn.Module:
    return InvertedResidualLayer(block, shape)
