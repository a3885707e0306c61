"""The space around MobileNetV2 (Sandler et al. 2018, arXiv 1801.04381, table 2).

The published network and its widths from 0.35 to 1.4 are exact points of it; they are torchvision's networks.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from nas.arch import ArchSpec
from nas.blocks import Activation, Block, Classifier, Convolution, InvertedResidual, Pooling
from nas.space import Option, Pick
from search_spaces.channels import divisible
from search_spaces.reference import Reference


class Stage(NamedTuple):
    """A row of table 2: t, c, n, s. The first of its n blocks has the stride."""

    expansion: int
    out: int
    blocks: int
    stride: int


# Between the stem (3×3, 32 channels, stride 2) and the last convolution (1×1, 1280 channels).
STAGES = (
    Stage(1, 16, 1, 1),  # 112 px
    Stage(6, 24, 2, 2),  # 56 px
    Stage(6, 32, 3, 2),  # 28 px
    Stage(6, 64, 4, 2),  # 14 px
    Stage(6, 96, 3, 1),
    Stage(6, 160, 3, 2),  # 7 px
    Stage(6, 320, 1, 1),
)


class _BlockRow(NamedTuple):
    kernel: int
    expansion: int


def mobilenet_v2(pick: Pick) -> ArchSpec:
    """Width α; of each stage its depth, up to one block more than published; of each block kernel and expansion t; and
    for all blocks, linear bottlenecks or not (section 6, fig. 6a), with shortcuts or without (fig. 6b).

    At 224 px and 1000 classes. Every channel count scales with the width, the last convolution's only above 1.
    """
    width = pick("width", (0.35, 0.5, 0.75, 1.0, 1.4))
    linear = pick("bottleneck", ("linear", "relu6")) == "linear"
    depths = [pick(f"stage{number}.depth", tuple(range(1, stage.blocks + 2))) for number, stage in enumerate(STAGES)]
    # a stage's first block changes the channels or the size: where every stage is one block there is no shortcut at all
    shortcut = max(depths) == 1 or pick("shortcut", (True, False))
    rows = [[_pick_row(pick, number, position) for position in range(depth)] for number, depth in enumerate(depths)]
    return _assemble(rows, width, out_activation="none" if linear else "relu6", shortcut=shortcut)


def _pick_row(pick: Pick, number: int, position: int) -> _BlockRow:
    name = f"stage{number}.block{position}"
    return _BlockRow(
        kernel=pick(f"{name}.kernel", (3, 5, 7)),
        # on the largest map every expanded channel costs four times what it does in the next stage
        expansion=pick(f"{name}.expansion", (1, 2, 4) if number == 0 else (2, 3, 4, 6)),
    )


def _assemble(
    rows: Sequence[Sequence[_BlockRow]], width: float, *, out_activation: Activation = "none", shortcut: bool = True
) -> ArchSpec:
    channels = divisible(32 * width)
    blocks: list[Block] = [Convolution(kernel=3, out=channels, stride=2, activation="relu6")]
    for stage, stage_rows in zip(STAGES, rows, strict=True):
        for position, row in enumerate(stage_rows):
            mid = row.expansion * channels
            channels = divisible(stage.out * width)
            blocks.append(
                InvertedResidual(
                    kernel=row.kernel,
                    mid=mid,
                    out=channels,
                    stride=stage.stride if position == 0 else 1,
                    activation="relu6",
                    out_activation=out_activation,
                    shortcut=shortcut,
                )
            )
    blocks += [
        Convolution(kernel=1, out=divisible(1280 * max(1.0, width)), activation="relu6"),
        Pooling(),
        Classifier(classes=1000, dropout=0.2),
    ]
    # the stem and the next strided block keep the size of small images
    return ArchSpec(resolution=224, blocks=tuple(blocks), cifar_steps=2)


def published(width: float = 1.0) -> ArchSpec:
    """MobileNetV2 at any width, 224 px and 1000 classes (at 1.0 the published network)."""
    return _assemble([[_BlockRow(3, stage.expansion)] * stage.blocks for stage in STAGES], width)


def published_choices(width: float = 1.0) -> dict[str, Option]:
    """The same network as choices of the space, at the widths that it offers."""
    choices: dict[str, Option] = {"width": width, "bottleneck": "linear", "shortcut": True}
    for number, stage in enumerate(STAGES):
        choices[f"stage{number}.depth"] = stage.blocks
        for position in range(stage.blocks):
            choices[f"stage{number}.block{position}.kernel"] = 3
            choices[f"stage{number}.block{position}.expansion"] = stage.expansion
    return choices


PAPER = "Sandler et al. 2018, arXiv 1801.04381"
PUBLISHED = Reference(
    name="mobilenet_v2",
    title="MobileNetV2",
    source=f"{PAPER}, table 2",
    space="mobilenet_v2",
    scaled=published,
    choices=published_choices(),
)
REFERENCES = (
    PUBLISHED,
    replace(PUBLISHED.at_width(1.4), source=f"{PAPER}, table 4", choices=published_choices(1.4)),
    replace(PUBLISHED.at_width(0.5), source=f"{PAPER}, section 6.1", choices=published_choices(0.5)),
)
