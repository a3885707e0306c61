"""From an architecture to a network with weights."""

import torch
from torch import Tensor, nn

from nas.arch import ArchSpec
from nas.layers import layer


class Network(nn.Module):
    """The network of a spec. Input float [N, channels, resolution, resolution], output class scores [N, classes]."""

    def __init__(self, spec: ArchSpec) -> None:
        super().__init__()
        self.spec = spec
        self.blocks = nn.Sequential(*(layer(row.block, row.shape) for row in spec.rows()))

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.blocks(images)
        return scores


def build(spec: ArchSpec, *, seed: int = 0) -> Network:
    """The network on the CPU with weights that depend on ``seed`` only; the global random state is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Network(spec)
        initialise(network)
    return network


def initialise(network: nn.Module) -> None:
    """torchvision's MobileNets: convolutions Kaiming-normal by fan-out, linear layers normal with 0.01, no biases."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.01)
            nn.init.zeros_(module.bias)
