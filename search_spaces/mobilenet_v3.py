"""The block space around MobileNetV3 (Howard et al. 2019, arXiv 1905.02244, tables 1 and 2).

Small and large are exact points of it; so are timm's networks at width 0.75. Stages are numbered by the large network's
table: small has no stage 0, its 16-channel stage is number 1.
"""

from functools import partial
from typing import NamedTuple

from nas.arch import ArchSpec
from nas.blocks import Activation, Block, Classifier, Convolution, InvertedResidual, Pooling
from nas.space import Option, Pick
from search_spaces.channels import divisible
from search_spaces.reference import Reference

EPS = 1e-3  # batch norm's epsilon and momentum in torchvision's V3; its other networks have torch's own
MOMENTUM = 0.01


class Stage(NamedTuple):
    """Blocks of one width and one size of map; the first one has the stride."""

    number: int
    out: int
    stride: int
    depths: tuple[int, ...]


STAGES = {
    "small": (
        Stage(1, 16, 2, (1, 2)),
        Stage(2, 24, 2, (1, 2, 3)),
        Stage(3, 40, 2, (1, 2, 3)),
        Stage(4, 48, 1, (1, 2)),
        Stage(5, 96, 2, (1, 2, 3)),
    ),
    "large": (
        Stage(0, 16, 1, (1,)),
        Stage(1, 24, 2, (1, 2)),
        Stage(2, 40, 2, (1, 2, 3)),
        Stage(3, 80, 2, (1, 2, 3, 4)),
        Stage(4, 112, 1, (1, 2)),
        Stage(5, 160, 2, (1, 2, 3)),
    ),
}

# Expanded over incoming width, for each stage and position in it. The odd ratios are the published networks': 3.5 × 24
# rounds to small's 88, 2.25 × 80 to large's 184.
EXPANSIONS: dict[int, tuple[tuple[float, ...], ...]] = {
    0: ((1.0,),),
    1: ((1.0, 3.0, 4.0, 6.0),) * 2,
    2: ((3.0, 4.5, 6.0), (3.0, 3.5, 6.0), (3.0, 4.5, 6.0)),
    3: ((3.0, 4.0, 6.0), (2.5, 4.0, 6.0), (2.25, 3.0, 6.0), (2.25, 3.0, 6.0)),
    4: ((3.0, 4.0, 6.0),) * 2,
    5: ((3.0, 4.0, 6.0),) * 3,
}


def mobilenet_v3(pick: Pick) -> ArchSpec:
    """Kernel, expansion, squeeze-excite and activation of each block; depth of each stage; skeleton, width, last layer.

    At 224 px and 1000 classes. Stem and stages scale with the width, the hidden layer of the classifier does not.
    """
    skeleton = pick("skeleton", ("small", "large"))
    width = pick("width", (0.35, 0.5, 0.75, 1.0, 1.25))
    hidden = pick("hidden", (1024, 1280))
    stages = []
    for stage in STAGES[skeleton]:
        depth = pick(f"{skeleton}.stage{stage.number}.depth", stage.depths)
        stages.append((stage, [_pick_row(pick, stage.number, position) for position in range(depth)]))
    return _assemble(stages, width, hidden)


class _BlockRow(NamedTuple):
    """What a block's row of the paper's table decides."""

    kernel: int
    expansion: float
    se: bool
    activation: Activation


def _pick_row(pick: Pick, number: int, position: int) -> _BlockRow:
    name = f"stage{number}.block{position}"
    return _BlockRow(
        kernel=pick(f"{name}.kernel", (3, 5, 7)),
        expansion=pick(f"{name}.expansion", EXPANSIONS[number][position]),
        se=pick(f"{name}.se", (False, True)),
        activation="hardswish" if pick(f"{name}.activation", ("relu", "hardswish")) == "hardswish" else "relu",
    )


def _assemble(stages: list[tuple[Stage, list[_BlockRow]]], width: float, hidden: int) -> ArchSpec:
    channels = divisible(16 * width)
    blocks: list[Block] = [
        Convolution(kernel=3, out=channels, stride=2, activation="hardswish", norm_eps=EPS, norm_momentum=MOMENTUM)
    ]
    for stage, rows in stages:
        for position, row in enumerate(rows):
            mid = divisible(row.expansion * channels)
            channels = divisible(stage.out * width)
            blocks.append(
                InvertedResidual(
                    kernel=row.kernel,
                    mid=mid,
                    out=channels,
                    stride=stage.stride if position == 0 else 1,
                    squeeze=divisible(mid / 4) if row.se else 0,
                    activation=row.activation,
                    norm_eps=EPS,
                    norm_momentum=MOMENTUM,
                )
            )
    blocks += [
        Convolution(kernel=1, out=6 * channels, activation="hardswish", norm_eps=EPS, norm_momentum=MOMENTUM),
        Pooling(),
        Classifier(classes=1000, hidden=hidden, activation="hardswish", dropout=0.2),
    ]
    # the stem and the next strided block keep the size of small images
    return ArchSpec(resolution=224, blocks=tuple(blocks), cifar_steps=2)


# The published tables, a stage a line: kernel, expansion, squeeze-excite, nonlinearity (RE: ReLU, HS: h-swish).
RE: Activation = "relu"
HS: Activation = "hardswish"
PUBLISHED: dict[str, dict[int, list[_BlockRow]]] = {
    "small": {
        1: [_BlockRow(3, 1.0, True, RE)],
        2: [_BlockRow(3, 4.5, False, RE), _BlockRow(3, 3.5, False, RE)],
        3: [_BlockRow(5, 4.0, True, HS), _BlockRow(5, 6.0, True, HS), _BlockRow(5, 6.0, True, HS)],
        4: [_BlockRow(5, 3.0, True, HS), _BlockRow(5, 3.0, True, HS)],
        5: [_BlockRow(5, 6.0, True, HS), _BlockRow(5, 6.0, True, HS), _BlockRow(5, 6.0, True, HS)],
    },
    "large": {
        0: [_BlockRow(3, 1.0, False, RE)],
        1: [_BlockRow(3, 4.0, False, RE), _BlockRow(3, 3.0, False, RE)],
        2: [_BlockRow(5, 3.0, True, RE), _BlockRow(5, 3.0, True, RE), _BlockRow(5, 3.0, True, RE)],
        3: [
            _BlockRow(3, 6.0, False, HS),
            _BlockRow(3, 2.5, False, HS),
            _BlockRow(3, 2.25, False, HS),
            _BlockRow(3, 2.25, False, HS),
        ],
        4: [_BlockRow(3, 6.0, True, HS), _BlockRow(3, 6.0, True, HS)],
        5: [_BlockRow(5, 6.0, True, HS), _BlockRow(5, 6.0, True, HS), _BlockRow(5, 6.0, True, HS)],
    },
}
HIDDEN = {"small": 1024, "large": 1280}


def published_choices(skeleton: str) -> dict[str, Option]:
    """MobileNetV3 small or large as choices of the space (tables 2 and 1)."""
    choices: dict[str, Option] = {"skeleton": skeleton, "width": 1.0, "hidden": HIDDEN[skeleton]}
    for number, rows in PUBLISHED[skeleton].items():
        choices[f"{skeleton}.stage{number}.depth"] = len(rows)
        for position, row in enumerate(rows):
            for name, value in row._asdict().items():
                choices[f"stage{number}.block{position}.{name}"] = value
    return choices


def published(skeleton: str, width: float = 1.0) -> ArchSpec:
    """MobileNetV3 small or large at any width, 224 px and 1000 classes (at 1.0 the published network)."""
    rows = PUBLISHED[skeleton]
    return _assemble([(stage, rows[stage.number]) for stage in STAGES[skeleton]], width, HIDDEN[skeleton])


REFERENCES = tuple(
    Reference(
        name=f"mobilenet_v3_{skeleton}",
        title=f"MobileNetV3 {skeleton}",
        source=f"Howard et al. 2019, arXiv 1905.02244, table {table}",
        space="mobilenet_v3",
        scaled=partial(published, skeleton),
        choices=published_choices(skeleton),
    )
    for skeleton, table in (("small", 2), ("large", 1))
)
