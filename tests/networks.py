"""Networks to test with: random ones of a space, and any table of blocks at all."""

import random
from collections.abc import Callable

import pytest
import torch
from hypothesis import strategies as st
from torch import nn

from nas.arch import ArchSpec
from nas.blocks import Block, Classifier, Convolution, InvertedResidual, Pooling
from nas.draw import draw
from nas.model import Network
from search_spaces import SPACES

ACTIVATIONS = st.sampled_from(("none", "relu", "relu6", "hardswish"))
EPSILONS = st.sampled_from((1e-5, 1e-3, 0.1))
KERNELS = st.sampled_from((1, 3, 5, 7))
# few values, so that shortcuts and left-out expansions, which need equal widths, are common
WIDTHS = st.sampled_from((1, 2, 3, 8))
STRIDES = st.integers(1, 3)

CLASSIFIERS = st.builds(
    Classifier,
    classes=st.integers(1, 12),
    hidden=st.integers(0, 9),
    activation=ACTIVATIONS,
    dropout=st.floats(0, 0.9),
)
STRATEGIES: dict[str, st.SearchStrategy[Block]] = {
    "convolution": st.builds(
        Convolution, kernel=KERNELS, out=WIDTHS, stride=STRIDES, activation=ACTIVATIONS, norm_eps=EPSILONS
    ),
    "inverted_residual": st.builds(
        InvertedResidual,
        kernel=KERNELS,
        mid=WIDTHS,
        out=WIDTHS,
        stride=STRIDES,
        squeeze=st.integers(0, 3),
        activation=ACTIVATIONS,
        gate=st.sampled_from(("hardsigmoid", "sigmoid")),
        norm_eps=EPSILONS,
    ),
    "pooling": st.builds(Pooling, operation=st.sampled_from(("average", "max"))),
    "classifier": CLASSIFIERS,
}

ARCHITECTURES: st.SearchStrategy[ArchSpec] = st.builds(
    lambda body, last, **facts: ArchSpec(blocks=(*body, last), **facts),
    body=st.lists(st.one_of(*(one for kind, one in STRATEGIES.items() if kind != "classifier")), max_size=6),
    last=CLASSIFIERS,
    resolution=st.integers(1, 20),
    channels=st.integers(1, 4),
    strides=st.sampled_from(("published", "cifar")),
    cifar_steps=st.integers(0, 3),
)


def random_specs(space: str, count: int, *, seed: int = 0) -> list[ArchSpec]:
    """Networks of a space with every decision at random."""
    rng = random.Random(f"{space} {seed}")
    return [draw(SPACES[space], rng).spec for _ in range(count)]


def on_meta(make: Callable[[], nn.Module]) -> nn.Module:
    """A module for shapes and counts only: it has no weights, and none are initialised, which is what takes time."""
    with pytest.MonkeyPatch.context() as patch, torch.device("meta"):
        for layer in (nn.Conv2d, nn.Linear):
            patch.setattr(layer, "reset_parameters", lambda self: None)
        return make().eval()


def network_on_meta(spec: ArchSpec) -> nn.Module:
    return on_meta(lambda: Network(spec))


def image_on_meta(spec: ArchSpec) -> torch.Tensor:
    return torch.empty(1, spec.channels, spec.resolution, spec.resolution, device="meta")


def parameters(module: nn.Module) -> int:
    return sum(one.numel() for one in module.parameters())
