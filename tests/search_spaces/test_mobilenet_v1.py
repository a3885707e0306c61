"""MobileNetV1 and the space around it, beside the paper's tables (Howard et al. 2017, arXiv 1704.04861)."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.arch import ArchSpec
from nas.blocks import Block, Classifier, Convolution, DepthwiseSeparable, Pooling, Resize, Shape
from nas.cost import cost, ledger
from nas.draw import changed, draw, walk
from nas.space import ChoicesError, Option, rebuild, replaying
from search_spaces import REFERENCES
from search_spaces.mobilenet_v1 import STAGES, mobilenet_v1, published, published_choices
from tests.search_spaces.printed import millions, truncated

# Table 1: what enters, and filter shape and stride of convolution, depthwise (dw) and pointwise convolution. Erratum:
# the last depthwise is printed "s2", on 7×7 px that stay 7×7.
TABLE = """
    224 3    3x3x32 s2
    112 32   dw s1  1x1x64
    112 64   dw s2  1x1x128
    56 128   dw s1  1x1x128
    56 128   dw s2  1x1x256
    28 256   dw s1  1x1x256
    28 256   dw s2  1x1x512
    14 512   dw s1  1x1x512
    14 512   dw s1  1x1x512
    14 512   dw s1  1x1x512
    14 512   dw s1  1x1x512
    14 512   dw s1  1x1x512
    14 512   dw s2  1x1x1024
    7 1024   dw s1  1x1x1024
    7 1024   pool
    1 1024   1000"""


class Printed(NamedTuple):
    """A row of tables 4 to 7, with what we count; the integers come from the original implementation."""

    reference: str
    resolution: int
    macs: int
    params: int
    paper_macs: str  # in millions
    paper_params: str


COUNTS = (
    Printed("mobilenet_v1", 224, 568_740_352, 4_231_976, "569", "4.2"),
    Printed("mobilenet_v1@0.75", 224, 325_400_448, 2_585_560, "325", "2.6"),
    Printed("mobilenet_v1@0.5", 224, 149_497_088, 1_331_592, "149", "1.3"),
    Printed("mobilenet_v1@0.25", 224, 41_030_272, 470_072, "41", "0.5"),
    Printed("mobilenet_v1", 192, 418_121_728, 4_231_976, "418", "4.2"),
    Printed("mobilenet_v1", 160, 290_675_200, 4_231_976, "290", "4.2"),
    Printed("mobilenet_v1", 128, 186_400_768, 4_231_976, "186", "4.2"),
    Printed("mobilenet_v1_full", 224, 4_867_293_184, 29_294_088, "4866", "29.3"),
    Printed("mobilenet_v1_shallow", 224, 307_323_392, 2_887_976, "307", "2.9"),
)
TRUNCATED = {("mobilenet_v1", 160)}  # 290.7 is printed as 290
# One million less is printed than is counted. It is no rounding, and not the classifier's 1.024 M left out: without
# those, table 6's 569 would be 568.
ONE_LESS = {("mobilenet_v1_full", 224)}

WIDTHS = (0.25, 0.5, 0.75, 1.0)  # table 6
RESOLUTIONS = (224, 192, 160, 128)  # table 7


def body(spec: ArchSpec) -> list[DepthwiseSeparable | Convolution]:
    """The blocks between stem and pooling."""
    return [block for block in spec.blocks[1:] if isinstance(block, DepthwiseSeparable | Convolution)]


def test_the_published_network_is_the_papers_table() -> None:
    def line(block: Block) -> str:
        match block:
            case Convolution(kernel=3):
                return f"3x3x{block.out} s{block.stride}"
            case DepthwiseSeparable(kernel=3):
                return f"dw s{block.stride} 1x1x{block.out}"
            case Pooling(operation="average", kernel=0, size=1):
                return "pool"
            case Classifier(hidden=0):
                return f"{block.classes}"
        raise AssertionError(block)

    spec = published()
    lines = [f"{row.shape.height} {row.shape.channels} {line(row.block)}" for row in spec.rows()]
    assert lines == [" ".join(line.split()) for line in TABLE.strip().splitlines()]
    assert {block.activation for block in [spec.blocks[0], *body(spec)]} == {"relu"}
    assert (spec.resolution, spec.classes, spec.strides, spec.initialisation) == (224, 1000, "published", "fan_out")


@pytest.mark.parametrize("row", COUNTS, ids=lambda row: f"{row.reference}-{row.resolution}")
def test_counts_are_the_original_implementations_to_the_last_integer(row: Printed) -> None:
    found = cost(REFERENCES[row.reference].spec().at(resolution=row.resolution))
    assert (found.macs, found.params) == (row.macs, row.params)


@pytest.mark.parametrize("row", COUNTS, ids=lambda row: f"{row.reference}-{row.resolution}")
def test_counts_are_what_the_paper_prints(row: Printed) -> None:
    assert millions(row.params, row.paper_params) == row.paper_params
    key = row.reference, row.resolution
    if key in ONE_LESS:
        assert int(millions(row.macs, row.paper_macs)) - 1 == int(row.paper_macs)
    elif key in TRUNCATED:
        assert truncated(row.macs, row.paper_macs) == row.paper_macs != millions(row.macs, row.paper_macs)
    else:
        assert millions(row.macs, row.paper_macs) == row.paper_macs


def test_every_reference_of_the_family_is_counted() -> None:
    family = {name for name, reference in REFERENCES.items() if reference.space == "mobilenet_v1"}
    assert family == {row.reference for row in COUNTS}


# ---- the paper's formulas


@given(
    kernel=st.sampled_from((1, 3, 5, 7)),
    out=st.integers(1, 1024),
    stride=st.integers(1, 2),
    shape=st.builds(Shape, st.integers(1, 1024), st.integers(1, 224), st.integers(1, 224)),
)
def test_a_separable_block_over_a_full_convolution_costs_one_over_n_and_one_over_k_squared(
    kernel: int, out: int, stride: int, shape: Shape
) -> None:
    separable = DepthwiseSeparable(kernel=kernel, out=out, stride=stride).cost(shape).macs
    full = Convolution(kernel=kernel, out=out, stride=stride).cost(shape).macs
    assert Fraction(separable, full) == Fraction(1, out) + Fraction(1, kernel**2)  # section 3.1


def quadratic_and_linear(spec: ArchSpec) -> tuple[int, int]:
    """Multiply-adds that scale with α² (both sides of the layer scale) and with α (one side does)."""
    total = cost(spec).macs
    rows = list(spec.rows())
    stem, classifier = (ledger(spec)[place].cost.macs for place in (0, -1))
    depthwise = sum(
        9 * row.shape.channels * row.out.height * row.out.width
        for row in rows
        if isinstance(row.block, DepthwiseSeparable)
    )
    linear = stem + depthwise + classifier  # 3 channels enter the stem, 1000 classes leave the classifier
    return total - linear, linear


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("shallow", [False, True])
def test_width_scales_the_cost_by_its_square_but_for_stem_depthwise_and_classifier(width: float, shallow: bool) -> None:
    quadratic, linear = quadratic_and_linear(published(shallow=shallow))
    found = cost(published(width, shallow=shallow)).macs
    assert found == width**2 * quadratic + width * linear
    # "roughly α²" (section 3.3): what is off is α(1−α) of the linear share, at most a quarter of it
    off = found / (quadratic + linear) - width**2
    assert off == pytest.approx(width * (1 - width) * linear / (quadratic + linear))
    assert 0 <= off <= 0.25 * linear / (quadratic + linear)


# Table 2: per cent of multiply-adds and of weights, without batch norm and bias. Erratum: 1.19 of the multiply-adds is
# printed for the 3×3 convolution, which is 1.91 with its digits exchanged; as printed the column sums to 99.29.
SHARES = {
    "conv 1x1": (94.86, 74.59),
    "conv dw 3x3": (3.06, 1.06),
    "conv 3x3": (1.91, 0.02),
    "fully connected": (0.18, 24.33),
}


def test_the_layers_have_the_papers_shares_of_the_cost() -> None:
    macs, weights = dict.fromkeys(SHARES, 0), dict.fromkeys(SHARES, 0)
    for row in published().rows():
        channels, out = row.shape.channels, row.out
        match row.block:
            case Convolution():
                layers = [("conv 3x3", 9 * channels * out.channels)]
            case DepthwiseSeparable():
                layers = [("conv dw 3x3", 9 * channels), ("conv 1x1", channels * out.channels)]
            case Classifier():
                layers = [("fully connected", channels * out.channels)]
            case _:
                continue
        for layer, count in layers:
            macs[layer] += count * out.height * out.width
            weights[layer] += count
    assert sum(macs.values()) == cost(published()).macs
    for column, counted in enumerate((macs, weights)):
        total = sum(counted.values())
        assert {layer: round(100 * count / total, 2) for layer, count in counted.items()} == {
            layer: shares[column] for layer, shares in SHARES.items()
        }


def test_one_layer_costs_what_table_3_says() -> None:
    """512 channels on 14 px in full and separable, then at α = 0.75, then at ρ = 0.714 as well, without norm."""

    def printed(block: Convolution | DepthwiseSeparable, shape: Shape) -> tuple[str, str]:
        norms = shape.channels + block.out if isinstance(block, DepthwiseSeparable) else block.out
        found = block.cost(shape)
        return millions(found.macs, "1.0"), millions(found.params - 2 * norms, "1.00")

    assert printed(Convolution(kernel=3, out=512), Shape(512, 14, 14)) == ("462.4", "2.36")  # printed as 462
    assert printed(DepthwiseSeparable(kernel=3, out=512), Shape(512, 14, 14)) == ("52.3", "0.27")
    assert printed(DepthwiseSeparable(kernel=3, out=384), Shape(384, 14, 14)) == ("29.6", "0.15")
    assert printed(DepthwiseSeparable(kernel=3, out=384), Shape(384, 10, 10)) == ("15.1", "0.15")


@pytest.mark.parametrize("resolution", RESOLUTIONS)
@pytest.mark.parametrize("separable", [True, False])
def test_resolution_scales_the_cost_by_its_square_but_for_the_classifier(resolution: int, separable: bool) -> None:
    spec = published(separable=separable)
    classifier = 1024 * 1000
    ratio = Fraction(resolution, 224)
    assert cost(spec.at(resolution=resolution)).macs == ratio**2 * (cost(spec).macs - classifier) + classifier


# ---- the space

POINTS = [
    *(pytest.param(published_choices(width), published(width), id=f"{width}") for width in WIDTHS),
    pytest.param(published_choices(shallow=True), published(shallow=True), id="shallow"),
    pytest.param(published_choices(separable=False), published(separable=False), id="full"),
    pytest.param(
        published_choices(0.5, separable=False, shallow=True),
        published(0.5, separable=False, shallow=True),
        id="full-shallow",
    ),
]


@pytest.mark.parametrize(("choices", "spec"), POINTS)
def test_published_networks_come_out_of_their_choices_exactly(choices: dict[str, Option], spec: ArchSpec) -> None:
    assert rebuild(mobilenet_v1, choices) == spec


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_the_resolution_multiplier_is_the_first_row_and_costs_what_smaller_images_do(resolution: int) -> None:
    spec = rebuild(mobilenet_v1, published_choices(resolution=resolution))
    assert spec.resolution == 224
    if resolution == 224:
        assert spec == published()
        return
    assert spec.blocks == (Resize(multiplier=resolution / 224), *published().blocks)
    assert next(spec.rows()).out == (3, resolution, resolution)
    assert cost(spec).macs == cost(published().at(resolution=resolution)).macs
    assert cost(spec).params == cost(published()).params


def test_full_convolutions_stand_in_place_of_the_separable_blocks() -> None:
    separable, full = published(), published(separable=False)
    assert {type(block) for block in body(separable)} == {DepthwiseSeparable}
    assert {type(block) for block in body(full)} == {Convolution}
    assert [(block.kernel, block.out, block.stride, block.activation) for block in body(full)] == [
        (block.kernel, block.out, block.stride, block.activation) for block in body(separable)
    ]
    assert all(block.norm and not block.bias for block in body(full) if isinstance(block, Convolution))


def test_the_shallow_network_leaves_out_the_five_blocks_that_change_nothing_in_shape() -> None:
    deep, shallow = list(published().rows()), list(published(shallow=True).rows())
    left_out = [row for row in deep if row.shape == row.out == (512, 14, 14)]
    assert len(left_out) == 5
    assert [row.block for row in deep if row not in left_out] == [row.block for row in shallow]


def test_the_kernel_of_a_full_convolution_is_not_asked() -> None:
    rng = random.Random(0)
    for _ in range(50):
        point = draw(mobilenet_v1, rng)
        expected = {"width", "resolution"}
        for number in range(len(STAGES)):
            expected |= {f"stage{number}.convolution", f"stage{number}.depth"}
            if point.choices[f"stage{number}.convolution"] == "separable":
                depth = int(point.choices[f"stage{number}.depth"])
                expected |= {f"stage{number}.block{position}.kernel" for position in range(depth)}
        assert point.choices.keys() == expected
    with pytest.raises(ChoicesError, match=r"^stage0\.block0\.kernel: not asked for"):
        rebuild(mobilenet_v1, {**published_choices(separable=False), "stage0.block0.kernel": 3})


def test_every_decision_changes_the_network() -> None:
    point = walk(mobilenet_v1, replaying(published_choices()))
    rng = random.Random(0)
    specs = [
        changed(mobilenet_v1, point, name, value, rng).spec
        for name, options in point.domains.items()
        for value in options
        if value != point.choices[name]
    ]
    assert len({*specs, point.spec}) == len(specs) + 1


def test_images_of_32_px_reach_the_pooling_as_4_by_4_times_the_resolution_multiplier() -> None:
    rng = random.Random(0)
    sizes = {}
    for _ in range(50):
        point = draw(mobilenet_v1, rng)
        small = point.spec.trained_on(resolution=32, classes=10)
        sizes[point.choices["resolution"]] = next(row.shape for row in small.rows() if row.block.kind == "pooling")[1:]
    assert sizes == {224: (4, 4), 192: (4, 4), 160: (3, 3), 128: (3, 3)}  # of 32, 27, 23 and 18 px
