"""What a block says about itself is what its module does. A new kind is tested by a line in ``EXAMPLES``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, replace
from fractions import Fraction
from typing import Any, get_args

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

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
from nas.blocks.base import FLOAT_BYTES, Cost, window_size
from nas.errors import SpecError
from nas.layers import Concatenation, Residual, Resizing, SqueezeExcite
from tests.networks import STRATEGIES, on_meta, parameters, possible

KINDS: dict[str, type] = {get_args(kind.__annotations__["kind"])[0]: kind for kind in get_args(Block)}

# every kind: blocks with each fact away from its default at least once, and a shape to put them on (odd sizes included)
EXAMPLES: dict[str, list[tuple[Block, Shape]]] = {
    "resize": [
        (Resize(multiplier=0.5), Shape(3, 9, 6)),
        (Resize(multiplier=1.0), Shape(2, 5, 5)),
        (Resize(multiplier=0.1), Shape(2, 4, 3)),  # never less than a pixel
    ],
    "convolution": [
        (Convolution(kernel=3, out=8), Shape(3, 9, 9)),
        (Convolution(kernel=3, out=16, stride=2, activation="hardswish", norm_eps=1e-3), Shape(3, 15, 15)),
        (Convolution(kernel=1, out=5, activation="none"), Shape(7, 4, 6)),
        (Convolution(kernel=7, out=4, stride=3, activation="relu6"), Shape(2, 5, 8)),
        (Convolution(kernel=5, out=4), Shape(2, 1, 1)),
        (Convolution(kernel=7, out=4, stride=2, padding=0, bias=True, norm=False), Shape(3, 9, 11)),
        (Convolution(kernel=2, out=4, padding=1, bias=True, norm_momentum=0.01), Shape(2, 4, 5)),  # an even kernel
        (Convolution(kernel=11, out=4, stride=4, padding=2, norm=False), Shape(3, 15, 19)),  # AlexNet's first
    ],
    "depthwise_separable": [
        (DepthwiseSeparable(kernel=3, out=8), Shape(8, 6, 6)),
        (DepthwiseSeparable(kernel=5, out=6, stride=2, activation="relu6"), Shape(4, 7, 9)),
        (DepthwiseSeparable(kernel=3, out=3, norm_eps=1e-3, norm_momentum=0.01), Shape(1, 3, 4)),
    ],
    "inverted_residual": [
        (InvertedResidual(kernel=3, mid=8, out=8), Shape(8, 6, 6)),  # no expansion, a shortcut
        (InvertedResidual(kernel=3, mid=8, out=6, stride=2), Shape(8, 7, 7)),  # neither
        (InvertedResidual(kernel=5, mid=24, out=8, squeeze=6), Shape(8, 6, 5)),  # both
        (InvertedResidual(kernel=7, mid=24, out=8, stride=2, activation="hardswish"), Shape(8, 9, 9)),
        (InvertedResidual(kernel=3, mid=4, out=8, squeeze=1, gate="sigmoid", activation="relu6"), Shape(8, 3, 3)),
        (InvertedResidual(kernel=1, mid=16, out=4, norm_eps=1e-3, activation="none"), Shape(8, 4, 4)),
        (InvertedResidual(kernel=5, mid=16, out=8, stride=2), Shape(8, 1, 1)),
        (InvertedResidual(kernel=3, mid=16, out=8, shortcut=False, norm_momentum=0.01), Shape(8, 4, 4)),
        (InvertedResidual(kernel=3, mid=16, out=8, out_activation="relu6"), Shape(8, 4, 4)),
    ],
    "fire": [
        (Fire(squeeze=4, expand1=6, expand3=8), Shape(10, 5, 7)),
        (Fire(squeeze=2, expand1=3, expand3=5, bypass="simple"), Shape(8, 4, 4)),
        (Fire(squeeze=2, expand1=3, expand3=5, bypass="complex"), Shape(6, 4, 3)),
        (Fire(squeeze=9, expand1=1, expand3=1), Shape(2, 1, 1)),
    ],
    "dense_layer": [
        (DenseLayer(growth=4), Shape(6, 5, 4)),
        (DenseLayer(growth=3, bottleneck=12, kernel=5, dropout=0.2), Shape(7, 4, 4)),
        (DenseLayer(growth=4, norm_eps=1e-3, norm_momentum=0.01), Shape(1, 1, 1)),
    ],
    "normalisation": [
        (Normalisation(), Shape(6, 3, 5)),
        (Normalisation(activation="none", norm_eps=1e-3, norm_momentum=0.01), Shape(2, 1, 1)),
    ],
    "pooling": [
        (Pooling(), Shape(6, 5, 7)),
        (Pooling(operation="max"), Shape(3, 1, 1)),
        (Pooling(size=6), Shape(3, 7, 4)),  # AlexNet's, which also enlarges
        (Pooling(operation="max", kernel=3, stride=2), Shape(3, 7, 8)),
        (Pooling(operation="max", kernel=3, stride=2, ceil=True), Shape(3, 8, 6)),
        (Pooling(kernel=3, stride=2, padding=1), Shape(2, 6, 5)),
    ],
    "linear": [
        (Linear(out=9), Shape(4, 3, 2)),
        (Linear(out=5, activation="hardswish", dropout=0.5), Shape(6, 1, 1)),
    ],
    "classifier": [
        (Classifier(classes=10), Shape(6, 1, 1)),
        (Classifier(classes=10, hidden=16, activation="hardswish", dropout=0.2), Shape(6, 1, 1)),
        (Classifier(classes=3, hidden=4, dropout=0.5), Shape(2, 3, 4)),  # on a map that was not pooled
        (Classifier(classes=1, activation="none"), Shape(1, 1, 1)),
    ],
    "convolution_classifier": [
        (ConvolutionClassifier(classes=10), Shape(6, 5, 4)),
        (ConvolutionClassifier(classes=3, activation="none", dropout=0.5), Shape(4, 1, 1)),
    ],
}
ALL = [(block, shape) for examples in EXAMPLES.values() for block, shape in examples]
NAMES = [f"{block.kind}{index}" for index, (block, _) in enumerate(ALL)]

every_example = pytest.mark.parametrize(("block", "shape"), ALL, ids=NAMES)
any_block = given(st.one_of(*STRATEGIES.values()), st.data())


def shapes(block: Block, data: st.DataObject) -> Shape:
    """A shape that the block can be put on."""
    shape = data.draw(st.builds(Shape, st.sampled_from((1, 2, 3, 8)), st.integers(1, 12), st.integers(1, 12)))
    if isinstance(block, Fire) and block.bypass == "simple":
        shape = shape._replace(channels=block.out)
    assume(possible(block, shape))
    return shape


# ---- the contract of every kind


def test_every_kind_has_examples_and_a_strategy() -> None:
    assert set(KINDS) == set(EXAMPLES) == set(STRATEGIES)


@pytest.mark.parametrize("kind", KINDS)
def test_examples_move_every_fact_from_its_default(kind: str) -> None:
    examples = [block for block, _ in EXAMPLES[kind]]
    assert all(type(block) is KINDS[kind] for block in examples)
    for one in fields(KINDS[kind]):
        if one.name != "kind":
            assert len({getattr(block, one.name) for block in examples}) > 1, one.name


def scores(block: Block) -> bool:
    """Whether it ends a network: its output has no height and width any more."""
    return hasattr(block, "classes")


def assert_agrees(block: Block, shape: Shape) -> None:
    """The module's output shape, parameters and multiply-adds are the ones that the block states."""
    module = on_meta(lambda: block.module(shape))
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        out = module(torch.empty(1, *shape, device="meta"))
    stated = block.cost(shape)
    expected = block.out_shape(shape)
    assert tuple(out.shape) == ((1, expected.channels) if scores(block) else (1, *expected))
    assert not scores(block) or expected[1:] == (1, 1)
    assert parameters(module) == stated.params
    assert counter.get_total_flops() == 2 * stated.macs  # a multiply-add is two of the counter's operations


@every_example
def test_the_module_agrees_with_its_block(block: Block, shape: Shape) -> None:
    assert_agrees(block, shape)


@settings(deadline=None, max_examples=200)
@any_block
def test_the_module_of_any_block_agrees_with_it(block: Block, data: st.DataObject) -> None:
    assert_agrees(block, shapes(block, data))


def operator_elements(block: Block, shape: Shape) -> list[int]:
    """Elements that each operator of the built module reads and writes; norms and activations work in place."""
    seen: list[int] = []
    module = on_meta(lambda: block.module(shape))
    pools = nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d | nn.AvgPool2d | nn.MaxPool2d
    for one in module.modules():
        if isinstance(one, nn.Conv2d | nn.Linear | pools | SqueezeExcite | Resizing):
            one.register_forward_hook(lambda _, inputs, out: seen.append(inputs[0].numel() + out.numel()))
        elif isinstance(one, Concatenation):
            one.register_forward_hook(lambda _, __, out: seen.append(2 * out.numel()))  # reads all that it writes
        elif isinstance(one, Residual):
            one.register_forward_hook(lambda _, __, out: seen.append(3 * out.numel()))  # two terms and their sum
        elif isinstance(one, nn.BatchNorm2d):
            one.register_forward_hook(lambda _, __, out: seen.append(out.numel()))
    with torch.inference_mode():
        module(torch.empty(1, *shape, device="meta"))
    return seen


@settings(deadline=None, max_examples=200)
@any_block
def test_the_peak_is_never_below_what_any_operator_reads_and_writes(block: Block, data: st.DataObject) -> None:
    shape = shapes(block, data)
    seen = operator_elements(block, shape)
    assert seen
    assert block.cost(shape).peak_activation_bytes >= FLOAT_BYTES * max(seen)


@every_example
def test_a_module_can_be_trained_and_leaves_its_input_alone(block: Block, shape: Shape) -> None:
    torch.manual_seed(0)
    module = block.module(shape).train()
    images = torch.randn(4, *shape, requires_grad=True)
    before = images.detach().clone()
    module(images).sum().backward()
    assert torch.equal(images, before)
    assert images.grad is not None
    assert all(one.grad is not None for one in module.parameters())


@every_example
def test_two_modules_of_a_block_share_nothing(block: Block, shape: Shape) -> None:
    first, second = block.module(shape), block.module(shape)
    assert first is not second
    assert not {id(one) for one in first.parameters()} & {id(one) for one in second.parameters()}


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
    blocks = (block,) if scores(block) else (block, Classifier(classes=2))
    spec = ArchSpec(resolution=max(shape[1:]), channels=shape.channels, blocks=blocks)
    again = ArchSpec.from_json(spec.to_json()).blocks[0]
    assert type(again) is type(block)
    assert again == block


STRIDED = [kind for kind in KINDS if any(one.name == "stride" for one in fields(KINDS[kind]))]


@pytest.mark.parametrize("kind", STRIDED)
def test_examples_of_a_kind_with_strides_have_some(kind: str) -> None:
    assert any(block.stride > 1 for block, _ in EXAMPLES[kind])  # type: ignore[union-attr]


@settings(deadline=None)
@given(st.one_of(*(STRATEGIES[kind] for kind in STRIDED)), st.data())
def test_unstrided_is_the_same_block_keeping_its_inputs_size(block: Any, data: st.DataObject) -> None:
    assume(block.stride > 1)
    assume(not (block.kind == "convolution" and block.kernel % 2 == 0))
    shape = shapes(block, data)
    soft = block.unstrided()
    assert type(soft) is type(block)
    assert soft.stride == 1
    assert soft.out_shape(shape) == block.out_shape(shape)._replace(height=shape.height, width=shape.width)
    if block.kind != "pooling":  # every weight is still there
        assert soft.cost(shape).params == block.cost(shape).params


def test_unstrided_pooling_changes_nothing() -> None:
    images = torch.randn(2, 3, 6, 5)
    for operation in ("average", "max"):
        soft = Pooling(operation=operation, kernel=3, stride=2, padding=1).unstrided()  # type: ignore[arg-type]
        assert torch.equal(soft.module(Shape(3, 6, 5))(images), images)


def test_an_even_kernel_cannot_keep_its_inputs_size() -> None:
    with pytest.raises(SpecError, match=r"^kernel: 2: must be odd, so that padding keeps the size$"):
        Convolution(kernel=2, out=4, stride=2, padding=0).unstrided()


def test_a_padding_that_keeps_the_size_has_one_form() -> None:
    same = Convolution(kernel=5, out=4)
    assert Convolution(kernel=5, out=4, padding=2) == same
    assert hash(Convolution(kernel=5, out=4, padding=2)) == hash(same)
    assert Convolution(kernel=5, out=4, padding=2).padding == "same"
    assert Convolution(kernel=1, out=4, padding=0).padding == "same"
    assert Convolution(kernel=5, out=4, padding=1).padding == 1
    assert Convolution(kernel=4, out=4, padding=1).padding == 1  # (4 - 1) // 2, but the size is not kept


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


@pytest.mark.parametrize(
    ("make", "facts", "message"),
    [
        (conv, {"kernel": 2}, "kernel: 2: must be odd"),
        (conv, {"kernel": 0}, "kernel: 0: must be at least 1"),
        (conv, {"kernel": 0, "padding": 0}, "kernel: 0: must be at least 1"),
        (conv, {"out": 0}, "out: 0: must be at least 1"),
        (conv, {"stride": 0}, "stride: 0: must be at least 1"),
        (conv, {"padding": -1}, 'padding: -1: must be a number of pixels, or "same"'),
        (conv, {"norm_eps": 0}, "norm_eps: 0: must be between 0 and 1"),
        (conv, {"norm_momentum": 0.0}, "norm_momentum: 0.0: must be above 0 and at most 1"),
        (separable, {"kernel": 4}, "kernel: 4: must be odd"),
        (separable, {"kernel": -1}, "kernel: -1: must be at least 1"),
        (separable, {"out": 0}, "out: 0: must be at least 1"),
        (separable, {"stride": 0}, "stride: 0: must be at least 1"),
        (separable, {"norm_eps": 1.0}, "norm_eps: 1.0: must be between 0 and 1"),
        (separable, {"norm_momentum": 1.1}, "norm_momentum: 1.1: must be above 0 and at most 1"),
        (residual, {"kernel": 4}, "kernel: 4: must be odd"),
        (residual, {"mid": -8}, "mid: -8: must be at least 1"),
        (residual, {"out": 0}, "out: 0: must be at least 1"),
        (residual, {"stride": 0}, "stride: 0: must be at least 1"),
        (residual, {"squeeze": -1}, "squeeze: -1: must be a number of channels"),
        (residual, {"norm_eps": 1.0}, "norm_eps: 1.0: must be between 0 and 1"),
        (residual, {"norm_momentum": -0.1}, "norm_momentum: -0.1: must be above 0"),
        (fire, {"squeeze": 0}, "squeeze: 0: must be at least 1"),
        (fire, {"expand1": 0}, "expand1: 0: must be at least 1"),
        (fire, {"expand3": -4}, "expand3: -4: must be at least 1"),
        (dense, {"growth": 0}, "growth: 0: must be at least 1"),
        (dense, {"bottleneck": -1}, "bottleneck: -1: must be a number of channels, or 0 for none"),
        (dense, {"kernel": 2}, "kernel: 2: must be odd"),
        (dense, {"kernel": 0}, "kernel: 0: must be at least 1"),
        (dense, {"dropout": 1.0}, "dropout: 1.0: must be a probability below 1"),
        (dense, {"norm_eps": 0}, "norm_eps: 0: must be between 0 and 1"),
        (dense, {"norm_momentum": 2}, "norm_momentum: 2: must be above 0 and at most 1"),
        (Normalisation, {"norm_eps": 0}, "norm_eps: 0: must be between 0 and 1"),
        (Normalisation, {"norm_momentum": 0}, "norm_momentum: 0: must be above 0"),
        (Pooling, {"size": 0}, "size: 0: must be at least 1"),
        (Pooling, {"kernel": -1}, "kernel: -1: must be a window's side, or 0 for the whole map"),
        (Pooling, {"kernel": 2, "stride": 0}, "stride: 0: must be at least 1"),
        (Pooling, {"kernel": 3, "padding": 2}, "padding: 2: must be at most half the kernel"),
        (Pooling, {"kernel": 3, "padding": -1}, "padding: -1: must be at most half the kernel"),
        (Pooling, {"kernel": 3, "size": 2}, "size: 2: is for global pooling"),
        (Pooling, {"stride": 2}, "stride: 2: needs a kernel"),
        (Pooling, {"padding": 1}, "padding: 1: must be at most half the kernel"),
        (Pooling, {"ceil": True}, "ceil: True: needs a kernel"),
        (Resize, {"multiplier": 0.0}, "multiplier: 0.0: must be above 0 and at most 1"),
        (Resize, {"multiplier": 1.01}, "multiplier: 1.01: must be above 0 and at most 1"),
        (Linear, {"out": 0}, "out: 0: must be at least 1"),
        (Linear, {"out": 4, "dropout": -0.1}, "dropout: -0.1: must be a probability below 1"),
        (Classifier, {"classes": 0}, "classes: 0: must be at least 1"),
        (Classifier, {"classes": 2, "hidden": -1}, "hidden: -1: must be a number of channels"),
        (Classifier, {"classes": 2, "dropout": 1.0}, "dropout: 1.0: must be a probability below 1"),
        (ConvolutionClassifier, {"classes": 0}, "classes: 0: must be at least 1"),
        (ConvolutionClassifier, {"classes": 2, "dropout": 1.0}, "dropout: 1.0: must be a probability below 1"),
    ],
)
def test_impossible_facts_are_refused(make: Callable[..., Block], facts: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError) as refused:
        make(**facts)
    assert str(refused.value).startswith(message)


def test_a_simple_bypass_needs_equal_widths() -> None:
    block = fire(bypass="simple")
    assert block.out_shape(Shape(8, 4, 4)) == Shape(8, 4, 4)
    with pytest.raises(SpecError, match=r"^bypass: 'simple': needs equal widths, here 6 → 8 channels; use 'complex'"):
        block.out_shape(Shape(6, 4, 4))


# ---- what people read


@pytest.mark.parametrize(
    ("block", "shape", "words"),
    [
        (Resize(multiplier=0.5), Shape(3, 224, 224), "224×224 → 112×112 px"),
        (Convolution(kernel=3, out=16, stride=2), Shape(3, 9, 9), "3×3, 3 → 16 channels, relu, stride 2"),
        (
            Convolution(kernel=7, out=96, padding=0, activation="none"),
            Shape(3, 9, 9),
            "7×7, 3 → 96 channels, no activation, padding 0",
        ),
        (
            DepthwiseSeparable(kernel=5, out=64, stride=2, activation="relu6"),
            Shape(32, 9, 9),
            "5×5 depthwise, 32 → 64 channels, relu6, stride 2",
        ),
        (
            InvertedResidual(kernel=5, mid=96, out=40, stride=2, squeeze=24, activation="hardswish"),
            Shape(24, 9, 9),
            "5×5, 24 → 96 → 40 channels, SE 24, hardswish, stride 2",
        ),
        (
            InvertedResidual(kernel=3, mid=24, out=24, out_activation="relu6", shortcut=False),
            Shape(24, 9, 9),
            "3×3, 24 → 24 channels, no SE, relu, relu6 at the end, no shortcut",
        ),
        (
            Fire(squeeze=16, expand1=64, expand3=48, bypass="complex"),
            Shape(96, 9, 9),
            "squeeze 16, expand 64 1×1 + 48 3×3, 96 → 112 channels, complex bypass",
        ),
        (Fire(squeeze=2, expand1=4, expand3=3), Shape(6, 9, 9), "squeeze 2, expand 4 1×1 + 3 3×3, 6 → 7 channels"),
        (DenseLayer(growth=12), Shape(24, 9, 9), "3×3 dense, 24 → 36 channels"),
        (
            DenseLayer(growth=32, bottleneck=128, kernel=5),
            Shape(64, 9, 9),
            "5×5 dense, 64 → 96 channels, bottleneck 128",
        ),
        (Normalisation(), Shape(8, 9, 9), "batch norm, relu"),
        (Normalisation(activation="none"), Shape(8, 9, 9), "batch norm"),
        (Pooling(), Shape(8, 7, 5), "average over 7×5"),
        (Pooling(operation="max", kernel=3, stride=2), Shape(8, 7, 7), "max over 3×3, stride 2"),
        (Pooling(kernel=2, stride=2).unstrided(), Shape(8, 7, 7), "no pooling"),
        (Linear(out=4096), Shape(256, 6, 6), "9216 → 4096 channels, relu"),
        (Classifier(classes=10, hidden=1024), Shape(576, 1, 1), "576 → 1024 → 10"),
        (
            ConvolutionClassifier(classes=10),
            Shape(512, 13, 13),
            "1×1, 512 → 10 channels, relu, average over 13×13",
        ),
    ],
)
def test_a_block_in_words(block: Block, shape: Shape, words: str) -> None:
    assert block.words(shape) == words


def test_every_kind_is_shown_in_words() -> None:
    for block, shape in ALL:
        words = block.words(shape)
        assert words
        assert "\n" not in words
        assert "None" not in words
        assert "False" not in words


# ---- multiply-adds and parameters, written as their formulas


def test_a_convolution_multiplies_every_output_by_its_window() -> None:
    cost = Convolution(kernel=3, out=16, stride=2).cost(Shape(3, 224, 224))
    assert cost.macs == 112 * 112 * 16 * (3 * 3 * 3)
    assert cost.params == 3 * 3 * 3 * 16 + 2 * 16  # no bias; scale and shift of the batch norm


def test_a_convolutions_bias_and_batch_norm_are_parameters_and_no_multiply_adds() -> None:
    plain, shape = Convolution(kernel=3, out=16, norm=False), Shape(8, 10, 10)
    assert plain.cost(shape).params == 3 * 3 * 8 * 16
    assert replace(plain, bias=True).cost(shape).params == 3 * 3 * 8 * 16 + 16
    assert replace(plain, norm=True).cost(shape).params == 3 * 3 * 8 * 16 + 2 * 16
    assert len({replace(plain, **facts).cost(shape).macs for facts in ({}, {"bias": True}, {"norm": True})}) == 1


def test_an_unpadded_convolution_has_fewer_windows() -> None:
    block = Convolution(kernel=7, out=96, stride=2, padding=0)
    assert block.out_shape(Shape(3, 224, 224)) == Shape(96, 109, 109)  # ⌊(224 - 7) / 2⌋ + 1
    assert block.cost(Shape(3, 224, 224)).macs == 109 * 109 * 96 * 7 * 7 * 3


@given(st.sampled_from((1, 3, 5, 7)), st.integers(1, 512), st.integers(1, 512), st.integers(1, 3), st.integers(1, 56))
def test_a_depthwise_separable_convolution_costs_one_over_n_plus_one_over_k_squared_of_a_full_one(
    kernel: int, into: int, out: int, stride: int, size: int
) -> None:
    """MobileNetV1 (arXiv 1704.04861), section 3.1."""
    shape = Shape(into, size, size)
    separable = DepthwiseSeparable(kernel=kernel, out=out, stride=stride).cost(shape)
    full = Convolution(kernel=kernel, out=out, stride=stride).cost(shape)
    assert Fraction(separable.macs, full.macs) == Fraction(1, out) + Fraction(1, kernel**2)


def test_both_halves_of_a_depthwise_separable_convolution_have_a_batch_norm() -> None:
    cost = DepthwiseSeparable(kernel=3, out=64).cost(Shape(32, 112, 112))
    assert cost.params == (32 * 9 + 2 * 32) + (32 * 64 + 2 * 64)


def test_a_fire_module_costs_its_squeeze_and_two_expansions() -> None:
    cost = Fire(squeeze=16, expand1=64, expand3=64).cost(Shape(96, 54, 54))  # SqueezeNet 1.0, fire2
    assert cost.macs == 54 * 54 * (96 * 16 + 16 * 64 + 9 * 16 * 64)
    assert cost.params == (96 * 16 + 16) + (16 * 64 + 64) + (9 * 16 * 64 + 64)  # biases, no batch norm


def test_a_simple_bypass_is_free_and_a_complex_one_is_a_convolution() -> None:
    shape = Shape(128, 54, 54)
    none, simple, complex_ = (
        Fire(squeeze=16, expand1=64, expand3=64, bypass=bypass).cost(shape)  # type: ignore[arg-type]
        for bypass in ("none", "simple", "complex")
    )
    assert (simple.macs, simple.params) == (none.macs, none.params)
    assert complex_.macs - none.macs == 54 * 54 * 128 * 128
    assert complex_.params - none.params == 128 * 128 + 128


def test_a_dense_layer_normalises_what_came_before_and_adds_its_growth() -> None:
    shape = Shape(24, 32, 32)
    block = DenseLayer(growth=12)
    assert block.out_shape(shape) == Shape(36, 32, 32)
    assert block.cost(shape).macs == 32 * 32 * 9 * 24 * 12
    assert block.cost(shape).params == 2 * 24 + 9 * 24 * 12


def test_a_bottleneck_makes_the_large_convolution_of_a_dense_layer_independent_of_its_depth() -> None:
    block = DenseLayer(growth=32, bottleneck=128)
    for channels in (64, 992):
        cost = block.cost(Shape(channels, 14, 14))
        assert cost.macs == 14 * 14 * (channels * 128 + 9 * 128 * 32)
        assert cost.params == 2 * channels + channels * 128 + 2 * 128 + 9 * 128 * 32


def test_a_normalisation_costs_a_scale_and_a_shift_a_channel() -> None:
    cost = Normalisation().cost(Shape(256, 56, 56))
    assert (cost.macs, cost.params) == (0, 2 * 256)


def test_a_linear_layer_costs_its_matrix_and_has_biases() -> None:
    cost = Linear(out=4096).cost(Shape(256, 6, 6))  # AlexNet's first
    assert cost.macs == 256 * 6 * 6 * 4096
    assert cost.params == 256 * 6 * 6 * 4096 + 4096


def test_a_convolution_classifier_costs_its_matrix_at_every_pixel() -> None:
    cost = ConvolutionClassifier(classes=1000).cost(Shape(512, 13, 13))
    assert cost.macs == 13 * 13 * 512 * 1000
    assert cost.params == 512 * 1000 + 1000


def test_resizing_costs_nothing() -> None:
    cost = Resize(multiplier=0.5).cost(Shape(3, 224, 224))
    assert (cost.macs, cost.params) == (0, 0)


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
    for block in (Pooling(), Pooling(operation="max", kernel=3, stride=2)):
        cost = block.cost(Shape(576, 7, 7))
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


def test_the_peak_of_a_depthwise_separable_convolution_is_in_its_fuller_half() -> None:
    # depthwise 64 + 64 at 56², pointwise 64 + 128: the second is more; with a stride of 2 the first is
    shape = Shape(64, 56, 56)
    assert peak(DepthwiseSeparable(kernel=3, out=128), shape) == 4 * (64 + 128) * 56**2
    assert peak(DepthwiseSeparable(kernel=3, out=128, stride=2), shape) == 4 * (64 * 56**2 + 64 * 28**2)


def test_the_peak_of_a_fire_module_is_in_its_concatenation_or_its_squeeze() -> None:
    # squeeze 96 + 16, expansions 16 + 128, concatenation 128 + 128
    assert peak(Fire(squeeze=16, expand1=64, expand3=64), Shape(96, 54, 54)) == 4 * 256 * 54**2
    # squeeze 512 + 16: more than 16 + 128 and 128 + 128
    assert peak(Fire(squeeze=16, expand1=64, expand3=64), Shape(512, 9, 9)) == 4 * (512 + 16) * 9**2
    # the second expansion reads 300 and both results are there: more than squeeze 8 + 300 and concatenation 256
    assert peak(Fire(squeeze=300, expand1=64, expand3=64), Shape(8, 9, 9)) == 4 * (300 + 128) * 9**2


def test_a_bypass_is_held_while_a_fire_module_works() -> None:
    shape = Shape(128, 54, 54)
    # concatenation 128 + 128 + 128 held, sum 3 · 128
    assert peak(Fire(squeeze=16, expand1=64, expand3=64, bypass="simple"), shape) == 4 * 3 * 128 * 54**2
    # expansions 300 + 128 + 128 held
    assert peak(Fire(squeeze=300, expand1=64, expand3=64, bypass="simple"), shape) == 4 * (300 + 256) * 54**2
    # concatenation 128 + 128 + 512 held; the convolution around it reads 512 and writes 128 beside the 128
    assert peak(Fire(squeeze=16, expand1=64, expand3=64, bypass="complex"), Shape(512, 9, 9)) == 4 * 768 * 9**2


def test_a_dense_layer_holds_its_input_for_the_concatenation() -> None:
    # norm 24 + 24, convolution 24 + 24 + 12, concatenation (24 + 12) · 2
    assert peak(DenseLayer(growth=12), Shape(24, 32, 32)) == 4 * 72 * 32**2
    # norm 64 + 64, 1×1 64 + 64 + 128, 3×3 64 + 128 + 32, concatenation 96 · 2
    assert peak(DenseLayer(growth=32, bottleneck=128), Shape(64, 56, 56)) == 4 * 256 * 56**2
    # 1×1 8 + 8 + 128, 3×3 8 + 128 + 32, concatenation 40 · 2
    assert peak(DenseLayer(growth=32, bottleneck=128), Shape(8, 56, 56)) == 4 * 168 * 56**2
    # 1×1 64 + 64 + 4, 3×3 64 + 4 + 32, concatenation 96 · 2
    assert peak(DenseLayer(growth=32, bottleneck=4), Shape(64, 56, 56)) == 4 * 192 * 56**2


def test_a_normalisation_works_in_place() -> None:
    assert peak(Normalisation(), Shape(256, 56, 56)) == 4 * 256 * 56**2


def test_the_peak_of_pooling_is_its_map_and_one_number_a_channel() -> None:
    assert peak(Pooling(), Shape(576, 7, 7)) == 4 * (576 * 7 * 7 + 576)


def test_the_peak_of_pooling_over_windows_is_both_maps() -> None:
    block = Pooling(operation="max", kernel=3, stride=2)
    assert peak(block, Shape(64, 55, 55)) == 4 * 64 * (55**2 + 27**2)
    assert peak(replace(block, ceil=True), Shape(64, 56, 56)) == 4 * 64 * (56**2 + 28**2)
    assert peak(replace(block, padding=1), Shape(64, 112, 112)) == 4 * 64 * (112**2 + 56**2)
    assert peak(Pooling(size=6), Shape(256, 13, 13)) == 4 * 256 * (13**2 + 6**2)


def test_the_peak_of_a_linear_layer_is_its_features_before_and_after() -> None:
    assert peak(Linear(out=4096), Shape(256, 6, 6)) == 4 * (256 * 6 * 6 + 4096)


def test_the_peak_of_a_convolution_classifier_is_in_its_convolution() -> None:
    assert peak(ConvolutionClassifier(classes=1000), Shape(512, 13, 13)) == 4 * (512 + 1000) * 13**2
    # on a single pixel the average holds its scores twice: 2 · 1000 is more than 4 + 1000
    assert peak(ConvolutionClassifier(classes=1000), Shape(4, 1, 1)) == 4 * 2 * 1000


def test_the_peak_of_resizing_is_both_images() -> None:
    assert peak(Resize(multiplier=0.5), Shape(3, 224, 224)) == 4 * 3 * (224**2 + 112**2)


def test_the_peak_of_a_classifier_is_in_its_widest_pair_of_layers() -> None:
    pooled = Shape(576, 1, 1)
    assert peak(Classifier(classes=10), pooled) == 4 * (576 + 10)
    assert peak(Classifier(classes=10, hidden=1024), pooled) == 4 * (576 + 1024)
    assert peak(Classifier(classes=1000, hidden=1024), pooled) == 4 * (1024 + 1000)


def test_costs_in_a_row_add_up_but_their_peaks_do_not() -> None:
    first = Cost(macs=5, params=7, peak_activation_bytes=11)
    second = Cost(macs=1, params=2, peak_activation_bytes=3)
    assert first + second == second + first == Cost(macs=6, params=9, peak_activation_bytes=11)


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
