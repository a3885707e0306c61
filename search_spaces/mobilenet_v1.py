"""The space around MobileNetV1 (Howard et al. 2017, arXiv 1704.04861, table 1).

The published network, its widths and resolutions (tables 6 and 7), the shallow one (table 5) and the one of full
convolutions (table 4) are exact points of it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from nas.arch import ArchSpec
from nas.blocks import Block, Classifier, Convolution, DepthwiseSeparable, Pooling, Resize
from nas.space import Option, Pick
from search_spaces.channels import divisible
from search_spaces.reference import Reference

RESOLUTION = 224  # px; ρ = 1


class Stage(NamedTuple):
    """Blocks of one width and one size of map; the first one has the stride."""

    out: int
    stride: int
    blocks: int


# Table 1 between the stem (3×3, 32 channels, stride 2) and the pooling. Its last depthwise "s2" must be s1: the printed
# input of the row after it is 7 px, not 4.
STAGES = (
    Stage(64, 1, 1),  # 112 px
    Stage(128, 2, 2),  # 56 px
    Stage(256, 2, 2),  # 28 px
    Stage(512, 2, 6),  # 14 px: one, and the table's "5×"
    Stage(1024, 2, 2),  # 7 px
)
REPEATED = 3  # the number of the stage whose five repeated blocks the shallow network leaves out (table 5)


class _StageRow(NamedTuple):
    """What is decided of a stage: its blocks by their kernels, and what they are."""

    kernels: Sequence[int]
    separable: bool


def mobilenet_v1(pick: Pick) -> ArchSpec:
    """Width α; resolution, which is ρ in px of 224; of each stage its depth, and separable or full 3×3 convolutions; of
    each separable block its kernel.

    At 224 px and 1000 classes. Every channel count scales with the width (section 3.3).
    """
    width = pick("width", (0.25, 0.35, 0.5, 0.75, 1.0))
    resolution = pick("resolution", (128, 160, 192, 224))
    rows = []
    for number, stage in enumerate(STAGES):
        separable = pick(f"stage{number}.convolution", ("separable", "full")) == "separable"
        depth = pick(f"stage{number}.depth", tuple(range(1, stage.blocks + 1)))
        kernels = [pick(f"stage{number}.block{at}.kernel", (3, 5, 7)) if separable else 3 for at in range(depth)]
        rows.append(_StageRow(kernels, separable))
    return _assemble(rows, width, resolution)


def _assemble(rows: Sequence[_StageRow], width: float, resolution: int = RESOLUTION) -> ArchSpec:
    blocks: list[Block] = []
    if resolution != RESOLUTION:
        blocks.append(Resize(multiplier=resolution / RESOLUTION))
    blocks.append(Convolution(kernel=3, out=divisible(32 * width), stride=2))
    for stage, row in zip(STAGES, rows, strict=True):
        kind = DepthwiseSeparable if row.separable else Convolution
        for position, kernel in enumerate(row.kernels):
            stride = stage.stride if position == 0 else 1
            blocks.append(kind(kernel=kernel, out=divisible(stage.out * width), stride=stride))
    blocks += [Pooling(), Classifier(classes=1000)]
    # the stem and the next strided block keep the size of small images
    return ArchSpec(resolution=RESOLUTION, blocks=tuple(blocks), cifar_steps=2)


def _published_depth(number: int, shallow: bool) -> int:
    return 1 if shallow and number == REPEATED else STAGES[number].blocks


def published(width: float = 1.0, *, separable: bool = True, shallow: bool = False) -> ArchSpec:
    """MobileNetV1 at any width, 224 px and 1000 classes (at 1.0 the published network).

    ``separable=False`` has a full 3×3 convolution with batch norm and ReLU for each separable block (table 4, "Conv
    MobileNet"), ``shallow`` has none of the five repeated blocks of 512 channels (table 5).
    """
    rows = [_StageRow([3] * _published_depth(number, shallow), separable) for number in range(len(STAGES))]
    return _assemble(rows, width)


def published_choices(
    width: float = 1.0, *, separable: bool = True, shallow: bool = False, resolution: int = RESOLUTION
) -> dict[str, Option]:
    """The same networks as choices of the space, at the widths and resolutions (px) that it offers."""
    choices: dict[str, Option] = {"width": width, "resolution": resolution}
    for number in range(len(STAGES)):
        depth = _published_depth(number, shallow)
        choices[f"stage{number}.convolution"] = "separable" if separable else "full"
        choices[f"stage{number}.depth"] = depth
        if separable:
            choices |= {f"stage{number}.block{position}.kernel": 3 for position in range(depth)}
    return choices


PAPER = "Howard et al. 2017, arXiv 1704.04861"
PUBLISHED = Reference(
    name="mobilenet_v1",
    title="MobileNetV1",
    source=f"{PAPER}, table 1",
    space="mobilenet_v1",
    scaled=published,
    choices=published_choices(),
)
REFERENCES = (
    PUBLISHED,
    *(
        replace(PUBLISHED.at_width(width), source=f"{PAPER}, table 6", choices=published_choices(width))
        for width in (0.75, 0.5, 0.25)
    ),
    Reference(
        name="mobilenet_v1_full",
        title="MobileNetV1 of full convolutions",
        source=f"{PAPER}, table 4",
        space="mobilenet_v1",
        scaled=lambda width: published(width, separable=False),
        choices=published_choices(separable=False),
    ),
    Reference(
        name="mobilenet_v1_shallow",
        title="MobileNetV1 shallow",
        source=f"{PAPER}, table 5",
        space="mobilenet_v1",
        scaled=lambda width: published(width, shallow=True),
        choices=published_choices(shallow=True),
    ),
)
