"""DenseNet and the space around it, beside the paper's tables and torchvision's networks."""

from __future__ import annotations

import random

import pytest
import torch
import torchvision
from torch import nn

from nas.arch import ArchSpec
from nas.blocks import Classifier, Convolution, DenseLayer, Normalisation, Pooling
from nas.budget import Budget
from nas.cost import cost
from nas.draw import NEAR, changed, draw, draw_inside
from nas.model import build
from nas.space import rebuild
from search_spaces import REFERENCES
from search_spaces.densenet import LAYERS, PUBLISHED, densenet, published
from tests.nas.test_model import assert_same_outputs, copy_in_order, randomise
from tests.networks import image_on_meta, network_on_meta

FAMILY = [name for name, reference in REFERENCES.items() if reference.space == "densenet"]
OUTSIDE = ["densenet_100_12", "densenet_bc_250_24", "densenet_bc_190_40"]
CIFAR = [name for name in FAMILY if name != "densenet_121"]

every_reference = pytest.mark.parametrize("name", FAMILY)


def dense_layers(spec: ArchSpec) -> list[DenseLayer]:
    return [block for block in spec.blocks if isinstance(block, DenseLayer)]


# ---- published figures

# Parameters in millions as table 2 prints them for CIFAR-10 (table 1 prints none), and counted; multiply-adds at the
# native resolution where an independent count is there.
COUNTS = {
    "densenet_121": (None, 7_978_856, 2_834_161_664),  # torchvision
    "densenet_40_12": ("1.0", 1_019_722, None),
    "densenet_100_12": ("7.0", 6_979_642, None),
    "densenet_bc_100_12": ("0.8", 769_162, None),
    "densenet_bc_250_24": ("15.3", 15_324_406, None),
    "densenet_bc_190_40": ("25.6", 25_624_430, None),
}


def test_every_reference_of_the_family_is_counted() -> None:
    assert list(COUNTS) == FAMILY == list(PUBLISHED)


@every_reference
def test_counts_are_the_published_ones_to_the_last_integer(name: str) -> None:
    printed, params, macs = COUNTS[name]
    found = cost(REFERENCES[name].spec())
    assert found.params == params
    if printed is not None:
        assert f"{found.params / 1e6:.1f}" == printed
    if macs is not None:
        assert found.macs == macs


@pytest.mark.parametrize(
    ("name", "depth", "growth"),
    [
        ("densenet_121", 121, 32),
        ("densenet_40_12", 40, 12),
        ("densenet_100_12", 100, 12),
        ("densenet_bc_100_12", 100, 12),
        ("densenet_bc_250_24", 250, 24),
        ("densenet_bc_190_40", 190, 40),
    ],
)
def test_depth_and_growth_are_what_its_name_says(name: str, depth: int, growth: int) -> None:
    network = network_on_meta(REFERENCES[name].spec())
    assert sum(isinstance(module, nn.Conv2d | nn.Linear) for module in network.modules()) == depth
    assert {layer.growth for layer in dense_layers(published(name))} == {growth}


# Table 1, DenseNet-121: what is there, its channels and the side of its output.
TABLE_1 = """
    convolution      64 112
    pooling          64  56
    6 dense layers  256  56
    transition      128  28
    12 dense layers 512  28
    transition      256  14
    24 dense layers 1024 14
    transition      512   7
    16 dense layers 1024  7"""


def sections(spec: ArchSpec) -> list[str]:
    """The network as the lines of table 1: ``6 dense layers 256 56``."""
    lines: list[str] = []
    layers = 0
    rows = list(spec.rows())[:-3]
    for index, row in enumerate(rows):
        size = f"{row.out.channels} {row.out.height}"
        following = rows[index + 1].block if index + 1 < len(rows) else None
        if isinstance(row.block, DenseLayer):
            layers += 1
            if not isinstance(following, DenseLayer):
                lines.append(f"{layers} dense layers {size}")
                layers = 0
        elif index == 0:
            lines.append(f"convolution {size}")
        elif isinstance(row.block, Pooling):
            lines.append(f"{'transition' if row.block.operation == 'average' else 'pooling'} {size}")
    return lines


def test_densenet_121_is_the_papers_table() -> None:
    spec = published("densenet_121")
    assert sections(spec) == [" ".join(line.split()) for line in TABLE_1.strip().splitlines()]
    assert spec.blocks[:2] == (
        Convolution(kernel=7, out=64, stride=2),
        Pooling(operation="max", kernel=3, stride=2, padding=1),
    )
    assert set(dense_layers(spec)) == {DenseLayer(growth=32, bottleneck=128)}
    assert (spec.resolution, spec.classes, spec.strides, spec.initialisation) == (224, 1000, "published", "fan_in")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # section 3: 16 channels before the first block, and transitions that keep what comes
        (
            "densenet_40_12",
            "convolution 16 32, 12 dense layers 160 32, transition 160 16, 12 dense layers 304 16, transition 304 8, "
            "12 dense layers 448 8",
        ),
        # twice the growth before the first block, and transitions that halve
        (
            "densenet_bc_100_12",
            "convolution 24 32, 16 dense layers 216 32, transition 108 16, 16 dense layers 300 16, transition 150 8, "
            "16 dense layers 342 8",
        ),
    ],
)
def test_a_cifar_network_has_three_blocks_of_32_16_and_8_px(name: str, expected: str) -> None:
    spec = published(name)
    assert ", ".join(sections(spec)) == expected
    assert spec.blocks[0] == Convolution(kernel=3, out=spec.blocks[0].out, norm=False, activation="none")  # type: ignore[union-attr]
    assert (spec.resolution, spec.classes, spec.strides, spec.initialisation) == (32, 10, "published", "fan_in")


@every_reference
def test_a_transition_is_norm_convolution_and_pooling_and_the_end_is_norm_pooling_and_classifier(name: str) -> None:
    spec = published(name)
    transitions = [index for index, block in enumerate(spec.blocks) if block == Pooling(kernel=2, stride=2)]
    assert len(transitions) == (3 if name == "densenet_121" else 2)
    for index in transitions:
        norm, convolution = spec.blocks[index - 2 : index]
        assert norm == Normalisation(activation="relu")
        assert convolution == Convolution(kernel=1, out=convolution.out, norm=False, activation="none")  # type: ignore[union-attr]
    assert spec.blocks[-3:] == (Normalisation(activation="relu"), Pooling(), Classifier(classes=spec.classes))


def test_a_transition_rounds_what_it_keeps_down() -> None:
    # section 3: ⌊θm⌋
    for width in (0.25, 0.75, 1.25):
        rows = list(published("densenet_bc_100_12", width).rows())
        kept = [row for row in rows if isinstance(row.block, Convolution) and row.block.kernel == 1]
        assert [row.out.channels for row in kept] == [row.shape.channels // 2 for row in kept]
    assert any(
        row.shape.channels % 2
        for row in published("densenet_bc_100_12", 0.75).rows()
        if isinstance(row.block, Convolution)
    )


# ---- the space


@every_reference
def test_networks_small_enough_are_exact_points_of_the_space(name: str) -> None:
    reference = REFERENCES[name]
    assert (reference.choices is None) == (name in OUTSIDE)
    if reference.choices is not None:
        assert rebuild(densenet, reference.choices) == reference.spec()


def test_every_decision_changes_the_network() -> None:
    rng = random.Random(1)
    skeletons = set()
    for _ in range(12):
        point = draw(densenet, rng)
        skeletons.add(point.choices["skeleton"])
        others = [
            changed(densenet, point, name, option, rng).spec
            for name, options in point.domains.items()
            for option in options
        ]
        # its own options lead back to the point, every other one elsewhere
        assert len(set(others)) == len(others) - len(point.domains) + 1
    assert skeletons == {"imagenet", "cifar"}


def test_the_skeleton_decides_blocks_and_native_form() -> None:
    rng = random.Random(2)
    for _ in range(40):
        point = draw(densenet, rng)
        skeleton = str(point.choices["skeleton"])
        counts = [int(section.split()[0]) for section in sections(point.spec) if "dense" in section]
        chosen = [point.choices[f"{skeleton}.block{number}.layers"] for number in range(1, len(LAYERS[skeleton]) + 1)]
        assert counts == chosen
        assert (point.spec.resolution, point.spec.classes) == {"imagenet": (224, 1000), "cifar": (32, 10)}[skeleton]
        growth, bottleneck = int(point.choices["growth"]), int(point.choices["bottleneck"])
        assert set(dense_layers(point.spec)) == {DenseLayer(growth=growth, bottleneck=bottleneck * growth)}


def test_only_plain_cifar_networks_have_16_channels_before_the_first_block() -> None:
    rng = random.Random(3)
    met = set()
    for _ in range(100):
        point = draw(densenet, rng)
        plain = (point.choices["skeleton"], point.choices["bottleneck"], point.choices["compression"]) == (
            "cifar",
            0,
            1.0,
        )
        stem = point.spec.blocks[0]
        assert isinstance(stem, Convolution)
        assert stem.out == (16 if plain else 2 * int(point.choices["growth"]))
        met.add(plain)
    assert met == {True, False}


@every_reference
def test_a_scaled_network_has_its_growth_and_its_stem_scaled(name: str) -> None:
    full, half = published(name), REFERENCES[name].scaled(0.5)
    assert REFERENCES[name].scaled(1.0) == full
    assert [layer.growth for layer in dense_layers(half)] == [layer.growth // 2 for layer in dense_layers(full)]
    assert [layer.bottleneck for layer in dense_layers(half)] == [layer.bottleneck // 2 for layer in dense_layers(full)]
    assert 2 * half.blocks[0].out == full.blocks[0].out  # type: ignore[union-attr]


def test_however_narrow_a_network_is_its_layers_add_something() -> None:
    assert {layer.growth for layer in dense_layers(published("densenet_40_12", 0.01))} == {1}


@pytest.mark.parametrize("megaflops", [60, 200, 600, 1200])
def test_networks_are_drawn_inside_a_budget_and_use_it(megaflops: int) -> None:
    budget = Budget(macs=megaflops * 10**6)
    rng = random.Random(megaflops)
    for _ in range(5):
        assert NEAR <= budget.use(draw_inside(densenet, budget, rng).spec) <= 1


def test_both_skeletons_are_drawn_where_a_budget_counts_cifars_images() -> None:
    budget = Budget(macs=60_000_000, resolution=32, classes=10)
    rng = random.Random(0)
    found = [draw_inside(densenet, budget, rng, near=0.5) for _ in range(20)]
    assert {point.choices["skeleton"] for point in found} == {"imagenet", "cifar"}


# ---- built networks


def test_with_torchvisions_weights_the_outputs_are_torchvisions() -> None:
    theirs = torchvision.models.densenet121(weights=None).eval()
    randomise(theirs, seed=1)
    ours = build(published("densenet_121").at(resolution=96)).eval()
    assert copy_in_order(theirs, ours) == 727
    assert_same_outputs(theirs, ours, torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(2)))


def test_with_a_cifar_stem_torchvisions_densenet_is_densenet_bc() -> None:
    theirs = torchvision.models.DenseNet(12, (16, 16, 16), num_init_features=24, num_classes=10)
    theirs.features.conv0 = nn.Conv2d(3, 24, 3, padding=1, bias=False)
    for name in ("norm0", "relu0", "pool0"):
        setattr(theirs.features, name, nn.Identity())
    randomise(theirs, seed=1)
    ours = build(published("densenet_bc_100_12")).eval()
    copy_in_order(theirs, ours)
    assert_same_outputs(theirs.eval(), ours, torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(2)))


@every_reference
def test_a_reference_runs_on_images_of_its_own_size(name: str) -> None:
    spec = REFERENCES[name].spec()
    assert network_on_meta(spec)(image_on_meta(spec)).shape == (1, spec.classes)


def test_networks_of_the_space_run_on_images_of_32_px() -> None:
    rng = random.Random(4)
    points = [draw(densenet, rng).spec for _ in range(5)]
    for spec in [*points, published("densenet_121"), published("densenet_40_12")]:
        small = spec.trained_on(resolution=32, classes=7)
        *_, pooling, _ = small.rows()
        # on small images stem and pooling do not stride: 32 px are halved by the transitions alone
        assert pooling.shape.height == 32 >> sum(block == Pooling(kernel=2, stride=2) for block in small.blocks)
        with torch.inference_mode():
            scores = build(small).eval()(torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(5)))
        assert scores.shape == (2, 7)
        assert scores.isfinite().all()
