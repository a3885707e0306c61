"""Scores of networks that were not trained: what a network is worth by its weights as they begin.

They cost a fraction of a second, know nothing of labels, and are deterministic: a score depends on the architecture,
the seed of its weights, and the images. Whether they say more than multiply-adds is measured in docs/search-quality.md.
"""

import math

import torch
from torch import Tensor, nn

from nas.arch import ArchSpec
from nas.layers import ACTIVATIONS, SqueezeExcite
from nas.model import build

BATCH = 32  # images that tell regions apart, where none are given

_ACTIVATIONS = tuple(kind for kind in ACTIVATIONS.values() if kind is not None)


def synflow(spec: ArchSpec, *, seed: int = 0) -> float:
    """Natural logarithm of the synaptic flow (Tanaka et al. 2020, equation 4): Σ |weight · ∂R/∂weight|, where R is the
    sum of outputs for an image of ones when every weight counts by its size.

    Of the linear network that is left without batch norms, activations, gates and biases, as their paths are weighed.
    −∞ where nothing flows.
    """
    network = build(spec, seed=seed).double().eval()
    return flow(network, torch.ones(1, spec.channels, spec.resolution, spec.resolution, dtype=torch.float64))


def flow(network: nn.Module, ones: Tensor) -> float:
    """Of a network in double precision, which is changed."""
    _linearise(network)
    weights = [weight for weight in network.parameters() if weight.dim() > 1]
    with torch.no_grad():
        for weight in network.parameters():
            weight.abs_() if weight.dim() > 1 else weight.zero_()
    found = torch.autograd.grad(network(ones).sum(), weights, allow_unused=True)
    total = sum(
        float((weight.detach() * slope).sum())
        for weight, slope in zip(weights, found, strict=True)
        if slope is not None
    )
    return math.log(total) if total > 0 else -math.inf


def _linearise(network: nn.Module) -> None:
    for name, child in network.named_children():
        if isinstance(child, (nn.BatchNorm2d, SqueezeExcite, *_ACTIVATIONS)):
            setattr(network, name, nn.Identity())
        else:
            _linearise(child)


def naswot(spec: ArchSpec, *, seed: int = 0, images: Tensor | None = None) -> float:
    """Log-determinant of how alike a network finds the images of one batch (Mellor et al. 2021, section 3).

    ``images`` [N, channels, resolution, resolution], normal noise where none are given. −∞ where it cannot tell two of
    them apart.
    """
    network = build(spec, seed=seed)
    if images is None:
        shape = (BATCH, spec.channels, spec.resolution, spec.resolution)
        images = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    sign, logarithm = torch.linalg.slogdet(agreement(network, images))
    return float(logarithm) if sign > 0 else -math.inf


def agreement(network: nn.Module, images: Tensor) -> Tensor:
    """[N, N], float64: of every two images, how many units of all activations are on for both or off for both.

    Batch norms count by the batch, as in training; their running statistics change.
    """
    total = torch.zeros(len(images), len(images), dtype=torch.float64)

    def count(module: nn.Module, entering: tuple[Tensor, ...]) -> None:
        on = (entering[0] > 0).flatten(1).float()
        off = 1 - on
        total.add_((on @ on.T + off @ off.T).double())

    activations = [module for module in network.modules() if isinstance(module, _ACTIVATIONS)]
    watching = [module.register_forward_pre_hook(count) for module in activations]
    network.train()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    with torch.no_grad():
        network(images)
    for watch in watching:
        watch.remove()
    return total
