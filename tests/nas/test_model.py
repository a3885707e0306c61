"""From a spec to a network: torchvision's outputs with torchvision's weights, and weights that a seed decides."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from nas.arch import ArchSpec
from nas.blocks import Classifier, Convolution, InvertedResidual, Pooling
from nas.model import Network, build
from search_spaces import REFERENCES
from tests.networks import random_specs

SPEC = ArchSpec(
    resolution=8,
    blocks=(
        Convolution(kernel=3, out=64, activation="hardswish"),
        InvertedResidual(kernel=5, mid=128, out=64, squeeze=32),
        Pooling(),
        Classifier(classes=10, hidden=256, dropout=0.2),
    ),
)


# ---- parity


def randomise(network: nn.Module, seed: int) -> None:
    """Statistics and biases at random: with fresh ones every deep network puts out next to nothing."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(like: torch.Tensor, low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(like.shape, generator=generator)

    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.copy_(uniform(module.weight, 0.5, 1.5))
                module.bias.copy_(uniform(module.bias, -0.5, 0.5))
                module.running_mean.copy_(uniform(module.running_mean, -0.5, 0.5))
                # down to the size of epsilon, so that another epsilon shows
                module.running_var.copy_(10 ** uniform(module.running_var, -2, 0.5))
            elif isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
                module.bias.copy_(uniform(module.bias, -0.5, 0.5))


def copy_in_order(source: nn.Module, target: nn.Module) -> int:
    """Names differ, the order of tensors does not."""
    theirs, ours = source.state_dict(), target.state_dict()
    assert [tuple(one.shape) for one in ours.values()] == [tuple(one.shape) for one in theirs.values()]
    target.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))
    return len(theirs)


TENSORS = {"mobilenet_v3_small": 244, "mobilenet_v3_large": 312}


def pair(reference: str) -> tuple[nn.Module, Network]:
    theirs = getattr(torchvision.models, reference)(weights=None)
    randomise(theirs, seed=1)
    ours = build(REFERENCES[reference].spec(), seed=5)
    assert copy_in_order(theirs, ours) == TENSORS[reference]
    return theirs.eval(), ours.eval()


def assert_same_outputs(theirs: nn.Module, ours: nn.Module, images: torch.Tensor) -> None:
    with torch.inference_mode():
        expected, found = theirs(images), ours(images)
    assert expected.std(dim=0).max() > 1e-3  # the comparison means something: outputs depend on the image
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize("reference", TENSORS)
def test_with_torchvisions_weights_the_outputs_are_torchvisions(reference: str) -> None:
    theirs, ours = pair(reference)
    assert_same_outputs(theirs, ours, torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(2)))


@pytest.mark.parametrize(
    ("reference", "strided"), [("mobilenet_v3_small", (1, 0)), ("mobilenet_v3_large", (2, 1))], ids=TENSORS
)
def test_on_small_images_the_stem_and_the_next_strided_block_keep_the_size(
    reference: str, strided: tuple[int, int]
) -> None:
    theirs, published = pair(reference)
    theirs.features[0][0].stride = (1, 1)
    block, position = strided
    assert theirs.features[block].block[position][0].stride == (2, 2)
    theirs.features[block].block[position][0].stride = (1, 1)
    if reference == "mobilenet_v3_small":
        # 16 → 16 channels: at stride 1 the block keeps its shape, and so has a shortcut
        theirs.features[block].use_res_connect = True
    ours = Network(published.spec.at(resolution=32, strides="cifar")).eval()
    copy_in_order(published, ours)
    assert_same_outputs(theirs, ours, torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(3)))


# ---- built networks


@pytest.mark.parametrize("reference", REFERENCES)
def test_a_network_gives_a_score_for_every_class(reference: str) -> None:
    spec = REFERENCES[reference].spec().trained_on(resolution=32, classes=7)
    network = build(spec).eval()
    assert network.spec == spec
    with torch.inference_mode():
        assert network(torch.zeros(5, 3, 32, 32)).shape == (5, 7)


def test_random_networks_can_be_trained() -> None:
    for spec in random_specs("mobilenet_v3", 3):
        network = build(spec.trained_on(resolution=16, classes=4)).train()
        network(torch.randn(2, 3, 16, 16)).square().sum().backward()
        assert all(one.grad is not None and one.grad.isfinite().all() for one in network.parameters())


def weights(network: nn.Module) -> torch.Tensor:
    return torch.cat([one.flatten() for one in network.state_dict().values()])


def test_weights_depend_on_the_seed_only() -> None:
    torch.manual_seed(1)
    first = weights(build(SPEC, seed=3))
    torch.manual_seed(2)
    torch.rand(17)
    assert torch.equal(weights(build(SPEC, seed=3)), first)
    assert not torch.equal(weights(build(SPEC, seed=4)), first)


def test_building_leaves_the_global_random_state_alone() -> None:
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    build(SPEC, seed=3)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before[1:]


def assert_normal(values: torch.Tensor, std: float) -> None:
    """Mean and deviation within six standard errors."""
    count = values.numel()
    assert abs(values.mean().item()) < 6 * std / math.sqrt(count)
    assert abs(values.std().item() - std) < 6 * std / math.sqrt(2 * count)


def test_convolutions_start_kaiming_normal_by_fan_out() -> None:
    found = [one for one in build(SPEC, seed=0).modules() if isinstance(one, nn.Conv2d)]
    assert len(found) == 6
    for one in found:
        # torch counts the fan-out of a depthwise convolution over all channels, and so does torchvision
        assert_normal(one.weight, math.sqrt(2 / (one.out_channels * one.kernel_size[0] ** 2)))
        assert one.bias is None or not one.bias.any()


def test_linear_layers_start_normal_with_a_deviation_of_one_hundredth() -> None:
    found = [one for one in build(SPEC, seed=0).modules() if isinstance(one, nn.Linear)]
    assert len(found) == 2
    for one in found:
        assert_normal(one.weight, 0.01)
        assert not one.bias.any()


def test_batch_norms_start_as_the_identity() -> None:
    found = [one for one in build(SPEC, seed=0).modules() if isinstance(one, nn.BatchNorm2d)]
    assert len(found) == 4
    for one in found:
        assert torch.equal(one.weight, torch.ones_like(one.weight))
        assert not one.bias.any()
        assert not one.running_mean.any()
        assert torch.equal(one.running_var, torch.ones_like(one.running_var))
