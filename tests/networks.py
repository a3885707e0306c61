"""Networks to test with: random ones of a space, and any table of blocks at all."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import pytest
import torch
from hypothesis import strategies as st
from torch import nn

from nas.arch import ArchSpec
from nas.blocks import (
    Block,
    Classifier,
    Convolution,
    ConvolutionClassifier,
    DenseLayer,
    DepthwiseSeparable,
    Fire,
    InvertedResidual,
    Linear,
    Normalisation,
    Pooling,
    Resize,
    Shape,
)
from nas.draw import draw
from nas.errors import SpecError
from nas.model import Network
from search_spaces import SPACES

KINDS: dict[str, type] = {get_args(kind.__annotations__["kind"])[0]: kind for kind in get_args(Block)}


# ---- blocks of some size, with the facts that matter


def conv(**facts: Any) -> Convolution:
    return Convolution(**{"kernel": 3, "out": 8, **facts})


def residual(**facts: Any) -> InvertedResidual:
    return InvertedResidual(**{"kernel": 3, "mid": 8, "out": 8, **facts})


def separable(**facts: Any) -> DepthwiseSeparable:
    return DepthwiseSeparable(**{"kernel": 3, "out": 8, **facts})


def fire(**facts: Any) -> Fire:
    return Fire(**{"squeeze": 2, "expand1": 4, "expand3": 4, **facts})


def dense(**facts: Any) -> DenseLayer:
    return DenseLayer(**{"growth": 4, **facts})


# ---- any block at all

ACTIVATIONS = st.sampled_from(("none", "relu", "relu6", "hardswish"))
EPSILONS = st.sampled_from((1e-5, 1e-3, 0.1))
MOMENTA = st.sampled_from((0.01, 0.1, 1.0))
DROPOUTS = st.sampled_from((0.0, 0.2, 0.9))
KERNELS = st.sampled_from((1, 3, 5, 7))
# few values, so that shortcuts and left-out expansions, which need equal widths, are common
WIDTHS = st.sampled_from((1, 2, 3, 8))
STRIDES = st.integers(1, 3)


def _window(kernel: int, padding: int, **facts: Any) -> Pooling:
    return Pooling(kernel=kernel, padding=min(padding, kernel // 2), **facts)


CLASSIFIERS: dict[str, st.SearchStrategy[Block]] = {
    "classifier": st.builds(
        Classifier, classes=st.integers(1, 12), hidden=st.integers(0, 9), activation=ACTIVATIONS, dropout=DROPOUTS
    ),
    "convolution_classifier": st.builds(
        ConvolutionClassifier, classes=st.integers(1, 12), activation=ACTIVATIONS, dropout=DROPOUTS
    ),
}
BODIES: dict[str, st.SearchStrategy[Block]] = {
    "resize": st.builds(Resize, multiplier=st.sampled_from((0.1, 0.5, 0.857, 1.0))),
    "convolution": st.one_of(
        st.builds(
            Convolution,
            kernel=kernels,
            out=WIDTHS,
            stride=STRIDES,
            padding=paddings,
            activation=ACTIVATIONS,
            bias=st.booleans(),
            norm=st.booleans(),
            norm_eps=EPSILONS,
            norm_momentum=MOMENTA,
        )
        for kernels, paddings in ((KERNELS, st.just("same")), (st.integers(1, 5), st.integers(0, 3)))
    ),
    "depthwise_separable": st.builds(
        DepthwiseSeparable,
        kernel=KERNELS,
        out=WIDTHS,
        stride=STRIDES,
        activation=ACTIVATIONS,
        norm_eps=EPSILONS,
        norm_momentum=MOMENTA,
    ),
    "inverted_residual": st.builds(
        InvertedResidual,
        kernel=KERNELS,
        mid=WIDTHS,
        out=WIDTHS,
        stride=STRIDES,
        squeeze=st.integers(0, 3),
        activation=ACTIVATIONS,
        out_activation=ACTIVATIONS,
        shortcut=st.booleans(),
        gate=st.sampled_from(("hardsigmoid", "sigmoid")),
        norm_eps=EPSILONS,
        norm_momentum=MOMENTA,
    ),
    "fire": st.builds(
        Fire,
        squeeze=WIDTHS,
        expand1=WIDTHS,
        expand3=WIDTHS,
        bypass=st.sampled_from(("none", "simple", "complex")),
    ),
    "dense_layer": st.builds(
        DenseLayer,
        growth=WIDTHS,
        bottleneck=st.integers(0, 9),
        kernel=KERNELS,
        dropout=DROPOUTS,
        norm_eps=EPSILONS,
        norm_momentum=MOMENTA,
    ),
    "normalisation": st.builds(Normalisation, activation=ACTIVATIONS, norm_eps=EPSILONS, norm_momentum=MOMENTA),
    "pooling": st.one_of(
        st.builds(Pooling, operation=st.sampled_from(("average", "max")), size=st.integers(1, 4)),
        st.builds(
            _window,
            operation=st.sampled_from(("average", "max")),
            kernel=st.integers(1, 4),
            stride=STRIDES,
            padding=st.integers(0, 2),
            ceil=st.booleans(),
        ),
    ),
    "linear": st.builds(Linear, out=WIDTHS, activation=ACTIVATIONS, dropout=DROPOUTS),
}
STRATEGIES: dict[str, st.SearchStrategy[Block]] = {**BODIES, **CLASSIFIERS}


def possible(block: Block, shape: Shape) -> bool:
    """Whether the block can be put on such a map: its window fits, and its bypass has equal widths."""
    try:
        return min(block.out_shape(shape)) >= 1
    except SpecError:
        return False


def _fitted(block: Block, shape: Shape) -> Block:
    """A simple bypass needs equal widths, which chance hardly ever gives."""
    if isinstance(block, Fire) and block.bypass == "simple" and shape.channels > 1:
        return replace(block, expand1=1, expand3=shape.channels - 1)
    return block


@st.composite
def architectures(draw_from: st.DrawFn) -> ArchSpec:
    """Any table of blocks that can be built: rows that cannot follow the ones before them are left out."""
    resolution, channels = draw_from(st.integers(1, 20)), draw_from(st.integers(1, 4))
    steps = draw_from(st.sampled_from((None, 0, 1, 2, 3)))
    kept: list[Block] = []
    last = draw_from(st.one_of(*CLASSIFIERS.values()))
    scheme = draw_from(st.sampled_from(("fan_out", "fan_in", "uniform", "torch")))

    def built(strides: str) -> ArchSpec:
        return ArchSpec(
            resolution=resolution,
            blocks=(*kept, last),
            channels=channels,
            strides=strides,  # type: ignore[arg-type]
            cifar_steps=steps,
            initialisation=scheme,  # type: ignore[arg-type]
        )

    forms = ("published",) if steps is None else ("published", "cifar")
    for block in draw_from(st.lists(st.one_of(*BODIES.values()), max_size=6)):
        *_, (_, _, entering, _) = built("published").rows()
        kept.append(_fitted(block, entering))
        try:
            for strides in forms:
                built(strides)
        except SpecError:
            kept.pop()
    return built(draw_from(st.sampled_from(forms)))


ARCHITECTURES: st.SearchStrategy[ArchSpec] = architectures()


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
