"""Two networks block by block: every block once, multiply-adds that add up, changes in words."""

from dataclasses import replace

import pytest

from nas.arch import ArchSpec
from nas.blocks import (
    Block,
    Classifier,
    Convolution,
    ConvolutionClassifier,
    DenseLayer,
    Fire,
    InvertedResidual,
    Linear,
    Normalisation,
    Pooling,
    Resize,
)
from nas.cost import cost
from reports.differences import differences
from reports.stages import anatomy, places, side_by_side
from search_spaces import REFERENCES, find_reference
from tests.reports.fakes import BUDGET, networks

SMALL = REFERENCES["mobilenet_v3_small"].spec()
LARGE = REFERENCES["mobilenet_v3_large"].spec()
FAMILIES = (
    "mobilenet_v3_small",
    "mobilenet_v2",
    "mobilenet_v1",
    "squeezenet_1_0",
    "squeezenet_1_1",
    "densenet_121",
    "densenet_40_12",
    "densenet_bc_100_12",
    "alexnet",
)


def changed(spec: ArchSpec, index: int, **facts: object) -> ArchSpec:
    block = spec.blocks[index]
    assert isinstance(block, InvertedResidual)
    new = replace(block, **facts)  # type: ignore[arg-type]
    return replace(spec, blocks=(*spec.blocks[:index], new, *spec.blocks[index + 1 :]))


def test_stages_of_small_are_the_papers() -> None:
    parts = anatomy(SMALL)
    assert [(stage.size, len(stage.rows)) for stage in parts.stages] == [(56, 1), (28, 2), (14, 3), (14, 2), (7, 3)]
    assert len(parts.stem) == 1
    assert [row.block.kind for row in parts.head] == ["convolution", "pooling", "classifier"]


def test_stages_of_large_are_the_papers() -> None:
    sizes = [(stage.size, len(stage.rows)) for stage in anatomy(LARGE).stages]
    assert sizes == [(112, 1), (56, 2), (28, 3), (14, 4), (14, 2), (7, 3)]


@pytest.mark.parametrize("index", range(12))
def test_lines_sum_exactly_to_the_difference_of_the_networks(index: int) -> None:
    spec = networks(BUDGET, 24)[index].spec
    lines = differences(spec, SMALL)
    assert sum(line.macs for line in lines) == cost(spec).macs - cost(SMALL).macs


@pytest.mark.parametrize("index", range(12))
def test_every_block_of_both_networks_has_exactly_one_place(index: int) -> None:
    spec = networks(BUDGET, 24)[index].spec
    pairs = side_by_side(spec, SMALL)
    assert [pair.mine for pair in pairs if pair.mine] == list(spec.rows())
    assert sorted(pair.other.name for pair in pairs if pair.other) == sorted(row.name for row in SMALL.rows())
    assert len({pair.place for pair in pairs}) == len(pairs)


def test_a_network_beside_itself_differs_nowhere() -> None:
    assert all(not line.change and not line.macs for line in differences(SMALL, SMALL))


def test_a_smaller_kernel_without_squeeze_excite_is_said_in_words_with_its_multiply_adds() -> None:
    spec = changed(SMALL, 5, kernel=3, squeeze=0)  # the second 40-channel block: 240 channels inside, at 14 px
    line = next(line for line in differences(spec, SMALL) if line.change)
    saved = 14 * 14 * 240 * (25 - 9) + 2 * 240 * 64
    assert line.macs == -saved
    assert str(line) == "stage 3 block 2: kernel 5 → 3, squeeze-excite removed, −0.8 MMACs"


def test_a_block_more_and_a_block_less_are_lines_of_their_own() -> None:
    less = replace(SMALL, blocks=(*SMALL.blocks[:6], *SMALL.blocks[7:]))
    gone = next(line for line in differences(less, SMALL) if line.change)
    assert (gone.place, gone.change, gone.block) == ("stage 3 block 3", "block left out", None)
    more = next(line for line in differences(SMALL, less) if line.change)
    assert (more.place, more.change, more.other) == ("stage 3 block 3", "block added", None)
    assert more.macs == -gone.macs > 0


def test_stem_and_head_are_compared_too() -> None:
    thin = REFERENCES["mobilenet_v3_small"].scaled(0.5)
    places = {line.place for line in differences(thin, SMALL) if line.change}
    assert {"stem", "head convolution", "head classifier"} <= places


def test_merged_stages_of_a_thin_network_are_held_against_all_blocks_of_that_map_size() -> None:
    thin = REFERENCES["mobilenet_v3_small"].scaled(0.35)  # its stages of 40 and 48 channels are both 16 wide
    assert [len(stage.rows) for stage in anatomy(thin).stages if stage.size == 14] == [5]
    assert all(pair.mine and pair.other for pair in side_by_side(thin, SMALL))


# ---- the other families


def shape_of(reference: str) -> tuple[list[str], list[tuple[int, list[str]]], list[str]]:
    """Kinds of the stem, of each stage with its size, and of the head."""
    parts = anatomy(find_reference(reference).spec())
    return (
        [row.block.kind for row in parts.stem],
        [(stage.size, [row.block.kind for row in stage.rows]) for stage in parts.stages],
        [row.block.kind for row in parts.head],
    )


def test_stages_of_mobilenet_v1_and_v2_are_the_papers() -> None:
    v1, v2 = (anatomy(find_reference(name).spec()).stages for name in ("mobilenet_v1", "mobilenet_v2"))
    assert [(stage.size, len(stage.rows)) for stage in v1] == [(112, 1), (56, 2), (28, 2), (14, 6), (7, 2)]
    # arXiv 1801.04381, table 2, column n
    assert [len(stage.rows) for stage in v2] == [1, 2, 3, 4, 3, 3, 1]
    assert [stage.size for stage in v2] == [112, 56, 28, 14, 14, 7, 7]


def test_the_layers_of_a_dense_block_are_one_stage_with_their_transition() -> None:
    """Each adds channels, which begins no stage; DenseNet (arXiv 1608.06993), table 1: 6, 12, 24 and 16 layers."""
    stem, stages, head = shape_of("densenet_121")
    transition = ["normalisation", "convolution"]
    assert stem == ["convolution"]
    assert stages == [
        (56, ["pooling", *["dense_layer"] * 6, *transition]),
        (28, ["pooling", *["dense_layer"] * 12, *transition]),
        (14, ["pooling", *["dense_layer"] * 24, *transition]),
        (7, ["pooling", *["dense_layer"] * 16]),
    ]
    assert head == ["normalisation", "pooling", "classifier"]


def test_stages_of_a_squeezenet_begin_with_their_pooling() -> None:
    stem, stages, head = shape_of("squeezenet_1_1")
    assert stem == ["convolution"]
    assert stages == [
        (55, ["pooling", "fire", "fire"]),
        (27, ["pooling", "fire", "fire"]),
        (13, ["pooling", "fire", "fire"]),
        (13, ["fire", "fire"]),  # another width
    ]
    assert head == ["convolution_classifier"]


def test_the_head_of_alexnet_begins_after_its_convolutions() -> None:
    stem, stages, head = shape_of("alexnet")
    assert stem == ["convolution"]
    assert [kinds for _, kinds in stages] == [
        ["pooling", "convolution"],
        ["pooling", "convolution"],
        ["convolution", "convolution"],
    ]
    assert head == ["pooling", "pooling", "linear", "linear", "classifier"]


def test_a_change_of_resolution_belongs_to_the_stem() -> None:
    smaller = replace(SMALL, blocks=(Resize(multiplier=0.5), *SMALL.blocks))
    parts = anatomy(smaller)
    assert [row.block.kind for row in parts.stem] == ["resize", "convolution"]
    assert [stage.size for stage in parts.stages] == [28, 14, 7, 7, 4]
    lines = differences(smaller, SMALL)
    assert (lines[0].place, lines[0].change) == ("stem resize", "block added")
    assert (lines[1].place, lines[1].change) == ("stem", "map 224 → 112 px")
    assert lines[1].macs == (56**2 - 112**2) * 27 * 16  # the same block on a quarter of the pixels
    assert not any("block" in line.change for line in lines[1:])


@pytest.mark.parametrize("other", FAMILIES)
@pytest.mark.parametrize("reference", FAMILIES)
def test_any_two_networks_are_compared_block_by_block(reference: str, other: str) -> None:
    mine, theirs = find_reference(reference).spec(), find_reference(other).spec()
    pairs = side_by_side(mine, theirs)
    assert len({pair.place for pair in pairs}) == len(pairs)
    assert sorted(pair.mine.name for pair in pairs if pair.mine) == sorted(row.name for row in mine.rows())
    assert sorted(pair.other.name for pair in pairs if pair.other) == sorted(row.name for row in theirs.rows())
    lines = differences(mine, theirs)
    assert sum(line.macs for line in lines) == cost(mine).macs - cost(theirs).macs
    assert all(str(line) for line in lines)
    if mine == theirs:
        assert not any(line.change for line in lines)


def test_maps_that_differ_by_a_pixel_are_compared_with_each_other() -> None:
    """SqueezeNet 1.0 has 54 px where 1.1 has 55: the same fire modules stand beside each other all the same."""
    mine, other = (find_reference(name).spec() for name in ("squeezenet_1_0", "squeezenet_1_1"))
    beside = [
        (pair.mine.block.kind, pair.other.block.kind) for pair in side_by_side(mine, other) if pair.mine and pair.other
    ]
    # 1.0 pools after three, four and one of its eight fire modules, 1.1 after two, two and four
    assert beside.count(("fire", "fire")) == 2 + 2 + 1
    assert beside.count(("pooling", "pooling")) == 3
    same = next(line for line in differences(mine, other) if line.place == "stage 1 block 3")
    assert same.change == "map 55 → 54 px"


@pytest.mark.parametrize("reference", FAMILIES)
def test_places_are_in_the_networks_order(reference: str) -> None:
    spec = find_reference(reference).spec()
    found = places(spec)
    assert [row for _, row in found] == list(spec.rows())
    assert found[0][0] == "stem"
    assert len({place for place, _ in found}) == len(found)


def dense_network(*depths: int) -> ArchSpec:
    blocks: list[Block] = [Convolution(kernel=3, out=8, norm=False, activation="none")]
    for number, depth in enumerate(depths):
        if number:
            blocks += [Normalisation(), Convolution(kernel=1, out=8 * number), Pooling(kernel=2, stride=2)]
        blocks += [DenseLayer(growth=4)] * depth
    return ArchSpec(resolution=32, blocks=(*blocks, Normalisation(), Pooling(), Classifier(classes=10)))


def test_dense_blocks_of_different_depth_are_compared_layer_by_layer() -> None:
    """The transition stays beside the transition; what is more is at the end of the layers."""
    lines = differences(dense_network(3, 2), dense_network(2, 2))
    assert [(line.place, line.change) for line in lines if line.change] == [
        ("stage 1 block 3", "block added"),
        ("stage 1 block 5", "input channels 16 → 20"),
    ]
    lines = differences(dense_network(2, 2), dense_network(2, 4))
    assert [(line.place, line.change) for line in lines if line.change] == [
        ("stage 2 block 4", "block left out"),
        ("stage 2 block 5", "block left out"),
        ("head classifier", "input channels 24 → 16"),
    ]


FIRE = Fire(squeeze=4, expand1=8, expand3=8)
STEM = Convolution(kernel=3, out=16)
HEAD = Classifier(classes=10)


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (FIRE, replace(FIRE, squeeze=8), "squeeze 4 → 8"),
        (FIRE, replace(FIRE, expand1=4, expand3=12), "1×1 expansion 8 → 4, 3×3 expansion 8 → 12"),
        (FIRE, replace(FIRE, bypass="simple"), "bypass none → simple"),
        (DenseLayer(growth=8), DenseLayer(growth=8, bottleneck=32), "bottleneck added"),
        (DenseLayer(growth=8, bottleneck=32), DenseLayer(growth=8), "bottleneck removed"),
        (DenseLayer(growth=8, bottleneck=32), DenseLayer(growth=8, bottleneck=16), "bottleneck 32 → 16"),
        (DenseLayer(growth=8), DenseLayer(growth=6), "growth 8 → 6"),
        (STEM, replace(STEM, norm=False, bias=True), "bias added, batch norm removed"),
        (STEM, replace(STEM, padding=0), "padding same → 0"),
        (Pooling(kernel=3, stride=2), Pooling(kernel=3, stride=2, operation="max"), "pooling average → max"),
        (Pooling(kernel=3, stride=2), Pooling(kernel=3, stride=2, ceil=True), "windows beyond the edge added"),
        (
            InvertedResidual(kernel=3, mid=32, out=16),
            InvertedResidual(kernel=3, mid=32, out=16, shortcut=False, out_activation="relu6"),
            "activation at the end none → relu6, shortcut removed",
        ),
        (
            InvertedResidual(kernel=3, mid=32, out=16, squeeze=8),
            InvertedResidual(kernel=3, mid=32, out=16, squeeze=16),
            "squeeze-excite 8 → 16 channels",
        ),
        (InvertedResidual(kernel=3, mid=32, out=16), FIRE, "inverted residual → fire"),
    ],
)
def test_a_change_in_words(before: Block, after: Block, change: str) -> None:
    mine, other = (ArchSpec(resolution=16, blocks=(STEM, block, STEM, HEAD)) for block in (after, before))
    assert next(line.change for line in differences(mine, other) if line.change) == change


@pytest.mark.parametrize(
    ("before", "after", "place", "change"),
    [
        (HEAD, Classifier(classes=10, hidden=32), "head classifier", "hidden layer added"),
        (Classifier(classes=10, hidden=32), HEAD, "head classifier", "hidden layer removed"),
        (
            Classifier(classes=10, hidden=32),
            Classifier(classes=10, hidden=64),
            "head classifier",
            "hidden layer 32 → 64",
        ),
        (HEAD, ConvolutionClassifier(classes=10), "head convolution classifier", "block added"),
    ],
)
def test_a_change_of_the_head_in_words(before: Block, after: Block, place: str, change: str) -> None:
    mine, other = (ArchSpec(resolution=16, blocks=(STEM, FIRE, Pooling(), block)) for block in (after, before))
    assert next((line.place, line.change) for line in differences(mine, other) if line.change) == (place, change)


def test_several_layers_of_one_kind_in_the_head_are_numbered() -> None:
    two = ArchSpec(resolution=16, blocks=(STEM, FIRE, Linear(out=9), Linear(out=8), HEAD))
    assert [place for place, _ in places(two)][2:] == ["head linear 1", "head linear 2", "head classifier"]
    one = replace(two, blocks=(STEM, FIRE, Linear(out=9), HEAD))
    changes = [(line.place, line.change) for line in differences(one, two) if line.change]
    assert changes[0] == ("head linear 2", "block left out")
