"""The MobileNetV3 space beside the paper's tables (Howard et al. 2019, arXiv 1905.02244)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from nas.arch import ArchSpec
from nas.blocks import Classifier, Convolution, InvertedResidual, Pooling
from nas.cost import cost
from nas.draw import draw
from nas.space import ChoicesError, Option, explore, rebuild
from search_spaces import REFERENCES
from search_spaces.channels import divisible
from search_spaces.mobilenet_v3 import DEPTHS, EXPANSIONS, mobilenet_v3, published_choices
from search_spaces.mobilenet_v3_published import NOWHERE, PUBLISHED, published
from tests.search_spaces.printed import millions, truncated

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
    assert published_choices(skeleton, width) == choices


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


# ---- published figures


class Printed(NamedTuple):
    """What a table prints, in millions, and what we count."""

    reference: str
    resolution: int
    macs: int
    params: int
    paper_macs: str
    paper_params: str | None = None
    off: tuple[str, ...] = ()  # columns that are neither rounded nor cut off from the count


# Tables 3 and 4 and figure 1; the integers are counted from torchvision's networks, for width 0.75 from timm's, whose
# expanded widths are the ratio times the *scaled* incoming width (torchvision scales them apart: 140,033,816 and
# 39,115,576 multiply-adds).
PAPER_COUNTS = (
    Printed("mobilenet_v3_small", 224, 56_510_400, 2_542_856, "56", "2.5"),
    Printed("mobilenet_v3_large", 224, 216_589_760, 5_483_032, "219", "5.4", off=("macs",)),  # released with 217
    Printed("mobilenet_v3_small@0.75", 224, 43_399_344, 2_041_872, "44", "2.0", off=("macs",)),
    Printed("mobilenet_v3_large@0.75", 224, 154_560_624, 3_993_528, "155", "4.0"),
    Printed("mobilenet_v3_large", 256, 281_663_360, 5_483_032, "282"),
    Printed("mobilenet_v3_large", 192, 160_192_640, 5_483_032, "160"),
    Printed("mobilenet_v3_large", 160, 112_472_000, 5_483_032, "112"),
    Printed("mobilenet_v3_large", 128, 73_427_840, 5_483_032, "73"),
    Printed("mobilenet_v3_large", 96, 43_060_160, 5_483_032, "43"),
)
# The authors' list of released models (tensorflow/models, research/slim/nets/mobilenet/README.md). For small it prints
# ten million too many, as early versions of the paper do, and for its minimalistic form thirteen, although the code
# beside that list has the rows of table 2 and a hidden layer of 1024.
RELEASED = (
    Printed("mobilenet_v3_large", 224, 216_589_760, 5_483_032, "217", "5.4"),
    Printed("mobilenet_v3_large@0.75", 224, 154_560_624, 3_993_528, "155", "4.0"),
    Printed("mobilenet_v3_large_minimalistic", 224, 209_136_704, 3_924_288, "209", "3.9"),
    Printed("mobilenet_v3_small", 224, 56_510_400, 2_542_856, "66", "2.9", off=("macs", "params")),
    Printed("mobilenet_v3_small@0.75", 224, 43_399_344, 2_041_872, "44", "2.4", off=("macs", "params")),
    Printed("mobilenet_v3_small_minimalistic", 224, 52_288_448, 2_044_736, "65", "2.0", off=("macs",)),
)


@pytest.mark.parametrize("row", [*PAPER_COUNTS, *RELEASED], ids=lambda row: f"{row.reference}-{row.paper_macs}")
def test_counts_are_the_published_ones(row: Printed) -> None:
    found = cost(REFERENCES[row.reference].spec().at(resolution=row.resolution))
    assert (found.macs, found.params) == (row.macs, row.params)
    for column, count, printed in (("macs", row.macs, row.paper_macs), ("params", row.params, row.paper_params)):
        if printed is not None:
            agree = printed in (millions(count, printed), truncated(count, printed))
            assert agree == (column not in row.off), column


# ---- variants


def test_every_reference_is_the_variant_of_its_name() -> None:
    expected = {
        "mobilenet_v3_small": published("small"),
        "mobilenet_v3_large": published("large"),
        "mobilenet_v3_small@0.75": published("small", 0.75),
        "mobilenet_v3_large@0.75": published("large", 0.75),
        "mobilenet_v3_small_minimalistic": published("small", minimalistic=True),
        "mobilenet_v3_large_minimalistic": published("large", minimalistic=True),
        "mobilenet_v3_large_old_last_stage": published("large", last_stage="old"),
        "mobilenet_v3_large_stem_32": published("large", stem=32, stem_activation="relu"),
        "mobilenet_v3_large_relu": published("large", hardswish_from=NOWHERE),
        "mobilenet_v3_large_hardswish_16": published("large", hardswish_from=16),
        "mobilenet_v3_large_hardswish_40": published("large", hardswish_from=40),
        "mobilenet_v3_large_hardswish_80": published("large", hardswish_from=80),
        "mobilenet_v3_large_hardswish_112": published("large", hardswish_from=112),
    }
    family = {name: one.spec() for name, one in REFERENCES.items() if one.space == "mobilenet_v3"}
    assert family == expected


@every_skeleton
def test_minimalistic_is_the_same_table_with_kernel_3_relu_and_no_squeeze_excitation(skeleton: str) -> None:
    full, plain = published(skeleton), published(skeleton, minimalistic=True)
    assert [(block.mid, block.out, block.stride) for block in residuals(plain)] == [
        (block.mid, block.out, block.stride) for block in residuals(full)
    ]
    assert {(block.kernel, block.squeeze, block.activation) for block in residuals(plain)} == {(3, 0, "relu")}
    assert {block.activation for block in plain.blocks if hasattr(block, "activation")} == {"relu"}


def last_rows(spec: ArchSpec, first: int) -> list[str]:
    return [f"{row.block.kind} {row.shape.height} {row.out.channels}" for row in list(spec.rows())[first:]]


def test_the_old_last_stage_is_the_upper_half_of_figure_5() -> None:
    old, efficient = published("large", last_stage="old"), published("large")
    assert old.blocks[:16] == efficient.blocks[:16]
    assert last_rows(efficient, 16) == ["convolution 7 960", "pooling 7 960", "classifier 1 1000"]
    assert last_rows(old, 16) == [
        "inverted_residual 7 320",
        "convolution 7 1280",
        "pooling 7 1280",
        "classifier 1 1000",
    ]
    bottleneck = residuals(old)[-1]
    assert (bottleneck.kernel, bottleneck.mid, bottleneck.squeeze, bottleneck.activation) == (3, 960, 0, "hardswish")


LAST_STAGES = {"large": (160, 960, 320, 1280), "small": (96, 576, 192, 1024)}


@every_skeleton
def test_the_efficient_last_stage_saves_what_its_layers_say(skeleton: str) -> None:
    entering, expanded, projected, hidden = LAST_STAGES[skeleton]
    old = 49 * (entering * expanded + 9 * expanded + expanded * projected + projected * hidden) + hidden * 1000
    efficient = 49 * entering * expanded + expanded * hidden + hidden * 1000
    saved = cost(published(skeleton, last_stage="old")).macs - cost(published(skeleton)).macs
    assert saved == old - efficient
    # "30 millions MAdds" (section 5.1) is 34.3 to one digit; the paper does not say of which network
    assert saved == {"large": 34_317_760, "small": 14_716_992}[skeleton]


def test_a_stem_of_16_saves_what_its_layers_say() -> None:
    wide = published("large", stem=32, stem_activation="relu")
    # at 112 px: 3 → 16 more channels by 3×3, and the first block's depthwise and projection of 16 more
    saved = 112 * 112 * (27 * 16 + 9 * 16 + 16 * 16)
    assert cost(wide).macs - cost(published("large")).macs == saved == 10_436_608  # "10 million MAdds" (section 5.1)
    stem, first = wide.blocks[:2]
    assert stem == Convolution(kernel=3, out=32, stride=2, norm_eps=1e-3, norm_momentum=0.01)
    assert isinstance(first, InvertedResidual)
    assert (first.mid, first.out) == (32, 16)


def nonlinearities(spec: ArchSpec) -> list[str]:
    """Of stem, blocks, last convolution and hidden layer."""
    return [block.activation for block in spec.blocks if not isinstance(block, Pooling)]  # type: ignore[union-attr]


#   h-swish from so many channels on: how many of the 18 layers before it have ReLU
@pytest.mark.parametrize(
    ("channels", "relu"), [(16, 0), (24, 2), (40, 4), (80, 7), (112, 11), (160, 13), (NOWHERE, 18)]
)
def test_hardswish_begins_at_the_first_layer_of_so_many_channels(channels: float, relu: int) -> None:
    spec = published("large", hardswish_from=channels)
    assert nonlinearities(spec) == ["relu"] * relu + ["hardswish"] * (18 - relu)
    assert cost(spec) == cost(published("large"))


def test_the_published_large_network_has_hardswish_from_80_and_in_the_stem() -> None:
    from_80 = published("large", hardswish_from=80)
    assert nonlinearities(published("large")) == ["hardswish", *nonlinearities(from_80)[1:]]
    assert published("large", hardswish_from=80, stem_activation="hardswish") == published("large")


def test_hardswish_everywhere_is_a_point_of_the_space() -> None:
    choices = {
        name: "hardswish" if name.endswith(".activation") else value
        for name, value in published_choices("large").items()
    }
    assert rebuild(mobilenet_v3, choices) == published("large", hardswish_from=16)
    assert REFERENCES["mobilenet_v3_large_hardswish_16"].choices == choices


@every_skeleton
@pytest.mark.parametrize("ratio", [0.0, 0.125, 0.25, 0.5])
def test_squeeze_excitation_costs_two_small_matrices_of_this_ratio(skeleton: str, ratio: float) -> None:
    spec = published(skeleton, se_ratio=ratio)
    with_se = [block for block in residuals(published(skeleton)) if block.squeeze]
    squeezes = [divisible(block.mid * ratio) if ratio else 0 for block in with_se]
    assert [block.squeeze for block in residuals(spec) if block.squeeze] == [one for one in squeezes if one]
    more = sum(2 * block.mid * squeeze for block, squeeze in zip(with_se, squeezes, strict=True))
    assert cost(spec).macs == cost(published(skeleton, se_ratio=0.0)).macs + more


@every_skeleton
def test_another_gate_changes_the_gates_and_nothing_else(skeleton: str) -> None:
    spec = published(skeleton, gate="sigmoid")
    assert {block.gate for block in residuals(spec)} == {"sigmoid"}
    assert cost(spec) == cost(published(skeleton))
    hard = [replace(block, gate="hardsigmoid") if block in residuals(spec) else block for block in spec.blocks]  # type: ignore[call-arg]
    assert tuple(hard) == published(skeleton).blocks


@every_skeleton
@pytest.mark.parametrize(
    "variant",
    [
        {"minimalistic": True},
        {"last_stage": "old"},
        {"stem": 32, "stem_activation": "relu"},
        {"hardswish_from": 112},
        {"se_ratio": 0.5},
        {"gate": "sigmoid"},
    ],
    ids=str,
)
def test_variants_scale_with_the_width_and_can_be_trained_on_small_images(
    skeleton: str, variant: dict[str, Any]
) -> None:
    full, half = published(skeleton, **variant), published(skeleton, 0.5, **variant)
    assert full != published(skeleton)
    assert [block.out for block in residuals(half)][:-1] == [divisible(b.out / 2) for b in residuals(full)][:-1]
    assert cost(half).macs < cost(full).macs
    small = full.trained_on(resolution=32, classes=10)
    assert next(row.shape for row in small.rows() if row.block.kind == "pooling")[1:] == (4, 4)


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
            number: choices[f"{choices['skeleton']}.stage{number}.depth"]
            for number in PUBLISHED[str(choices["skeleton"])]
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
    assert DEPTHS[skeleton].keys() == PUBLISHED[skeleton].keys()
    for number, rows in PUBLISHED[skeleton].items():
        depths = DEPTHS[skeleton][number]
        assert len(rows) in depths
        assert max(depths) <= len(EXPANSIONS[number])
        for position, row in enumerate(rows):
            assert row.expansion in EXPANSIONS[number][position]


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
