"""What the module of every kind computes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas.blocks import (
    Block,
    Classifier,
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
from nas.blocks.base import window_size
from nas.layers import Residual, SqueezeExcite
from tests.networks import KINDS, conv, dense, fire, residual, separable

# ---- what a module computes


def norms(module: nn.Module) -> list[nn.BatchNorm2d]:
    return [one for one in module.modules() if isinstance(one, nn.BatchNorm2d)]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if hasattr(KINDS[kind], "norm_eps")])
def test_the_block_says_what_epsilon_and_momentum_every_batch_norm_has(kind: str) -> None:
    shape = Shape(8, 4, 4)
    facts: dict[str, Any] = {"norm_eps": 0.25, "norm_momentum": 0.5}
    block, found_in = {
        "convolution": (conv(**facts), 1),
        "depthwise_separable": (separable(**facts), 2),
        "inverted_residual": (residual(mid=9, **facts), 3),
        "dense_layer": (dense(bottleneck=16, **facts), 2),
        "normalisation": (Normalisation(**facts), 1),
    }[kind]
    found = norms(block.module(shape))
    assert len(found) == found_in
    assert {(one.eps, one.momentum) for one in found} == {(0.25, 0.5)}


def test_statistics_follow_training_fast_enough_for_brief_ones() -> None:
    found = norms(InvertedResidual(kernel=3, mid=9, out=8).module(Shape(8, 4, 4)))
    assert {one.momentum for one in found} == {0.1}


def test_a_convolution_without_batch_norm_has_none() -> None:
    assert norms(conv(norm=False).module(Shape(8, 4, 4))) == []
    assert norms(fire().module(Shape(8, 4, 4))) == []


def randomised(block: Block, shape: Shape) -> nn.Module:
    """The block's module with every weight, bias and statistic at random, as after some training."""
    torch.manual_seed(0)
    module = block.module(shape).eval()
    for one in module.parameters():
        nn.init.normal_(one, 0.0, 0.5)
    for norm in norms(module):
        nn.init.normal_(norm.running_mean)
        nn.init.uniform_(norm.running_var, 0.5, 2.0)
    return module


def convolutions(module: nn.Module) -> list[nn.Conv2d]:
    return [one for one in module.modules() if isinstance(one, nn.Conv2d)]


def normalised(x: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    mean, variance, scale, shift = (
        one[:, None, None] for one in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    )
    return (x - mean) / torch.sqrt(variance + norm.eps) * scale + shift


@pytest.mark.parametrize("bypass", ["none", "simple", "complex"])
def test_a_fire_module_concatenates_its_two_expansions_and_adds_its_bypass(bypass: str) -> None:
    shape = Shape(8, 5, 6)
    block = Fire(squeeze=3, expand1=2, expand3=6, bypass=bypass)  # type: ignore[arg-type]
    module = randomised(block, shape)
    squeeze, expand1, expand3, *around = convolutions(module)
    x = torch.randn(2, *shape)
    inside = F.conv2d(x, squeeze.weight, squeeze.bias).relu()
    left = F.conv2d(inside, expand1.weight, expand1.bias).relu()
    right = F.conv2d(inside, expand3.weight, expand3.bias, padding=1).relu()
    expected = torch.cat([left, right], dim=1)
    assert len(around) == (bypass == "complex")
    if bypass == "simple":
        expected = expected + x
    if bypass == "complex":
        expected = expected + F.conv2d(x, around[0].weight, around[0].bias)  # no ReLU, neither on it nor on the sum
    assert bypass == "none" or expected.min() < 0
    torch.testing.assert_close(module(x), expected)


@pytest.mark.parametrize("bottleneck", [0, 10])
def test_a_dense_layer_puts_its_new_channels_behind_its_input(bottleneck: int) -> None:
    shape = Shape(5, 4, 6)
    module = randomised(DenseLayer(growth=3, bottleneck=bottleneck, norm_eps=0.1), shape)
    x = torch.randn(2, *shape)
    inside = normalised(x, norms(module)[0]).relu()
    if bottleneck:
        inside = normalised(F.conv2d(inside, convolutions(module)[0].weight), norms(module)[1]).relu()
    new = F.conv2d(inside, convolutions(module)[-1].weight, padding=1)
    out = module(x)
    assert torch.equal(out[:, :5], x)
    torch.testing.assert_close(out[:, 5:], new)
    assert all(one.bias is None for one in convolutions(module))


def test_dropout_of_a_dense_layer_spares_its_input() -> None:
    shape = Shape(5, 4, 6)
    module = randomised(DenseLayer(growth=3, dropout=0.5), shape).train()
    x = torch.randn(8, *shape)
    out = module(x)
    assert torch.equal(out[:, :5], x)
    assert 0.3 < (out[:, 5:] == 0).float().mean() < 0.7


@pytest.mark.parametrize("activation", ["none", "relu"])
def test_a_normalisation_is_a_batch_norm_and_its_activation(activation: str) -> None:
    shape = Shape(5, 4, 6)
    module = randomised(Normalisation(activation=activation, norm_eps=0.1), shape)  # type: ignore[arg-type]
    x = torch.randn(2, *shape)
    expected = normalised(x, norms(module)[0])
    assert expected.min() < 0
    torch.testing.assert_close(module(x), expected.relu() if activation == "relu" else expected)


def test_a_depthwise_separable_convolution_has_an_activation_after_each_half() -> None:
    shape = Shape(6, 7, 8)
    module = randomised(DepthwiseSeparable(kernel=3, out=5, stride=2, norm_eps=0.1), shape)
    depthwise, pointwise = convolutions(module)
    x = torch.randn(2, *shape)
    inside = F.conv2d(x, depthwise.weight, stride=2, padding=1, groups=6)
    inside = normalised(inside, norms(module)[0]).relu()
    expected = normalised(F.conv2d(inside, pointwise.weight), norms(module)[1]).relu()
    torch.testing.assert_close(module(x), expected)


@pytest.mark.parametrize(
    ("facts", "padding"),
    [({}, 1), ({"kernel": 5, "padding": 0}, 0), ({"kernel": 4, "padding": 2, "stride": 2}, 2), ({"padding": 3}, 3)],
)
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_a_convolution_pads_shifts_and_normalises_as_it_says(
    facts: dict[str, Any], padding: int, norm: bool, bias: bool
) -> None:
    shape = Shape(3, 8, 7)
    module = randomised(conv(norm=norm, bias=bias, **facts), shape)
    x = torch.randn(2, *shape)
    (found,) = convolutions(module)
    assert (found.bias is not None) is bias
    expected = F.conv2d(x, found.weight, found.bias, stride=facts.get("stride", 1), padding=padding)
    if norm:
        expected = normalised(expected, norms(module)[0])
    torch.testing.assert_close(module(x), expected.relu())


@pytest.mark.parametrize("multiplier", [0.857, 0.5, 0.3, 1.0])
def test_resizing_is_bilinear_and_antialiased(multiplier: float) -> None:
    shape = Shape(3, 28, 21)
    images = torch.rand(2, *shape)
    block = Resize(multiplier=multiplier)
    size = (round(28 * multiplier), round(21 * multiplier))
    expected = F.interpolate(images, size=size, mode="bilinear", antialias=True)
    out = block.module(shape)(images)
    torch.testing.assert_close(out, expected)
    assert block.out_shape(shape)[1:] == size
    if multiplier == 1.0:
        torch.testing.assert_close(out, images)


def test_resizing_to_half_averages_what_it_leaves_out() -> None:
    """A checkerboard becomes grey; without antialiasing, every second pixel would decide."""
    board = (torch.arange(16)[:, None] + torch.arange(16)).remainder(2).float()[None, None]
    out = Resize(multiplier=0.25).module(Shape(1, 16, 16))(board)
    assert out.shape == (1, 1, 4, 4)
    assert (out - 0.5).abs().max() < 0.05


def test_the_resolution_multipliers_of_the_paper_give_its_resolutions() -> None:
    """MobileNetV1 (arXiv 1704.04861), table 7: 224, 192, 160 and 128 px."""
    for resolution in (224, 192, 160, 128):
        assert Resize(multiplier=resolution / 224).out_shape(Shape(3, 224, 224)) == Shape(3, resolution, resolution)


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("operation", ["average", "max"])
def test_windows_are_counted_as_torch_counts_them(operation: str, ceil: bool) -> None:
    """Every size up to 20 px, kernel up to 4, stride up to 3 and padding that torch allows."""
    torch_pool = nn.MaxPool2d if operation == "max" else nn.AvgPool2d
    fitted = refused = 0
    for kernel in range(1, 5):
        for stride in range(1, 4):
            for padding in range(kernel // 2 + 1):
                pool = torch_pool(kernel, stride, padding, ceil_mode=ceil)
                block = Pooling(
                    operation=operation,  # type: ignore[arg-type]
                    kernel=kernel,
                    stride=stride,
                    padding=padding,
                    ceil=ceil,
                )
                for size in range(1, 21):
                    shape, images = Shape(1, size, 20), torch.rand(1, 1, size, 20)
                    stated = window_size(size, kernel, stride, padding, ceil)
                    assert block.out_shape(shape).height == stated
                    if stated < 1:
                        refused += 1
                        with pytest.raises(RuntimeError, match="Output size is too small"):
                            pool(images)
                        continue
                    fitted += 1
                    expected = pool(images)
                    assert expected.shape[2:] == block.out_shape(shape)[1:]
                    assert torch.equal(block.module(shape)(images), expected)
    assert fitted > 400
    assert refused > 10 or ceil


@pytest.mark.parametrize("size", [1, 3, 6])
@pytest.mark.parametrize("operation", ["average", "max"])
def test_global_pooling_to_several_pixels_is_torchs_adaptive_pooling(operation: str, size: int) -> None:
    images = torch.randn(2, 3, 7, 5)
    pool = F.adaptive_avg_pool2d if operation == "average" else F.adaptive_max_pool2d
    block = Pooling(operation=operation, size=size)  # type: ignore[arg-type]
    assert torch.equal(block.module(Shape(3, 7, 5))(images), pool(images, size))


def test_a_linear_layer_reads_the_flattened_map() -> None:
    shape = Shape(3, 2, 4)
    module = randomised(Linear(out=5, dropout=0.5), shape)
    (found,) = (one for one in module.modules() if isinstance(one, nn.Linear))
    x = torch.randn(2, *shape)
    expected = (x.flatten(1) @ found.weight.T + found.bias).relu()
    torch.testing.assert_close(module(x), expected[:, :, None, None])


def test_dropout_works_on_what_enters_a_linear_layer() -> None:
    module = Linear(out=5, dropout=0.5).module(Shape(3, 2, 4))
    order = [type(one) for one in module]  # type: ignore[arg-type]
    assert order.index(nn.Dropout) < order.index(nn.Linear)


@pytest.mark.parametrize("activation", ["none", "relu"])
def test_a_convolution_classifier_averages_its_scores_over_the_map(activation: str) -> None:
    shape = Shape(4, 3, 5)
    block = ConvolutionClassifier(classes=7, activation=activation, dropout=0.5)  # type: ignore[arg-type]
    module = randomised(block, shape)
    (found,) = convolutions(module)
    x = torch.randn(2, *shape)
    everywhere = F.conv2d(x, found.weight, found.bias)
    if activation == "relu":
        everywhere = everywhere.relu()
    torch.testing.assert_close(module(x), everywhere.mean(dim=(2, 3)))


def test_dropout_works_on_what_enters_a_convolution_classifier() -> None:
    order = [type(one) for one in ConvolutionClassifier(classes=7, dropout=0.5).module(Shape(4, 3, 5))]  # type: ignore[arg-type]
    assert order == [nn.Dropout, nn.Conv2d, nn.ReLU, nn.AdaptiveAvgPool2d, nn.Flatten]


def zeroed(module: nn.Module) -> nn.Module:
    for one in module.modules():
        if isinstance(one, nn.Conv2d | nn.Linear):
            nn.init.zeros_(one.weight)
    return module.eval()


@pytest.mark.parametrize(
    ("block", "passes"),
    [
        (InvertedResidual(kernel=3, mid=16, out=8), True),
        (InvertedResidual(kernel=3, mid=8, out=8), True),
        (InvertedResidual(kernel=3, mid=16, out=8, stride=2), False),
        (InvertedResidual(kernel=3, mid=16, out=9), False),
        (InvertedResidual(kernel=3, mid=16, out=8, shortcut=False), False),
    ],
)
def test_the_shortcut_is_there_exactly_when_it_is_wanted_and_the_block_keeps_its_shape(
    block: InvertedResidual, passes: bool
) -> None:
    shape = Shape(8, 4, 4)
    images = torch.randn(2, *shape)
    out = zeroed(block.module(shape))(images)
    assert block.has_shortcut(shape) is passes
    assert torch.equal(out, images) if passes else not out.any()


@pytest.mark.parametrize("out_activation", ["none", "relu"])
def test_the_projection_is_linear_unless_the_block_says_otherwise(out_activation: str) -> None:
    block = residual(mid=16, out=9, activation="relu", out_activation=out_activation)
    out = randomised(block, Shape(8, 4, 4))(torch.randn(2, 8, 4, 4))
    assert (out.min() < 0) == (out_activation == "none")


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("none", lambda x: x),
        ("relu", lambda x: x.clamp(min=0)),
        ("relu6", lambda x: x.clamp(0, 6)),
        ("hardswish", lambda x: x * (x + 3).clamp(0, 6) / 6),  # Howard et al. 2019, equation in 5.2
    ],
)
def test_an_activation_is_what_its_name_says(name: str, function: type) -> None:
    values = torch.linspace(-8, 8, 400).reshape(1, 1, 20, 20)
    module = conv(kernel=1, out=1, activation=name, norm_eps=1e-12).module(Shape(1, 20, 20)).eval()
    nn.init.ones_(module[0].weight)  # type: ignore[index]
    torch.testing.assert_close(module(values), function(values))


@pytest.mark.parametrize(
    ("gate", "function"), [("hardsigmoid", lambda x: (x / 6 + 0.5).clamp(0, 1)), ("sigmoid", torch.sigmoid)]
)
def test_squeeze_excitation_scales_every_channel_by_its_gate(gate: str, function: type) -> None:
    torch.manual_seed(0)
    block = InvertedResidual(kernel=3, mid=6, out=6, squeeze=2, gate=gate)  # type: ignore[arg-type]
    found = [one for one in block.module(Shape(6, 5, 5)).modules() if isinstance(one, SqueezeExcite)]
    assert len(found) == 1
    se, features = found[0], torch.randn(2, 6, 5, 5)
    means = features.mean(dim=(2, 3))
    hidden = (means @ se.reduce.weight.flatten(1).T + se.reduce.bias).relu()
    gates: Tensor = function(hidden @ se.expand.weight.flatten(1).T + se.expand.bias)
    torch.testing.assert_close(se(features), features * gates[:, :, None, None])


def test_squeeze_excitation_sits_after_the_depthwise_activation_and_before_the_projection() -> None:
    made: Any = InvertedResidual(kernel=3, mid=16, out=8, squeeze=4).module(Shape(8, 4, 4))
    assert isinstance(made, Residual)
    order = [type(one).__name__ for one in made.body]
    expanded, depthwise = ["Conv2d", "BatchNorm2d", "ReLU"], ["Conv2d", "BatchNorm2d", "ReLU"]
    assert order == [*expanded, *depthwise, "SqueezeExcite", "Conv2d", "BatchNorm2d"]


def test_pooling_takes_the_mean_or_the_maximum_of_every_channel() -> None:
    images = torch.randn(2, 3, 5, 4)
    shape = Shape(3, 5, 4)
    torch.testing.assert_close(Pooling().module(shape)(images), images.mean(dim=(2, 3), keepdim=True))
    torch.testing.assert_close(Pooling(operation="max").module(shape)(images), images.amax(dim=(2, 3), keepdim=True))


@pytest.mark.parametrize("activation", ["none", "relu", "relu6", "hardswish"])
def test_a_classifier_with_dropout_can_be_trained_after_any_activation(activation: str) -> None:
    """Dropout in place would overwrite what ReLU keeps for its backward pass."""
    block = Classifier(classes=2, hidden=4, activation=activation, dropout=0.5)  # type: ignore[arg-type]
    module = block.module(Shape(3, 1, 1)).train()
    module(torch.randn(4, 3, 1, 1)).sum().backward()


def test_dropout_works_on_what_enters_the_last_layer_and_only_in_training() -> None:
    module = Classifier(classes=2, hidden=4, dropout=0.5).module(Shape(3, 1, 1))
    assert isinstance(module, nn.Sequential)
    assert [type(one) for one in module] == [nn.Flatten, nn.Linear, nn.ReLU, nn.Dropout, nn.Linear]
    images = torch.randn(4, 3, 1, 1)
    assert torch.equal(module.eval()(images), module(images))
    assert module[3].p == 0.5
