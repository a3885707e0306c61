"""What a block says about itself is what its layer does. A new kind is tested by a line in ``EXAMPLES``."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from nas.arch import ArchSpec
from nas.blocks import Block, Classifier, Convolution, InvertedResidual, Pooling, Shape
from nas.blocks.base import FLOAT_BYTES, Cost
from nas.errors import SpecError
from nas.layers import LAYERS, layer
from nas.layers.base import SqueezeExcite
from nas.layers.inverted_residual import InvertedResidualLayer
from tests.networks import STRATEGIES, on_meta, parameters

KINDS: dict[str, type] = {get_args(kind.__annotations__["kind"])[0]: kind for kind in get_args(Block)}

# every kind: blocks with each fact away from its default at least once, and a shape to put them on (odd sizes included)
EXAMPLES: dict[str, list[tuple[Block, Shape]]] = {
    "convolution": [
        (Convolution(kernel=3, out=8), Shape(3, 9, 9)),
        (Convolution(kernel=3, out=16, stride=2, activation="hardswish", norm_eps=1e-3), Shape(3, 15, 15)),
        (Convolution(kernel=1, out=5, activation="none"), Shape(7, 4, 6)),
        (Convolution(kernel=7, out=4, stride=3, activation="relu6"), Shape(2, 5, 8)),
        (Convolution(kernel=5, out=4), Shape(2, 1, 1)),
    ],
    "inverted_residual": [
        (InvertedResidual(kernel=3, mid=8, out=8), Shape(8, 6, 6)),  # no expansion, a shortcut
        (InvertedResidual(kernel=3, mid=8, out=6, stride=2), Shape(8, 7, 7)),  # neither
        (InvertedResidual(kernel=5, mid=24, out=8, squeeze=6), Shape(8, 6, 5)),  # both
        (InvertedResidual(kernel=7, mid=24, out=8, stride=2, activation="hardswish"), Shape(8, 9, 9)),
        (InvertedResidual(kernel=3, mid=4, out=8, squeeze=1, gate="sigmoid", activation="relu6"), Shape(8, 3, 3)),
        (InvertedResidual(kernel=1, mid=16, out=4, norm_eps=1e-3, activation="none"), Shape(8, 4, 4)),
        (InvertedResidual(kernel=5, mid=16, out=8, stride=2), Shape(8, 1, 1)),
    ],
    "pooling": [(Pooling(), Shape(6, 5, 7)), (Pooling(operation="max"), Shape(3, 1, 1))],
    "classifier": [
        (Classifier(classes=10), Shape(6, 1, 1)),
        (Classifier(classes=10, hidden=16, activation="hardswish", dropout=0.2), Shape(6, 1, 1)),
        (Classifier(classes=3, hidden=4, dropout=0.5), Shape(2, 3, 4)),  # on a map that was not pooled
        (Classifier(classes=1, activation="none"), Shape(1, 1, 1)),
    ],
}
ALL = [(block, shape) for examples in EXAMPLES.values() for block, shape in examples]
NAMES = [f"{block.kind}{index}" for index, (block, _) in enumerate(ALL)]

every_example = pytest.mark.parametrize(("block", "shape"), ALL, ids=NAMES)
SHAPES = st.builds(Shape, st.sampled_from((1, 2, 3, 8)), st.integers(1, 12), st.integers(1, 12))


# ---- the contract of every kind


def test_every_kind_has_a_layer_examples_and_a_strategy() -> None:
    assert set(KINDS) == set(LAYERS) == set(EXAMPLES) == set(STRATEGIES)


@pytest.mark.parametrize("kind", KINDS)
def test_examples_move_every_fact_from_its_default(kind: str) -> None:
    examples = [block for block, _ in EXAMPLES[kind]]
    assert all(type(block) is KINDS[kind] for block in examples)
    for one in fields(KINDS[kind]):
        if one.name != "kind":
            assert len({getattr(block, one.name) for block in examples}) > 1, one.name


def assert_agrees(block: Block, shape: Shape) -> None:
    """The layer's output shape, parameters and multiply-adds are the ones that the block states."""
    module = on_meta(lambda: layer(block, shape))
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        out = module(torch.empty(1, *shape, device="meta"))
    stated = block.cost(shape)
    expected = block.out_shape(shape)
    assert tuple(out.shape) == ((1, expected.channels) if block.kind == "classifier" else (1, *expected))
    assert parameters(module) == stated.params
    assert counter.get_total_flops() == 2 * stated.macs  # a multiply-add is two of the counter's operations


@every_example
def test_the_layer_agrees_with_its_block(block: Block, shape: Shape) -> None:
    assert_agrees(block, shape)


@settings(deadline=None, max_examples=150)
@given(st.one_of(*STRATEGIES.values()), SHAPES)
def test_the_layer_of_any_block_agrees_with_it(block: Block, shape: Shape) -> None:
    assert_agrees(block, shape)


@settings(deadline=None, max_examples=150)
@given(st.one_of(*STRATEGIES.values()), SHAPES)
def test_the_peak_is_never_below_what_any_operator_reads_and_writes(block: Block, shape: Shape) -> None:
    """Measured on the layer: batch norm and activations work in place, so operators are the modules counted here."""
    seen: list[int] = []
    module = on_meta(lambda: layer(block, shape))
    for one in module.modules():
        if isinstance(one, nn.Conv2d | nn.Linear | nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d | SqueezeExcite):
            one.register_forward_hook(lambda _, inputs, out: seen.append(inputs[0].numel() + out.numel()))
    with torch.inference_mode():
        module(torch.empty(1, *shape, device="meta"))
    assert seen
    assert block.cost(shape).peak_activation_bytes >= FLOAT_BYTES * max(seen)


@every_example
def test_a_layer_can_be_trained_and_leaves_its_input_alone(block: Block, shape: Shape) -> None:
    torch.manual_seed(0)
    module = layer(block, shape).train()
    images = torch.randn(4, *shape, requires_grad=True)
    before = images.detach().clone()
    module(images).sum().backward()
    assert torch.equal(images, before)
    assert all(one.grad is not None for one in module.parameters())


@every_example
def test_a_block_cannot_be_changed(block: Block, shape: Shape) -> None:
    for one in fields(block):
        with pytest.raises(FrozenInstanceError):
            setattr(block, one.name, getattr(block, one.name))


@every_example
def test_facts_of_a_block_are_given_by_name(block: Block, shape: Shape) -> None:
    with pytest.raises(TypeError):
        type(block)(block.kind)


@every_example
def test_equal_facts_are_the_same_block(block: Block, shape: Shape) -> None:
    assert replace(block) == block
    assert hash(replace(block)) == hash(block)


@every_example
def test_json_gives_back_every_fact(block: Block, shape: Shape) -> None:
    blocks = (block,) if isinstance(block, Classifier) else (block, Classifier(classes=2))
    spec = ArchSpec(resolution=shape.height, channels=shape.channels, blocks=blocks)
    again = ArchSpec.from_json(spec.to_json()).blocks[0]
    assert type(again) is type(block)
    assert again == block


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Convolution(kernel=2, out=8), r"^kernel: 2: must be odd"),
        (lambda: Convolution(kernel=0, out=8), r"^kernel: 0: must be at least 1"),
        (lambda: Convolution(kernel=3, out=0), r"^out: 0: must be at least 1"),
        (lambda: Convolution(kernel=3, out=8, stride=0), r"^stride: 0: must be at least 1"),
        (lambda: Convolution(kernel=3, out=8, norm_eps=0), r"^norm_eps: 0: must be between 0 and 1"),
        (lambda: InvertedResidual(kernel=4, mid=8, out=8), r"^kernel: 4: must be odd"),
        (lambda: InvertedResidual(kernel=3, mid=-8, out=8), r"^mid: -8: must be at least 1"),
        (lambda: InvertedResidual(kernel=3, mid=8, out=0), r"^out: 0: must be at least 1"),
        (lambda: InvertedResidual(kernel=3, mid=8, out=8, stride=0), r"^stride: 0: must be at least 1"),
        (lambda: InvertedResidual(kernel=3, mid=8, out=8, squeeze=-1), r"^squeeze: -1: must be a number of channels"),
        (lambda: InvertedResidual(kernel=3, mid=8, out=8, norm_eps=1.0), r"^norm_eps: 1.0: must be between 0 and 1"),
        (lambda: Classifier(classes=0), r"^classes: 0: must be at least 1"),
        (lambda: Classifier(classes=2, hidden=-1), r"^hidden: -1: must be a number of channels"),
        (lambda: Classifier(classes=2, dropout=1.0), r"^dropout: 1.0: must be a probability below 1"),
    ],
)
def test_impossible_facts_are_refused(make: type, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make()


# ---- multiply-adds and parameters, written as their formulas


def test_a_convolution_multiplies_every_output_by_its_window() -> None:
    cost = Convolution(kernel=3, out=16, stride=2).cost(Shape(3, 224, 224))
    assert cost.macs == 112 * 112 * 16 * (3 * 3 * 3)
    assert cost.params == 3 * 3 * 3 * 16 + 2 * 16  # no bias; scale and shift of the batch norm


def test_a_depthwise_convolution_multiplies_within_its_channel_only() -> None:
    shape = Shape(16, 56, 56)
    three, five = (InvertedResidual(kernel=kernel, mid=16, out=24).cost(shape) for kernel in (3, 5))
    assert five.macs - three.macs == 56 * 56 * 16 * (25 - 9)
    assert five.params - three.params == 16 * (25 - 9)


def test_the_expansion_works_on_the_map_before_the_stride() -> None:
    shape = Shape(16, 56, 56)
    cost = InvertedResidual(kernel=3, mid=72, out=24, stride=2).cost(shape)
    assert cost.macs == 56 * 56 * 16 * 72 + 28 * 28 * 72 * 9 + 28 * 28 * 72 * 24
    assert cost.params == (16 * 72 + 2 * 72) + (72 * 9 + 2 * 72) + (72 * 24 + 2 * 24)


def test_no_expansion_is_paid_where_the_width_is_already_there() -> None:
    shape = Shape(16, 56, 56)
    cost = InvertedResidual(kernel=3, mid=16, out=24).cost(shape)
    assert cost.macs == 56 * 56 * (16 * 9 + 16 * 24)
    assert not InvertedResidual(kernel=3, mid=16, out=24).expands(shape)


def test_squeeze_excitation_costs_two_small_matrices() -> None:
    shape = Shape(40, 14, 14)
    without = InvertedResidual(kernel=5, mid=240, out=40).cost(shape)
    with_se = InvertedResidual(kernel=5, mid=240, out=40, squeeze=64).cost(shape)
    assert with_se.macs - without.macs == 240 * 64 + 64 * 240
    assert with_se.params - without.params == (240 * 64 + 64) + (64 * 240 + 240)  # both have biases


def test_pooling_costs_no_multiply_adds_and_has_no_parameters() -> None:
    cost = Pooling().cost(Shape(576, 7, 7))
    assert (cost.macs, cost.params) == (0, 0)


def test_a_classifier_costs_its_matrices_and_has_biases() -> None:
    pooled = Shape(576, 1, 1)
    assert Classifier(classes=10).cost(pooled).macs == 576 * 10
    assert Classifier(classes=10).cost(pooled).params == 576 * 10 + 10
    assert Classifier(classes=10, hidden=1024).cost(pooled).macs == 576 * 1024 + 1024 * 10
    assert Classifier(classes=10, hidden=1024).cost(pooled).params == (576 * 1024 + 1024) + (1024 * 10 + 10)


# ---- peak activation bytes, written as their formulas (4 bytes a number)


def peak(block: Block, shape: Shape) -> int:
    return block.cost(shape).peak_activation_bytes


def test_the_peak_of_a_convolution_is_its_input_and_output() -> None:
    assert peak(Convolution(kernel=3, out=16, stride=2), Shape(3, 224, 224)) == 4 * (3 * 224**2 + 16 * 112**2)


def test_the_peak_of_a_block_without_expansion_or_shortcut_is_in_its_depthwise_convolution() -> None:
    block = InvertedResidual(kernel=3, mid=16, out=24, stride=2)
    # depthwise 16·112² + 16·56², projection (16 + 24)·56²
    assert peak(block, Shape(16, 112, 112)) == 4 * (16 * 112**2 + 16 * 56**2)


def test_the_peak_of_a_strided_expansion_is_before_the_stride() -> None:
    block = InvertedResidual(kernel=3, mid=96, out=24, stride=2)
    # expansion (16 + 96)·112², depthwise 96·112² + 96·56²: the second is more
    assert peak(block, Shape(16, 112, 112)) == 4 * (96 * 112**2 + 96 * 56**2)
    few = InvertedResidual(kernel=3, mid=20, out=24, stride=2)
    # expansion (16 + 20)·112², depthwise 20·112² + 20·56²: the first is more
    assert peak(few, Shape(16, 112, 112)) == 4 * (16 + 20) * 112**2


def test_a_shortcut_is_held_while_the_block_works() -> None:
    shape = Shape(40, 14, 14)
    with_shortcut = InvertedResidual(kernel=5, mid=240, out=40)
    without = InvertedResidual(kernel=5, mid=240, out=48)
    assert peak(without, shape) == 4 * (240 + 240) * 14**2
    assert peak(with_shortcut, shape) == 4 * (240 + 240 + 40) * 14**2


def test_a_shortcut_that_the_first_operator_reads_is_held_once() -> None:
    # depthwise 40 + 40 (its input is the shortcut), projection 40 + 40 + 40 held, sum 3 · 40
    assert peak(InvertedResidual(kernel=3, mid=40, out=40), Shape(40, 14, 14)) == 4 * 3 * 40 * 14**2


def test_the_sum_is_the_peak_of_a_block_that_is_narrow_inside() -> None:
    # expansion 40 + 8, depthwise 8 + 8 + 40, projection 8 + 40 + 40, sum 40 + 40 + 40
    assert peak(InvertedResidual(kernel=3, mid=8, out=40), Shape(40, 14, 14)) == 4 * 3 * 40 * 14**2


def test_squeeze_excitation_holds_its_features_gates_and_product() -> None:
    block = InvertedResidual(kernel=5, mid=240, out=40, squeeze=64)
    assert peak(block, Shape(40, 14, 14)) == 4 * ((240 + 240 + 40) * 14**2 + 240)


def test_the_peak_of_pooling_is_its_map_and_one_number_a_channel() -> None:
    assert peak(Pooling(), Shape(576, 7, 7)) == 4 * (576 * 7 * 7 + 576)


def test_the_peak_of_a_classifier_is_in_its_widest_pair_of_layers() -> None:
    pooled = Shape(576, 1, 1)
    assert peak(Classifier(classes=10), pooled) == 4 * (576 + 10)
    assert peak(Classifier(classes=10, hidden=1024), pooled) == 4 * (576 + 1024)
    assert peak(Classifier(classes=1000, hidden=1024), pooled) == 4 * (1024 + 1000)


def test_costs_in_a_row_add_up_but_their_peaks_do_not() -> None:
    first = Cost(macs=5, params=7, peak_activation_bytes=11)
    second = Cost(macs=1, params=2, peak_activation_bytes=3)
    assert first + second == second + first == Cost(macs=6, params=9, peak_activation_bytes=11)


# ---- what a layer computes


def norms(module: nn.Module) -> list[nn.BatchNorm2d]:
    return [one for one in module.modules() if isinstance(one, nn.BatchNorm2d)]


def test_the_block_says_what_epsilon_every_batch_norm_has() -> None:
    shape = Shape(8, 4, 4)
    for block in (Convolution(kernel=3, out=8, norm_eps=0.25), InvertedResidual(kernel=3, mid=9, out=8, norm_eps=0.25)):
        found = norms(layer(block, shape))
        assert len(found) == (1 if block.kind == "convolution" else 3)
        assert {one.eps for one in found} == {0.25}


def test_statistics_follow_training_fast_enough_for_brief_ones() -> None:
    found = norms(layer(InvertedResidual(kernel=3, mid=9, out=8), Shape(8, 4, 4)))
    assert {one.momentum for one in found} == {0.1}


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
    ],
)
def test_the_shortcut_is_there_exactly_when_the_block_keeps_its_shape(block: InvertedResidual, passes: bool) -> None:
    shape = Shape(8, 4, 4)
    images = torch.randn(2, *shape)
    out = zeroed(layer(block, shape))(images)
    assert block.has_shortcut(shape) is passes
    assert torch.equal(out, images) if passes else not out.any()


def test_the_projection_is_linear() -> None:
    block = InvertedResidual(kernel=3, mid=16, out=9, activation="relu")
    torch.manual_seed(0)
    assert layer(block, Shape(8, 4, 4)).eval()(torch.randn(2, 8, 4, 4)).min() < 0


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
    module = layer(Convolution(kernel=1, out=1, activation=name, norm_eps=1e-12), Shape(1, 20, 20)).eval()  # type: ignore[arg-type]
    nn.init.ones_(module[0].weight)  # type: ignore[index]
    torch.testing.assert_close(module(values), function(values))


@pytest.mark.parametrize(
    ("gate", "function"), [("hardsigmoid", lambda x: (x / 6 + 0.5).clamp(0, 1)), ("sigmoid", torch.sigmoid)]
)
def test_squeeze_excitation_scales_every_channel_by_its_gate(gate: str, function: type) -> None:
    torch.manual_seed(0)
    block = InvertedResidual(kernel=3, mid=6, out=6, squeeze=2, gate=gate)  # type: ignore[arg-type]
    found = [one for one in layer(block, Shape(6, 5, 5)).modules() if isinstance(one, SqueezeExcite)]
    assert len(found) == 1
    se, features = found[0], torch.randn(2, 6, 5, 5)
    means = features.mean(dim=(2, 3))
    hidden = (means @ se.reduce.weight.flatten(1).T + se.reduce.bias).relu()
    gates: Tensor = function(hidden @ se.expand.weight.flatten(1).T + se.expand.bias)
    torch.testing.assert_close(se(features), features * gates[:, :, None, None])


def test_squeeze_excitation_sits_after_the_depthwise_activation_and_before_the_projection() -> None:
    made = layer(InvertedResidual(kernel=3, mid=16, out=8, squeeze=4), Shape(8, 4, 4))
    assert isinstance(made, InvertedResidualLayer)
    order = [type(one).__name__ for one in made.body]
    expanded, depthwise = ["Conv2d", "BatchNorm2d", "ReLU"], ["Conv2d", "BatchNorm2d", "ReLU"]
    assert order == [*expanded, *depthwise, "SqueezeExcite", "Conv2d", "BatchNorm2d"]


def test_pooling_takes_the_mean_or_the_maximum_of_every_channel() -> None:
    images = torch.randn(2, 3, 5, 4)
    shape = Shape(3, 5, 4)
    torch.testing.assert_close(layer(Pooling(), shape)(images), images.mean(dim=(2, 3), keepdim=True))
    torch.testing.assert_close(layer(Pooling(operation="max"), shape)(images), images.amax(dim=(2, 3), keepdim=True))


@pytest.mark.parametrize("activation", ["none", "relu", "relu6", "hardswish"])
def test_a_classifier_with_dropout_can_be_trained_after_any_activation(activation: str) -> None:
    """Dropout in place would overwrite what ReLU keeps for its backward pass."""
    block = Classifier(classes=2, hidden=4, activation=activation, dropout=0.5)  # type: ignore[arg-type]
    module = layer(block, Shape(3, 1, 1)).train()
    module(torch.randn(4, 3, 1, 1)).sum().backward()


def test_dropout_works_on_what_enters_the_last_layer_and_only_in_training() -> None:
    module = layer(Classifier(classes=2, hidden=4, dropout=0.5), Shape(3, 1, 1))
    assert isinstance(module, nn.Sequential)
    assert [type(one) for one in module] == [nn.Flatten, nn.Linear, nn.ReLU, nn.Dropout, nn.Linear]
    images = torch.randn(4, 3, 1, 1)
    assert torch.equal(module.eval()(images), module(images))
    assert module[3].p == 0.5
