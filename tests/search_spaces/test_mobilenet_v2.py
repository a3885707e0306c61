"""MobileNetV2 and the space around it, beside the paper's tables (Sandler et al. 2018, arXiv 1801.04381)."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import groupby

import pytest
import torch
import torchvision
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from nas.arch import ArchSpec
from nas.blocks import Classifier, Convolution, InvertedResidual, Pooling, Shape
from nas.cost import cost
from nas.draw import changed, draw, walk
from nas.model import build
from nas.space import ChoicesError, rebuild, replaying
from search_spaces import REFERENCES
from search_spaces.channels import divisible
from search_spaces.mobilenet_v2 import STAGES, mobilenet_v2, published, published_choices
from tests.nas.test_model import assert_same_outputs, copy_in_order, randomise
from tests.networks import network_on_meta, on_meta, parameters
from tests.search_spaces.printed import millions, truncated

# Table 2: input, expansion t, channels c, blocks n, stride s
TABLE = """
    112 32   1 16 1 1
    112 16   6 24 2 2
    56 24    6 32 3 2
    28 32    6 64 4 2
    14 64    6 96 3 1
    14 96    6 160 3 2
    7 160    6 320 1 1"""

# counted from torchvision's networks
COUNTS = {
    "mobilenet_v2": (300_774_272, 3_504_872),
    "mobilenet_v2@1.4": (582_195_824, 6_108_776),
    "mobilenet_v2@0.5": (97_131_840, 1_968_680),
}

# The authors' table of released models (tensorflow/models, research/slim/nets/mobilenet/README.md): millions of
# multiply-adds at 224, 192, 160, 128 and 96 px, and of parameters. Their multiply-adds have the digits after the point
# cut off, and their parameters leave batch norm's out. The paper prints 300 and 3.4 for 1.0 (tables 3 and 4).
RELEASED = {
    1.4: ("582", "6.06"),
    1.3: ("509", "5.34"),
    1.0: ("300 221 154 99 56", "3.47"),
    0.75: ("209 153 107 69 39", "2.61"),
    0.5: ("97 71 50 32 18", "1.95"),
    0.35: ("59 43 30 20 11", "1.66"),
}
RESOLUTIONS = (224, 192, 160, 128, 96)
OFFERED = (0.35, 0.5, 0.75, 1.0, 1.4)

every_width = pytest.mark.parametrize("width", RELEASED)


def residuals(spec: ArchSpec) -> list[InvertedResidual]:
    return [block for block in spec.blocks if isinstance(block, InvertedResidual)]


def test_the_published_network_is_the_papers_table() -> None:
    rows = [row for row in published().rows() if isinstance(row.block, InvertedResidual)]
    lines = []
    for out, stage in groupby(rows, key=lambda row: row.out.channels):
        first, *others = stage
        block = first.block
        assert isinstance(block, InvertedResidual)
        expansion = block.mid // first.shape.channels
        assert {(one.block.mid, one.block.stride) for one in others} <= {(6 * out, 1)}  # type: ignore[union-attr]
        lines.append(f"{first.shape.height} {first.shape.channels} {expansion} {out} {1 + len(others)} {block.stride}")
    assert lines == [" ".join(line.split()) for line in TABLE.strip().splitlines()]


def test_stem_last_convolution_and_classifier_are_the_papers() -> None:
    spec = published()
    assert spec.blocks[0] == Convolution(kernel=3, out=32, stride=2, activation="relu6")
    assert spec.blocks[-3:] == (
        Convolution(kernel=1, out=1280, activation="relu6"),
        Pooling(),
        Classifier(classes=1000, dropout=0.2),
    )
    assert {(block.kernel, block.activation, block.out_activation) for block in residuals(spec)} == {
        (3, "relu6", "none")
    }
    assert (spec.resolution, spec.classes, spec.strides, spec.initialisation) == (224, 1000, "published", "fan_out")


@pytest.mark.parametrize("reference", COUNTS)
def test_counts_are_torchvisions_to_the_last_integer(reference: str) -> None:
    found = cost(REFERENCES[reference].spec())
    assert (found.macs, found.params) == COUNTS[reference]


def test_every_reference_of_the_family_is_counted() -> None:
    assert set(COUNTS) == {name for name, reference in REFERENCES.items() if reference.space == "mobilenet_v2"}


@every_width
def test_multiply_adds_are_the_released_models_with_decimals_cut_off(width: float) -> None:
    printed = RELEASED[width][0].split()
    for resolution, expected in zip(RESOLUTIONS, printed, strict=False):
        assert truncated(cost(published(width).at(resolution=resolution)).macs, expected) == expected


@every_width
def test_parameters_are_the_released_models_without_batch_norm(width: float) -> None:
    expected = RELEASED[width][1]
    norms = [module for module in network_on_meta(published(width)).modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == 52
    without = cost(published(width)).params - sum(parameters(norm) for norm in norms)
    assert millions(without, expected) == expected


def test_what_the_paper_prints_of_width_1_is_cut_off_as_well() -> None:
    macs, params = COUNTS["mobilenet_v2"]
    assert (truncated(macs, "300"), truncated(params - 34_112, "3.4")) == ("300", "3.4")  # without batch norm


@every_width
def test_channels_are_torchvisions_at_every_width(width: float) -> None:
    theirs = on_meta(lambda: torchvision.models.mobilenet_v2(weights=None, width_mult=width))
    ours = network_on_meta(published(width))
    assert [one.shape for one in ours.state_dict().values()] == [one.shape for one in theirs.state_dict().values()]


@pytest.mark.parametrize("width", [1.0, 0.35])
def test_with_torchvisions_weights_the_outputs_are_torchvisions(width: float) -> None:
    theirs = torchvision.models.mobilenet_v2(weights=None, width_mult=width)
    randomise(theirs, seed=1)
    ours = build(published(width), seed=5)
    assert copy_in_order(theirs, ours) == 314
    images = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(2))
    assert_same_outputs(theirs.eval(), ours.eval(), images)


# ---- the paper's formulas


@given(
    kernel=st.sampled_from((3, 5, 7)),
    expansion=st.integers(2, 8),
    shape=st.builds(Shape, st.integers(1, 320), st.integers(1, 112), st.integers(1, 112)),
    out=st.integers(1, 320),
)
def test_a_bottleneck_costs_what_section_3_says(kernel: int, expansion: int, shape: Shape, out: int) -> None:
    entering, height, width = shape
    block = InvertedResidual(kernel=kernel, mid=expansion * entering, out=out)
    assert block.cost(shape).macs == height * width * entering * expansion * (entering + kernel**2 + out)


def test_the_last_convolution_has_1280_channels_at_least() -> None:
    for width in (0.05, 0.35, 0.5, 1.0, 1.3, 1.4, 2.0):
        last = published(width).blocks[-3]
        assert isinstance(last, Convolution)
        assert last.out == (1280 if width <= 1 else divisible(1280 * width))


# ---- the space


@pytest.mark.parametrize("width", OFFERED)
def test_published_networks_come_out_of_their_choices_exactly(width: float) -> None:
    assert rebuild(mobilenet_v2, published_choices(width)) == published(width)


def test_bottlenecks_with_relu6_cost_the_same_and_differ_in_their_last_activation_only() -> None:
    spec = rebuild(mobilenet_v2, {**published_choices(), "bottleneck": "relu6"})
    assert {block.out_activation for block in residuals(spec)} == {"relu6"}
    more = len(residuals(spec))  # activations
    assert cost(spec) == replace(cost(published()), operators=cost(published()).operators + more)
    assert spec != published()


def test_without_shortcuts_there_is_none_and_the_multiply_adds_are_the_same() -> None:
    spec = rebuild(mobilenet_v2, {**published_choices(), "shortcut": False})

    def shortcuts(spec: ArchSpec) -> int:
        return sum(row.block.has_shortcut(row.shape) for row in spec.rows() if row.block in residuals(spec))  # type: ignore[union-attr]

    assert shortcuts(published()) == sum(stage.blocks - 1 for stage in STAGES) == 10
    assert shortcuts(spec) == 0
    with_them, without = cost(published()), cost(spec)
    assert (without.macs, without.params) == (with_them.macs, with_them.params)


def test_shortcuts_are_asked_about_only_where_there_can_be_any() -> None:
    shallow = {
        name: value
        for name, value in published_choices().items()
        if name != "shortcut" and (".block" not in name or ".block0." in name)
    }
    shallow |= {f"stage{number}.depth": 1 for number in range(len(STAGES))}
    spec = rebuild(mobilenet_v2, shallow)
    assert len(residuals(spec)) == len(STAGES)
    assert not any(row.block.has_shortcut(row.shape) for row in spec.rows() if isinstance(row.block, InvertedResidual))
    with pytest.raises(ChoicesError, match=r"^shortcut: not asked for"):
        rebuild(mobilenet_v2, {**shallow, "shortcut": True})


def test_only_the_blocks_that_exist_are_asked_about() -> None:
    rng = random.Random(0)
    for _ in range(50):
        choices = draw(mobilenet_v2, rng).choices
        expected = {"width", "bottleneck", "shortcut"}
        for number in range(len(STAGES)):
            expected.add(f"stage{number}.depth")
            for position in range(int(choices[f"stage{number}.depth"])):
                expected |= {f"stage{number}.block{position}.{fact}" for fact in ("kernel", "expansion")}
        assert choices.keys() == expected


def test_every_decision_changes_the_network() -> None:
    point = walk(mobilenet_v2, replaying(published_choices()))
    rng = random.Random(0)
    specs = [
        changed(mobilenet_v2, point, name, value, rng).spec
        for name, options in point.domains.items()
        for value in options
        if value != point.choices[name]
    ]
    assert len({*specs, point.spec}) == len(specs) + 1


def test_images_of_32_px_reach_the_pooling_as_4_by_4() -> None:
    rng = random.Random(0)
    for _ in range(50):
        small = draw(mobilenet_v2, rng).spec.trained_on(resolution=32, classes=10)
        assert next(row.shape for row in small.rows() if row.block.kind == "pooling")[1:] == (4, 4)
