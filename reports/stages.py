"""The stages of a network, derived from its table of blocks, and two networks' blocks side by side."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import NamedTuple

from nas.arch import ArchSpec, Row
from nas.blocks import Classifier, Convolution, Pooling


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Consecutive blocks of one width and one size of map. A strided block begins one; so does another width."""

    size: int  # px, of the map put out
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
    """The stem is a first convolution; the head the classifier and the pooling and 1×1 convolutions right before it."""
    rows = list(spec.rows())
    start = 1 if isinstance(rows[0].block, Convolution) else 0
    end = len(rows)
    while end > start and _is_head(rows[end - 1]):
        end -= 1
    stages: list[list[Row]] = []
    for row in rows[start:end]:
        smaller = row.out.height < row.shape.height
        if not stages or smaller or row.out.channels != stages[-1][-1].out.channels:
            stages.append([])
        stages[-1].append(row)
    return Anatomy(
        stem=tuple(rows[:start]),
        stages=tuple(Stage(size=group[0].out.height, rows=tuple(group)) for group in stages),
        head=tuple(rows[end:]),
    )


def _is_head(row: Row) -> bool:
    block = row.block
    pointwise = isinstance(block, Convolution) and block.kernel == 1 and block.stride == 1
    return pointwise or isinstance(block, Pooling | Classifier)


def side_by_side(spec: ArchSpec, other: ArchSpec) -> list[Pair]:
    """Every block of both networks once, aligned by stage and position.

    Stages belong together when they have maps of the same size; where the two have different numbers of stages at one
    size (thin networks can have two stages of equal width, which are one) all blocks of that size count as one stage.
    Stages are numbered from 1 over both networks, blocks from 1 in their stage.
    """
    mine, theirs = anatomy(spec), anatomy(other)
    pairs = [Pair("stem", a, b) for a, b in zip_longest(mine.stem, theirs.stem)]
    for number, (left, right) in enumerate(_aligned(mine.stages, theirs.stages), start=1):
        for position, (a, b) in enumerate(zip_longest(left, right), start=1):
            pairs.append(Pair(f"stage {number} block {position}", a, b))
    for kind in dict.fromkeys(row.block.kind for row in (*mine.head, *theirs.head)):
        left = [row for row in mine.head if row.block.kind == kind]
        right = [row for row in theirs.head if row.block.kind == kind]
        pairs += [Pair(f"head {kind}", a, b) for a, b in zip_longest(left, right)]
    return pairs


def places(spec: ArchSpec) -> list[tuple[str, Row]]:
    """Every block of one network with its place, in order."""
    return [(pair.place, pair.mine) for pair in side_by_side(spec, spec) if pair.mine is not None]


def _aligned(mine: tuple[Stage, ...], other: tuple[Stage, ...]) -> Iterator[tuple[list[Row], list[Row]]]:
    for size in sorted({stage.size for stage in (*mine, *other)}, reverse=True):
        left = [list(stage.rows) for stage in mine if stage.size == size]
        right = [list(stage.rows) for stage in other if stage.size == size]
        if left and right and len(left) != len(right):
            left, right = [list(chain(*left))], [list(chain(*right))]
        yield from zip_longest(left, right, fillvalue=[])
