"""From a spec to a network: torchvision's outputs with torchvision's weights, and weights that a seed decides."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
import torch
import torchvision
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from nas.arch import ArchSpec
from nas.blocks import Classifier, Convolution, InvertedResidual, Pooling
from nas.model import Network, build
from search_spaces import REFERENCES, find_reference
from tests.networks import network_on_meta, on_meta, random_specs

SPEC = ArchSpec(
    resolution=8,
    blocks=(
        Convolution(kernel=3, out=64, activation="hardswish"),
        InvertedResidual(kernel=5, mid=128, out=64, squeeze=32),
        Pooling(),
        Classifier(classes=10, hidden=256, dropout=0.2),
    ),
)


# ---- parity; tests/nas/test_weights.py compares every family


def randomise(network: nn.Module, seed: int) -> None:
    """A network whose outputs depend on every one of its tensors, in place.

    Fresh ones put out next to nothing, and wild ones saturate their gates and drown their biases. So weights keep the
    size of what passes, and statistics lie around those of random images (3 × 64 × 64), but not on them.
    """
    generator = torch.Generator().manual_seed(seed)

    def uniform(like: torch.Tensor, low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(like.shape, generator=generator)

    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta, training = [norm.momentum for norm in norms], network.training
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                fan_in = module.weight[0].numel()
                # a large matrix has its deviation from the initialisation, one of a few numbers may have none
                module.weight.mul_(math.sqrt(2 / fan_in) / module.weight.std(correction=0).clamp(min=1e-9))
                if module.bias is not None:
                    module.bias.copy_(uniform(module.bias, -0.5, 0.5))
        for norm in norms:
            norm.weight.copy_(uniform(norm.weight, 0.5, 1.5))
            norm.bias.copy_(uniform(norm.bias, -0.5, 0.5))
            norm.momentum = 1.0
        if norms:
            network.eval()
            for norm in norms:
                norm.train()
            network(torch.randn(8, 3, 64, 64, generator=generator))
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.running_mean.add_(uniform(norm.running_mean, -0.3, 0.3) * norm.running_var.sqrt())
            norm.running_var.mul_(uniform(norm.running_var, 0.5, 2.0))
            # as after some training, and no two alike
            norm.num_batches_tracked.fill_(int(uniform(norm.num_batches_tracked, 1, 1000)))
    network.train(training)


def copy_in_order(source: nn.Module, target: nn.Module) -> int:
    """Names differ, the order of tensors does not."""
    theirs, ours = source.state_dict(), target.state_dict()
    assert [tuple(one.shape) for one in ours.values()] == [tuple(one.shape) for one in theirs.values()]
    target.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))
    return len(theirs)


def assert_same_outputs(theirs: nn.Module, ours: nn.Module, images: torch.Tensor) -> None:
    with torch.inference_mode():
        expected, found = theirs(images), ours(images)
    # the comparison means something: outputs depend on the image
    assert expected.std(dim=0).max() > 1e-3 * expected.abs().max()
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize(("reference", "strided"), [("mobilenet_v3_small", (1, 0)), ("mobilenet_v3_large", (2, 1))])
def test_on_small_images_the_stem_and_the_next_strided_block_keep_the_size(
    reference: str, strided: tuple[int, int]
) -> None:
    theirs = getattr(torchvision.models, reference)(weights=None).eval()
    randomise(theirs, seed=1)
    published = build(REFERENCES[reference].spec()).eval()
    copy_in_order(theirs, published)
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
    native = REFERENCES[reference].spec()
    spec = native.trained_on(resolution=64 if native.cifar_steps is None else 32, classes=7)
    network = network_on_meta(spec)
    assert network.spec == spec
    images = torch.empty(5, 3, spec.resolution, spec.resolution, device="meta")
    assert network(images).shape == (5, 7)


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


# ---- torchvision's networks, fact by fact

ORIGINALS: dict[str, Callable[[], nn.Module]] = {
    "mobilenet_v2": partial(torchvision.models.mobilenet_v2, weights=None),
    "mobilenet_v3_small": partial(torchvision.models.mobilenet_v3_small, weights=None),
    "mobilenet_v3_large": partial(torchvision.models.mobilenet_v3_large, weights=None),
    "squeezenet_1_0": partial(torchvision.models.squeezenet1_0, weights=None),
    "squeezenet_1_1": partial(torchvision.models.squeezenet1_1, weights=None),
    "densenet_121": partial(torchvision.models.densenet121, weights=None),
    "alexnet": partial(torchvision.models.alexnet, weights=None),
}


class Operators(TorchDispatchMode):
    """Every operator that computes something, with its numbers and the shapes of its tensors, in order.

    Whether it works in place is left out, and so are copies and concatenations: DenseNet's are nested in ours.
    """

    SILENT = ("view", "_unsafe_view", "t", "detach", "alias", "empty", "cat")

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[object, ...]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        name = func.overloadpacket.__name__.removesuffix("_")
        if name not in self.SILENT:
            facts = [tuple(one.shape) if isinstance(one, torch.Tensor) else one for one in args]
            words = [str(one) for one in facts]
            self.seen.append((name, *(sorted(words) if name == "mul" else words)))  # factors have no order
        return func(*args, **(kwargs or {}))


def operators(network: nn.Module) -> list[tuple[object, ...]]:
    """During training, when momentum and dropout are operands too."""
    with Operators() as mode:
        network.train()(torch.empty(2, 3, 224, 224, device="meta"))
    return mode.seen


@pytest.mark.parametrize("reference", ORIGINALS)
def test_ours_are_torchvisions_operators_with_the_same_numbers_in_the_same_order(reference: str) -> None:
    expected = operators(on_meta(ORIGINALS[reference]))
    assert operators(network_on_meta(find_reference(reference).spec())) == expected
    assert {one[0] for one in expected} >= {"convolution"}  # strides, paddings and groups
    if not reference.startswith(("squeeze", "alex")):
        assert {one[0] for one in expected} >= {"native_batch_norm"}  # momentum and epsilon


def layers(network: nn.Module) -> list[nn.Conv2d | nn.Linear | nn.BatchNorm2d]:
    """Everything with tensors, in order: the same order in ours and in torchvision's."""
    return [one for one in network.modules() if isinstance(one, nn.Conv2d | nn.Linear | nn.BatchNorm2d)]


def layer_type(layer: nn.Module) -> str:
    if isinstance(layer, nn.Linear):
        return "linear"
    assert isinstance(layer, nn.Conv2d)
    if layer.groups > 1:
        return "depthwise"
    return f"{layer.kernel_size[0]}×{layer.kernel_size[0]}{' with bias' if layer.bias is not None else ''}"


SAMPLE = 100_000  # numbers of a layer that are looked at; AlexNet has 38 million in one
ENOUGH = 400  # numbers that tell a normal distribution from a uniform one


def family(values: torch.Tensor) -> str:
    """Uniform values reach √3 deviations, 5% of normal ones lie beyond 2 (of 400, none with probability 10⁻⁸)."""
    return "normal" if values.abs().max() > 1.15 * math.sqrt(3) * values.std() else "uniform"


class Draws(NamedTuple):
    """The weights of two layers that should be drawn alike."""

    ours: torch.Tensor
    theirs: torch.Tensor

    @classmethod
    def of(cls, ours: torch.Tensor, theirs: torch.Tensor) -> Draws:
        return cls(ours.detach().flatten()[:SAMPLE], theirs.detach().flatten()[:SAMPLE])

    @property
    def difference(self) -> float:
        """Of the logarithms of the deviations; its variance is at most 1/n where there are n numbers."""
        return math.log(self.ours.std().item() / self.theirs.std().item())


@pytest.mark.parametrize("reference", ORIGINALS)
def test_weights_are_drawn_as_torchvision_draws_them(reference: str) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        theirs = layers(ORIGINALS[reference]())
    ours = layers(build(find_reference(reference).spec(), seed=2))
    assert len(ours) == len(theirs)
    drawn: dict[str, list[Draws]] = defaultdict(list)
    for our, their in zip(ours, theirs, strict=True):
        assert type(our) is type(their)
        if isinstance(our, nn.BatchNorm2d):
            for name, value in their.state_dict().items():
                assert torch.equal(our.state_dict()[name], value)
            continue
        drawn[layer_type(our)].append(Draws.of(our.weight, their.weight))
        assert (our.bias is None) == (their.bias is None)
        if our.bias is not None and their.bias.any():
            drawn[f"biases of {layer_type(our)}"].append(Draws.of(our.bias, their.bias))
        elif our.bias is not None:
            assert not our.bias.any()
    for found in drawn.values():
        for pair in found:
            count = pair.ours.numel()
            assert abs(pair.difference) < 6 / math.sqrt(count)
            assert abs(pair.ours.mean()) < 6 * pair.theirs.std() / math.sqrt(count)
            if count >= ENOUGH:
                assert family(pair.ours) == family(pair.theirs)
        # small layers say little one by one, a type's together more
        counts = [pair.ours.numel() for pair in found]
        total = sum(count * pair.difference for count, pair in zip(counts, found, strict=True))
        assert abs(total) < 6 * math.sqrt(sum(counts))


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
