"""The operators that blocks list: those that the built network runs, in order, and what each costs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from nas.arch import ArchSpec
from nas.blocks import (
    Classifier,
    Convolution,
    DenseLayer,
    Fire,
    InvertedResidual,
    Operator,
    OperatorKind,
    Pooling,
    Resize,
    Shape,
)
from nas.profile.check import operators_run, plain_kind
from search_spaces import REFERENCES, SPACES
from tests.networks import ARCHITECTURES, image_on_meta, network_on_meta, random_specs


def listed(spec: ArchSpec) -> list[tuple[str, int]]:
    return [(plain_kind(one), one.out.elements) for row in spec.rows() for one in row.block.operators(row.shape)]


def assert_run(spec: ArchSpec) -> None:
    """The same kinds in the same order, with outputs of the same size."""
    assert operators_run(network_on_meta(spec), image_on_meta(spec)) == listed(spec)


@settings(deadline=None, max_examples=100)
@given(ARCHITECTURES)
def test_any_table_of_blocks_lists_the_operators_that_torch_runs(spec: ArchSpec) -> None:
    assert_run(spec)


@pytest.mark.parametrize("space", SPACES)
def test_random_networks_list_the_operators_that_torch_runs(space: str) -> None:
    for number, spec in enumerate(random_specs(space, 10, seed=4)):
        assert_run(spec if number % 2 else spec.trained_on(resolution=32, classes=10))


@pytest.mark.parametrize(
    "reference", ["mobilenet_v3_large", "mobilenet_v1", "squeezenet_1_0_complex_bypass", "densenet_40_12", "alexnet"]
)
def test_references_list_the_operators_that_torch_runs(reference: str) -> None:
    assert_run(REFERENCES[reference].spec())


@settings(deadline=None)
@given(ARCHITECTURES)
def test_a_block_s_output_is_its_last_operator_s(spec: ArchSpec) -> None:
    for row in spec.rows():
        last = row.block.operators(row.shape)[-1]
        assert last.out.elements == row.out.elements
        assert row.block.cost(row.shape).kernels <= row.block.cost(row.shape).params


# ---- what each costs


def operators(block: object, shape: Shape, kind: OperatorKind) -> list[Operator]:
    return [one for one in block.operators(shape) if one.kind == kind]  # type: ignore[attr-defined]


def test_a_convolution_has_kernels_and_its_bias_and_norm_are_vectors() -> None:
    block, shape = Convolution(kernel=3, out=16, stride=2, bias=True), Shape(3, 32, 32)
    conv, norm, relu = block.operators(shape)
    assert (conv.kind, conv.kernels, conv.vectors, conv.params) == ("convolution", 27 * 16, 16, 27 * 16 + 16)
    assert (norm.kind, norm.kernels, norm.vectors, norm.macs) == ("batch_norm", 0, 32, 0)
    assert (relu.kind, relu.params, relu.macs) == ("activation", 0, 0)
    assert block.cost(shape).kernels == 27 * 16
    assert block.cost(shape).params == 27 * 16 + 16 + 32


def test_convolutions_are_told_apart() -> None:
    block = InvertedResidual(kernel=5, mid=96, out=40)
    kinds = [one.kind for one in block.operators(Shape(24, 14, 14))]
    assert [kind for kind in kinds if kind not in ("batch_norm", "activation")] == [
        "pointwise",
        "depthwise",
        "pointwise",
    ]
    assert Convolution(kernel=1, out=8).operators(Shape(4, 2, 2))[0].kind == "pointwise"


def test_squeeze_excitation_is_six_operators() -> None:
    shape = Shape(240, 14, 14)
    block = InvertedResidual(kernel=5, mid=240, out=40, squeeze=64)
    parts = [one for one in block.operators(shape) if one.squeeze_excite]
    assert [one.kind for one in parts] == ["pooling", "pointwise", "activation", "pointwise", "activation", "product"]
    assert [one.macs for one in parts] == [0, 240 * 64, 0, 64 * 240, 0, 0]
    assert [one.kernels for one in parts] == [0, 240 * 64, 0, 64 * 240, 0, 0]
    assert [one.vectors for one in parts] == [0, 64, 0, 240, 0, 0]  # biases
    features = shape.elements
    assert [one.touched for one in parts] == [features + 240, 240 + 64, 2 * 64, 64 + 240, 2 * 240, 2 * features + 240]
    # the features wait while the gates are computed, and the product holds features, gates and result
    assert [one.live for one in parts] == [
        features + 240,
        features + 240 + 64,
        features + 64,
        features + 64 + 240,
        features + 240 + 240,
        2 * features + 240,
    ]


def test_a_shortcut_is_held_until_it_is_added() -> None:
    shape, inside = Shape(40, 14, 14), 240 * 14 * 14
    held = shape.elements
    ops = InvertedResidual(kernel=5, mid=240, out=40).operators(shape)
    assert [(one.kind, one.live) for one in ops] == [
        ("pointwise", held + inside),  # it reads the shortcut: held once
        ("batch_norm", inside + held),
        ("activation", inside + held),
        ("depthwise", 2 * inside + held),
        ("batch_norm", inside + held),
        ("activation", inside + held),
        ("pointwise", inside + held + held),
        ("batch_norm", 2 * held),
        ("sum", 3 * held),
    ]


def test_a_dense_layer_writes_its_norm_beside_what_it_keeps() -> None:
    shape = Shape(24, 8, 8)
    first, *_, last = DenseLayer(growth=12).operators(shape)
    assert (first.kind, first.live) == ("batch_norm", 2 * shape.elements)
    assert (last.kind, last.out, last.touched) == ("concatenation", Shape(36, 8, 8), 2 * 36 * 64)


def test_a_complex_bypass_is_one_more_convolution_before_the_sum() -> None:
    shape = Shape(16, 8, 8)
    kinds = [one.kind for one in Fire(squeeze=4, expand1=8, expand3=8, bypass="complex").operators(shape)]
    assert kinds[-3:] == ["concatenation", "pointwise", "sum"]
    simple = [one.kind for one in Fire(squeeze=4, expand1=8, expand3=8, bypass="simple").operators(shape)]
    assert simple == [*kinds[:-2], "sum"]


def test_dropout_does_nothing_in_use() -> None:
    (dropout,) = operators(Classifier(classes=10, dropout=0.2), Shape(64, 1, 1), "dropout")
    assert (dropout.macs, dropout.params, dropout.touched, dropout.live) == (0, 0, 0, 64)


def test_pooling_and_resizing_read_one_map_and_write_another() -> None:
    (pooled,) = Pooling().operators(Shape(576, 7, 7))
    assert (pooled.touched, pooled.live) == (576 * 50, 576 * 50)
    (resized,) = Resize(multiplier=0.5).operators(Shape(3, 224, 224))
    assert resized.touched == 3 * (224**2 + 112**2)
