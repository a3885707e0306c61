"""Two networks block by block: every block once, multiply-adds that add up, changes in words."""

from dataclasses import replace

import pytest

from nas.arch import ArchSpec
from nas.blocks import InvertedResidual
from nas.cost import cost
from reports.differences import differences
from reports.stages import anatomy, side_by_side
from search_spaces import REFERENCES
from tests.reports.fakes import BUDGET, networks

SMALL = REFERENCES["mobilenet_v3_small"].spec()
LARGE = REFERENCES["mobilenet_v3_large"].spec()


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
