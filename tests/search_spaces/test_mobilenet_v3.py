"""The MobileNetV3 space beside the paper's tables (Howard et al. 2019, arXiv 1905.02244)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from nas.arch import ArchSpec
from nas.blocks import Classifier, Convolution, InvertedResidual, Pooling
from nas.cost import cost
from nas.draw import draw
from nas.space import ChoicesError, Option, explore, rebuild
from search_spaces.mobilenet_v3 import (
    EXPANSIONS,
    PUBLISHED,
    STAGES,
    divisible,
    mobilenet_v3,
    published,
    published_choices,
)

# kernel, expanded, out, SE, nonlinearity, stride; the paper's tables 2 and 1, as printed
PAPER = {
    "small": """
        3 16 16 SE RE 2
        3 72 24 -  RE 2
        3 88 24 -  RE 1
        5 96 40 SE HS 2
        5 240 40 SE HS 1
        5 240 40 SE HS 1
        5 120 48 SE HS 1
        5 144 48 SE HS 1
        5 288 96 SE HS 2
        5 576 96 SE HS 1
        5 576 96 SE HS 1""",
    "large": """
        3 16 16 -  RE 1
        3 64 24 -  RE 2
        3 72 24 -  RE 1
        5 72 40 SE RE 2
        5 120 40 SE RE 1
        5 120 40 SE RE 1
        3 240 80 - HS 2
        3 200 80 - HS 1
        3 184 80 - HS 1
        3 184 80 - HS 1
        3 480 112 SE HS 1
        3 672 112 SE HS 1
        5 672 160 SE HS 2
        5 960 160 SE HS 1
        5 960 160 SE HS 1""",
}
LAST = {"small": (576, 1024), "large": (960, 1280)}
SKELETONS = tuple(PAPER)

every_skeleton = pytest.mark.parametrize("skeleton", SKELETONS)


def residuals(spec: ArchSpec) -> list[InvertedResidual]:
    return [block for block in spec.blocks if isinstance(block, InvertedResidual)]


@every_skeleton
def test_the_published_network_is_the_papers_table(skeleton: str) -> None:
    rows = []
    for block in residuals(published(skeleton)):
        nonlinearity = {"relu": "RE", "hardswish": "HS"}[block.activation]
        se = "SE" if block.squeeze else "-"
        rows.append(f"{block.kernel} {block.mid} {block.out} {se} {nonlinearity} {block.stride}")
    assert rows == [" ".join(line.split()) for line in PAPER[skeleton].strip().splitlines()]


@every_skeleton
def test_stem_and_last_stage_are_the_papers(skeleton: str) -> None:
    spec = published(skeleton)
    head, hidden = LAST[skeleton]
    assert spec.blocks[0] == Convolution(
        kernel=3, out=16, stride=2, activation="hardswish", norm_eps=1e-3, norm_momentum=0.01
    )
    assert spec.blocks[-3:] == (
        Convolution(kernel=1, out=head, activation="hardswish", norm_eps=1e-3, norm_momentum=0.01),
        Pooling(),
        Classifier(classes=1000, hidden=hidden, activation="hardswish", dropout=0.2),
    )
    assert (spec.resolution, spec.channels, spec.classes, spec.strides) == (224, 3, 1000, "published")


@every_skeleton
def test_squeeze_excitation_squeezes_to_a_quarter_of_the_expanded_width(skeleton: str) -> None:
    for width in (0.35, 0.5, 0.75, 1.0, 1.25):
        for block in residuals(published(skeleton, width)):
            assert block.squeeze in (0, divisible(block.mid / 4))
            assert block.gate == "hardsigmoid"


@every_skeleton
def test_the_published_network_comes_out_of_its_recorded_choices_exactly(skeleton: str) -> None:
    assert rebuild(mobilenet_v3, published_choices(skeleton)) == published(skeleton)


@every_skeleton
@pytest.mark.parametrize("width", [0.35, 0.5, 0.75, 1.25])
def test_a_scaled_published_network_is_a_point_of_the_space_as_well(skeleton: str, width: float) -> None:
    choices = {**published_choices(skeleton), "width": width}
    assert rebuild(mobilenet_v3, choices) == published(skeleton, width)


@every_skeleton
def test_stem_and_stages_scale_with_the_width_and_the_hidden_layer_does_not(skeleton: str) -> None:
    for width in (0.35, 0.5, 0.75, 1.25):
        full, scaled = published(skeleton), published(skeleton, width)
        assert [block.out for block in residuals(scaled)] == [divisible(width * b.out) for b in residuals(full)]
        stem, hidden = scaled.blocks[0], scaled.blocks[-1]
        assert isinstance(stem, Convolution)
        assert isinstance(hidden, Classifier)
        assert stem.out == divisible(16 * width)
        assert hidden.hidden == LAST[skeleton][1]


#   timm's width 0.75: expanded widths are the ratio times the *scaled* incoming width (torchvision scales them apart)
TIMM = {"small": (43_399_344, 2_041_872), "large": (154_560_624, 3_993_528)}


@every_skeleton
def test_width_three_quarters_is_timms_network(skeleton: str) -> None:
    found = cost(published(skeleton, 0.75))
    assert (found.macs, found.params) == TIMM[skeleton]


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        (16, 16),
        (1, 8),
        (8 * 0.35, 8),
        (12, 16),  # halves round up
        (11.9, 16),  # to 8 would be more than 10% less
        (84, 88),  # 3.5 × 24
        (180, 184),  # 2.25 × 80
        (18, 24),
        (34, 32),
        (35.5, 32),  # 10% less is allowed: 0.9 × 35.5 is 31.95
        (35.6, 40),  # more is not
        (92, 96),
    ],
)
def test_widths_are_the_nearest_multiple_of_eight_and_never_a_tenth_less(channels: float, expected: int) -> None:
    assert divisible(channels) == expected


def test_widths_are_multiples_of_eight_close_to_what_was_asked() -> None:
    for tenths in range(10, 10_000):
        channels = tenths / 10
        found = divisible(channels)
        assert found % 8 == 0
        assert found >= 8
        assert 0.9 * channels <= found < max(8.0, channels + 8)


# ---- what is asked


def first(name: str, options: Sequence[Any], /) -> Any:
    return options[0]


def asked(**answers: Option) -> dict[str, Option]:
    """What the space asks when these decisions are answered so and every other with its first option."""
    return explore(mobilenet_v3, lambda name, options: answers.get(name, options[0]))[0]  # type: ignore[arg-type, return-value]


@every_skeleton
def test_only_the_blocks_that_exist_are_asked_about(skeleton: str) -> None:
    rng = random.Random(skeleton)
    for _ in range(100):
        choices = draw(mobilenet_v3, rng).choices
        depths = {
            stage.number: choices[f"{choices['skeleton']}.stage{stage.number}.depth"]
            for stage in STAGES[str(choices["skeleton"])]
        }
        expected = {"skeleton", "width", "hidden"}
        expected |= {f"{choices['skeleton']}.stage{number}.depth" for number in depths}
        for number, depth in depths.items():
            for position in range(int(depth)):
                expected |= {
                    f"stage{number}.block{position}.{fact}" for fact in ("kernel", "expansion", "se", "activation")
                }
        assert choices.keys() == expected


def test_small_has_no_stage_0_and_large_has() -> None:
    assert not [name for name in asked(skeleton="small") if name.startswith("stage0")]
    assert [name for name in asked(skeleton="large") if name.startswith("stage0")]


def test_a_deeper_stage_asks_four_decisions_more_a_block() -> None:
    shallow = asked(skeleton="small")
    deep = asked(**{"skeleton": "small", "small.stage2.depth": 3})
    assert deep.keys() - shallow.keys() == {
        f"stage2.block{position}.{fact}" for position in (1, 2) for fact in ("kernel", "expansion", "se", "activation")
    }


def test_choices_of_blocks_that_do_not_exist_are_refused() -> None:
    choices = {**published_choices("small"), "small.stage5.depth": 2}
    with pytest.raises(ChoicesError, match=r"^stage5\.block2\.kernel: not asked for"):
        rebuild(mobilenet_v3, choices)


@every_skeleton
def test_every_depth_and_ratio_of_the_published_network_is_on_offer(skeleton: str) -> None:
    for stage in STAGES[skeleton]:
        rows = PUBLISHED[skeleton][stage.number]
        assert len(rows) in stage.depths
        assert max(stage.depths) <= len(EXPANSIONS[stage.number])
        for position, row in enumerate(rows):
            assert row.expansion in EXPANSIONS[stage.number][position]


@every_skeleton
def test_every_decision_changes_the_network(skeleton: str) -> None:
    choices = published_choices(skeleton)
    spec = published(skeleton)
    changes: dict[str, Option] = {"width": 0.5, "hidden": 1024 if skeleton == "large" else 1280}
    for name, value in choices.items():
        fact = name.rsplit(".", 1)[-1]
        if fact == "kernel":
            changes[name] = 7
        elif fact == "se":
            changes[name] = not value
        elif fact == "activation":
            changes[name] = "relu" if value == "hardswish" else "hardswish"
        elif fact == "expansion" and not name.startswith("stage0"):
            number, position = int(name[5]), int(name[12])
            changes[name] = next(one for one in EXPANSIONS[number][position] if one != value)
    changed = [rebuild(mobilenet_v3, {**choices, name: value}) for name, value in changes.items()]
    assert len({*changed, spec}) == len(changes) + 1


def test_strides_belong_to_the_first_block_of_a_stage() -> None:
    rng = random.Random(0)
    for _ in range(50):
        point = draw(mobilenet_v3, rng)
        strided = [block for block in residuals(point.spec) if block.stride > 1]
        assert len(strided) == 4
        assert next(row.shape.height for row in point.spec.rows() if row.block.kind == "pooling") == 7


def test_images_of_32_px_reach_the_pooling_as_4_by_4() -> None:
    rng = random.Random(0)
    for _ in range(50):
        small = draw(mobilenet_v3, rng).spec.trained_on(resolution=32, classes=10)
        assert next(row.shape for row in small.rows() if row.block.kind == "pooling")[1:] == (4, 4)
