"""From an architecture to a network with weights."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from nas.arch import ArchSpec, Initialisation
from nas.weights import load_weights


class Network(nn.Module):
    """The network of a spec. Input float [N, channels, resolution, resolution], output class scores [N, classes]."""

    def __init__(self, spec: ArchSpec) -> None:
        super().__init__()
        self.spec = spec
        self.blocks = nn.Sequential(*(row.block.module(row.shape) for row in spec.rows()))

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.blocks(images)
        return scores


def build(spec: ArchSpec, *, seed: int = 0) -> Network:
    """The network on the CPU with weights that depend on ``seed`` only; the global random state is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Network(spec)
        initialise(network, spec.initialisation)
    return network


def load_torchvision(network: Network, source: str | Path | Mapping[str, Tensor]) -> None:
    """Copy torchvision's weights, a file or a state dict, into ``network``. Raises ``WeightsError`` and changes nothing
    where they are not this network's. ``nas.weights`` has the other layouts, and the way back."""
    load_weights(network, source, "torchvision")


def initialise(network: nn.Module, scheme: Initialisation) -> None:
    """Fresh weights as the family's authors, or torchvision, draw them; batch norms begin as the identity.

    - ``fan_out``: the MobileNets: convolutions Kaiming-normal by fan-out, linear layers normal with 0.01, no biases.
    - ``fan_in``: DenseNet: convolutions Kaiming-normal by fan-in, linear layers torch's own with no biases.
    - ``uniform``: SqueezeNet: convolutions Kaiming-uniform by fan-in, the last one normal with 0.01, no biases.
    - ``torch``: AlexNet: as torch makes them.
    """
    if scheme == "torch":
        return
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            if scheme == "fan_out":
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
            elif scheme == "fan_in":
                nn.init.kaiming_normal_(module.weight)
            elif module is convolutions[-1]:
                nn.init.normal_(module.weight, 0.0, 0.01)
            else:
                nn.init.kaiming_uniform_(module.weight)
        elif isinstance(module, nn.Linear) and scheme == "fan_out":
            nn.init.normal_(module.weight, 0.0, 0.01)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
