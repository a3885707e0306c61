"""What a block says about itself is what its module does. A new kind is tested by a line in ``EXAMPLES``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
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
from nas.blocks.base import FLOAT_BYTES
from nas.errors import SpecError
from nas.layers import Concatenation, Residual, Resizing, SqueezeExcite
from tests.networks import KINDS, STRATEGIES, conv, dense, fire, on_meta, parameters, possible, residual, separable

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
