"""SqueezeNet and the space around it, beside the paper's tables and torchvision's networks."""

from __future__ import annotations

import random

import pytest
import torch
import torchvision

from nas.arch import ArchSpec
from nas.blocks import Convolution, ConvolutionClassifier, Fire, Pooling
from nas.budget import Budget
from nas.cost import cost, ledger
from nas.draw import NEAR, changed, draw, draw_inside
from nas.model import build
from nas.space import rebuild
from search_spaces import REFERENCES
from search_spaces.squeezenet import LAYOUTS, PUBLISHED, fire_modules, published, squeezenet
from tests.nas.test_model import assert_same_outputs, copy_in_order, randomise
from tests.networks import image_on_meta, network_on_meta

FAMILY = [name for name, reference in REFERENCES.items() if reference.space == "squeezenet"]

every_reference = pytest.mark.parametrize("name", FAMILY)

MEBIBYTE = 2**20
FLOAT = 4  # bytes


def fires(spec: ArchSpec) -> list[Fire]:
    return [block for block in spec.blocks if isinstance(block, Fire)]


# ---- published figures

# Parameters and multiply-adds at 224 px and 1000 classes, and the model's size in MB of 2²⁰ bytes; the paper prints 4.8
# (1.0), 13 and 19 (squeeze ratios 0.5 and 0.75, figure 3a).
COUNTS = {
    # 50 times smaller than AlexNet; counted from torchvision
    "squeezenet_1_0": (1_248_424, 818_924_576, "4.8"),
    # 2.4 times fewer multiply-adds; counted from torchvision
    "squeezenet_1_1": (1_235_496, 349_151_936, None),
    "squeezenet_1_0_simple_bypass": (1_248_424, 818_924_576, "4.8"),
    # figure 2's four 1×1 convolutions add 339,968 weights and 1,280 biases
    "squeezenet_1_0_complex_bypass": (1_589_672, 1_165_298_720, "6.1"),
    "squeezenet_1_0_squeeze_50": (3_404_392, 2_513_120_288, "13.0"),
    # Erratum: printed as 19 MB, which is 4,841,704 parameters at 10⁶ bytes; the others are at 2²⁰
    "squeezenet_1_0_squeeze_75": (4_841_704, 3_642_584_096, "18.5"),
    "squeezenet_1_0_squeeze_100": (6_279_016, 4_772_047_904, "24.0"),
}


def test_every_reference_of_the_family_is_counted() -> None:
    assert list(COUNTS) == FAMILY


@every_reference
def test_counts_are_the_published_ones_to_the_last_integer(name: str) -> None:
    found = cost(REFERENCES[name].spec())
    params, macs, megabytes = COUNTS[name]
    assert (found.params, found.macs) == (params, macs)
    if megabytes is not None:
        assert f"{FLOAT * found.params / MEBIBYTE:.1f}" == megabytes


def test_alexnet_has_fifty_times_the_parameters() -> None:
    alexnet = cost(REFERENCES["alexnet"].spec()).params
    for name in ("squeezenet_1_0", "squeezenet_1_1"):
        assert round(alexnet / cost(REFERENCES[name].spec()).params, -1) == 50


# Table 1: channels and side of the output, squeeze, 1×1 and 3×3 filters, parameters. Errata: the images it calls
# 224×224 are of 227 px (a 7×7 window with stride 2 and no padding finds 109 places in 224 px, 111 in 227); the output
# of maxpool8 is printed as 13×12.
TABLE_1 = """
    conv1     96 111   -  -   -   14208
    maxpool1  96  55   -  -   -   -
    fire2    128  55  16  64  64  11920
    fire3    128  55  16  64  64  12432
    fire4    256  55  32 128 128  45344
    maxpool4 256  27   -  -   -   -
    fire5    256  27  32 128 128  49440
    fire6    384  27  48 192 192 104880
    fire7    384  27  48 192 192 111024
    fire8    512  27  64 256 256 188992
    maxpool8 512  13   -  -   -   -
    fire9    512  13  64 256 256 197184"""
CONV10 = 513_000


def test_version_1_0_is_the_papers_table() -> None:
    spec = published("squeezenet_1_0").at(resolution=227)
    *body, last = ledger(spec)
    expected = [line.split() for line in TABLE_1.strip().splitlines()]
    assert len(body) == len(expected)
    for row, block, (_, channels, side, *filters, params) in zip(body, spec.blocks, expected, strict=False):
        assert (row.out.channels, row.out.height, row.out.width) == (int(channels), int(side), int(side))
        assert row.cost.params == (0 if params == "-" else int(params))
        if isinstance(block, Fire):
            assert [block.squeeze, block.expand1, block.expand3] == [int(one) for one in filters]
        else:
            assert filters == ["-"] * 3
    assert (last.shape.height, last.cost.params) == (13, CONV10)
    assert sum(row.cost.params for row in body) + CONV10 == 1_248_424  # the table's total


def pooled(spec: ArchSpec) -> list[int]:
    """The numbers, from 2 as in the paper, of the fire modules with a pooling behind them."""
    kinds = "".join("F" if isinstance(block, Fire) else "p" for block in spec.blocks[2:-1])
    return [kinds[:index].count("F") + 1 for index, kind in enumerate(kinds) if kind == "p"]


@pytest.mark.parametrize(("version", "stem", "kernel", "behind"), [("1_0", 96, 7, [4, 8]), ("1_1", 64, 3, [3, 5])])
def test_a_version_is_its_stem_and_where_it_pools(version: str, stem: int, kernel: int, behind: list[int]) -> None:
    spec = published(f"squeezenet_{version}")
    pooling = Pooling(operation="max", kernel=3, stride=2, ceil=True)
    assert spec.blocks[:2] == (
        Convolution(kernel=kernel, out=stem, stride=2, padding=0, bias=True, norm=False, activation="relu"),
        pooling,
    )
    assert pooled(spec) == behind
    assert {block for block in spec.blocks if isinstance(block, Pooling)} == {pooling}
    assert spec.blocks[-1] == ConvolutionClassifier(classes=1000, dropout=0.5, activation="relu")
    assert (spec.resolution, spec.strides, spec.initialisation) == (224, "published", "uniform")


def test_version_1_1_has_the_fire_modules_of_1_0_at_less_than_half_the_cost() -> None:
    first, second = published("squeezenet_1_0"), published("squeezenet_1_1")
    assert fires(first) == fires(second)
    # the authors' repository says 2.4 times less computation; 2.35 at 224 px
    assert round(cost(first).macs / cost(second).macs, 2) == 2.35


# ---- metaparameters and bypasses


def test_fire_modules_follow_the_equations_of_section_5() -> None:
    found = fire_modules(base=100, incr=30, freq=3, share3=0.25, ratio=0.5, count=7)
    assert [fire.out for fire in found] == [100, 100, 100, 130, 130, 130, 160]
    assert [fire.expand3 for fire in found] == [25, 25, 25, 32, 32, 32, 40]
    assert [fire.squeeze for fire in found] == [50, 50, 50, 65, 65, 65, 80]


def test_both_kinds_of_expansion_have_a_filter_however_small_the_share() -> None:
    # figure 3b goes from 1% to 99%
    for share in (0.0, 0.01, 0.99, 1.0):
        for fire in fire_modules(base=16, incr=16, freq=2, share3=share, ratio=0.01):
            assert fire.squeeze >= 1
            assert fire.expand1 >= 1
            assert fire.expand3 >= 1


BYPASSES = {
    "squeezenet_1_0": "none none none none none none none none",
    # around fire 3, 5, 7 and 9, which keep the width
    "squeezenet_1_0_simple_bypass": "none simple none simple none simple none simple",
    "squeezenet_1_0_complex_bypass": "complex simple complex simple complex simple complex simple",
}


@pytest.mark.parametrize("name", BYPASSES)
def test_bypasses_are_those_of_figure_2(name: str) -> None:
    assert " ".join(fire.bypass for fire in fires(published(name))) == BYPASSES[name]


def test_a_simple_bypass_is_only_there_where_widths_are_equal() -> None:
    rng = random.Random(0)
    met = set()
    for _ in range(200):
        point = draw(squeezenet, rng)
        for row in point.spec.rows():
            if isinstance(row.block, Fire):
                equal = row.shape.channels == row.out.channels
                expected = {
                    "none": "none",
                    "simple": "simple" if equal else "none",
                    "complex": "simple" if equal else "complex",
                }
                assert row.block.bypass == expected[str(point.choices["bypass"])]
                met.add((point.choices["bypass"], equal))
    assert len(met) == 6  # every kind of bypass, past equal widths and past others


# ---- the space


@every_reference
def test_every_published_network_is_an_exact_point_of_the_space(name: str) -> None:
    reference = REFERENCES[name]
    assert reference.choices is not None
    assert rebuild(squeezenet, reference.choices) == reference.spec()


def test_the_references_are_the_published_table_and_three_squeeze_ratios() -> None:
    assert FAMILY[: len(PUBLISHED)] == list(PUBLISHED)
    assert len(FAMILY) == len(PUBLISHED) + 3
    assert [
        {fire.squeeze / fire.out for fire in fires(REFERENCES[f"squeezenet_1_0_squeeze_{share}"].spec())}
        for share in (50, 75, 100)
    ] == [{0.5}, {0.75}, {1.0}]


def test_every_decision_changes_the_network() -> None:
    rng = random.Random(1)
    for _ in range(20):
        point = draw(squeezenet, rng)
        others = [
            changed(squeezenet, point, name, option, rng).spec
            for name, options in point.domains.items()
            for option in options
        ]
        # its own options lead back to the point, every other one elsewhere
        assert len(set(others)) == len(others) - len(point.domains) + 1


def test_a_layout_pools_behind_fire_modules_that_exist() -> None:
    rng = random.Random(2)
    for _ in range(20):
        point = draw(squeezenet, rng)
        assert tuple(pooled(point.spec)) == LAYOUTS[str(point.choices["layout"])].pooled
        assert len(fires(point.spec)) == 8


@every_reference
def test_a_scaled_network_has_its_stem_and_its_modules_scaled_to_eights(name: str) -> None:
    half, full = REFERENCES[name].scaled(0.5), REFERENCES[name].spec()
    assert [fire.out for fire in fires(half)] == [fire.out // 2 for fire in fires(full)]
    assert [fire.bypass for fire in fires(half)] == [fire.bypass for fire in fires(full)]
    narrow = REFERENCES[name].scaled(0.3)
    assert all(fire.out % 8 == 0 for fire in fires(narrow))
    assert narrow.blocks[0].out == {96: 32, 64: 24}[full.blocks[0].out]  # type: ignore[union-attr]


@pytest.mark.parametrize("megaflops", [60, 200, 600, 1200])
def test_networks_are_drawn_inside_a_budget_and_use_it(megaflops: int) -> None:
    budget = Budget(macs=megaflops * 10**6)
    rng = random.Random(megaflops)
    for _ in range(5):
        assert NEAR <= budget.use(draw_inside(squeezenet, budget, rng).spec) <= 1


# ---- built networks


@pytest.mark.parametrize("version", ["1_0", "1_1"])
@pytest.mark.parametrize("resolution", [224, 227])
def test_with_torchvisions_weights_the_outputs_are_torchvisions(version: str, resolution: int) -> None:
    theirs = getattr(torchvision.models, f"squeezenet{version}")(weights=None).eval()
    randomise(theirs, seed=1)
    ours = build(published(f"squeezenet_{version}").at(resolution=resolution)).eval()
    assert copy_in_order(theirs, ours) == 52
    images = torch.randn(2, 3, resolution, resolution, generator=torch.Generator().manual_seed(2))
    assert_same_outputs(theirs, ours, images)


@every_reference
def test_a_reference_runs_on_images_of_its_own_size(name: str) -> None:
    spec = REFERENCES[name].spec()
    assert network_on_meta(spec)(image_on_meta(spec)).shape == (1, 1000)


def test_networks_of_the_space_run_on_images_of_32_px() -> None:
    rng = random.Random(3)
    sides = set()
    for spec in [*(draw(squeezenet, rng).spec for _ in range(6)), *(published(name) for name in PUBLISHED)]:
        small = spec.trained_on(resolution=32, classes=10)
        with torch.inference_mode():
            scores = build(small).eval()(torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(4)))
        assert scores.shape == (2, 10)
        assert scores.isfinite().all()
        *_, last = small.rows()
        sides.add(last.shape.height)
    assert sides == {8}  # stem and first pooling keep the size, two more poolings halve it
