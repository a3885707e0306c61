"""The stages of a network, derived from its table of blocks, and two networks' blocks side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import chain, groupby, zip_longest
from math import log2
from typing import NamedTuple

from nas.arch import ArchSpec, Row
from nas.blocks import (
    Classifier,
    Convolution,
    ConvolutionClassifier,
    DenseLayer,
    Linear,
    Normalisation,
    Pooling,
    Resize,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Consecutive blocks of one width and one size of map. A strided block begins one; so does another width.

    Poolings have no width of their own; the layers of a dense block, which add channels one after the other, are one
    stage with the transition behind them.
    """

    size: int  # px, of the map put out
    halvings: int  # how often the image was halved by then: 55 px of 224 are two, as 56 are
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """A network as people speak of it. Every block is in exactly one part."""

    stem: tuple[Row, ...]
    stages: tuple[Stage, ...]
    head: tuple[Row, ...]


class Pair(NamedTuple):
    """The same place in two networks; None where one of them has no block there."""

    place: str  # "stage 3 block 2"
    mine: Row | None
    other: Row | None


def anatomy(spec: ArchSpec) -> Anatomy:
    """The stem is a first convolution and a change of resolution before it; the head is the classifier and the
    poolings, linear layers, norms and 1×1 convolutions right before it."""
    rows = list(spec.rows())
    start = 0
    while isinstance(rows[start].block, Resize):
        start += 1
    image = rows[start].shape.height
    start += isinstance(rows[start].block, Convolution)
    end = len(rows)
    while end > start and _is_head(rows[end - 1]):
        end -= 1
    stages: list[list[Row]] = []
    for row in rows[start:end]:
        if not stages or _begins_a_stage(row, stages[-1]):
            stages.append([])
        stages[-1].append(row)
    return Anatomy(
        stem=tuple(rows[:start]),
        stages=tuple(_stage(image, group) for group in stages),
        head=tuple(rows[end:]),
    )


def _stage(image: int, rows: list[Row]) -> Stage:
    size = rows[0].out.height
    return Stage(size=size, halvings=round(log2(image / size)), rows=tuple(rows))


def _is_head(row: Row) -> bool:
    block = row.block
    pointwise = isinstance(block, Convolution) and block.kernel == 1 and block.stride == 1
    return pointwise or isinstance(block, Normalisation | Pooling | Linear | Classifier | ConvolutionClassifier)


def _begins_a_stage(row: Row, stage: list[Row]) -> bool:
    if row.out.height < row.shape.height:
        return True
    if all(isinstance(one.block, Pooling) for one in stage):  # the stage has no width yet
        return False
    block = row.block
    if any(isinstance(one.block, DenseLayer) for one in stage):
        transition = isinstance(block, Convolution) and block.kernel == 1
        return not (transition or isinstance(block, DenseLayer | Normalisation | Pooling))
    return row.out.channels != stage[-1].out.channels


def side_by_side(spec: ArchSpec, other: ArchSpec) -> list[Pair]:
    """Every block of both networks once, aligned by stage, kind and position.

    Stages belong together when their maps were halved equally often; where the two have different numbers of such
    stages (thin networks can have two stages of equal width, which are one) all of their blocks count as one stage.
    Stages are numbered from 1 over both networks, blocks from 1 in their stage.
    """
    mine, theirs = anatomy(spec), anatomy(other)
    pairs = _by_kind("stem", mine.stem, theirs.stem)
    for number, (left, right) in enumerate(_aligned(mine.stages, theirs.stages), start=1):
        for position, (a, b) in enumerate(_abreast(left, right), start=1):
            pairs.append(Pair(f"stage {number} block {position}", a, b))
    return pairs + _by_kind("head", mine.head, theirs.head)


def places(spec: ArchSpec) -> list[tuple[str, Row]]:
    """Every block of one network with its place, in order."""
    found = {pair.mine.name: pair.place for pair in side_by_side(spec, spec) if pair.mine is not None}
    return [(found[row.name], row) for row in spec.rows()]


def _by_kind(part: str, mine: Sequence[Row], other: Sequence[Row]) -> list[Pair]:
    """``stem``, ``stem resize``, ``head pooling``, ``head linear 2``."""
    pairs = []
    for kind in dict.fromkeys(row.block.kind for row in (*mine, *other)):
        name = "stem" if (part, kind) == ("stem", "convolution") else f"{part} {kind.replace('_', ' ')}"
        left = [row for row in mine if row.block.kind == kind]
        right = [row for row in other if row.block.kind == kind]
        several = max(len(left), len(right)) > 1
        for number, (a, b) in enumerate(zip_longest(left, right), start=1):
            pairs.append(Pair(f"{name} {number}" if several else name, a, b))
    return pairs


def _aligned(mine: tuple[Stage, ...], other: tuple[Stage, ...]) -> Iterator[tuple[list[Row], list[Row]]]:
    for halvings in sorted({stage.halvings for stage in (*mine, *other)}):
        left = [list(stage.rows) for stage in mine if stage.halvings == halvings]
        right = [list(stage.rows) for stage in other if stage.halvings == halvings]
        if left and right and len(left) != len(right):
            left, right = [list(chain(*left))], [list(chain(*right))]
        yield from zip_longest(left, right, fillvalue=[])


def _abreast(mine: list[Row], other: list[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    """Two stages' blocks: six dense layers and their transition beside twelve and theirs."""
    left = [list(rows) for _, rows in groupby(mine, _kind)]
    right = [list(rows) for _, rows in groupby(other, _kind)]
    kinds = [_kind(rows[0]) for rows in left], [_kind(rows[0]) for rows in right]
    for change, a, b, c, d in SequenceMatcher(None, *kinds, autojunk=False).get_opcodes():
        if change == "equal":
            for ours, theirs in zip(left[a:b], right[c:d], strict=True):
                yield from zip_longest(ours, theirs)
        else:
            yield from zip_longest(chain(*left[a:b]), chain(*right[c:d]))


def _kind(row: Row) -> str:
    return row.block.kind
