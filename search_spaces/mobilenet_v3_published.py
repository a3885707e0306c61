"""MobileNetV3's published networks and the variants of its ablations (Howard et al. 2019, arXiv 1905.02244).

Stages are numbered by the large network's table: small has no stage 0, its 16-channel stage is number 1.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import inf
from typing import Literal, NamedTuple

from nas.arch import ArchSpec
from nas.blocks import Activation, Block, Classifier, Convolution, Gate, InvertedResidual, Pooling
from search_spaces.channels import divisible

LastStage = Literal["efficient", "old"]

EPS = 1e-3  # batch norm's epsilon and momentum in torchvision's V3; its other networks have torch's own
MOMENTUM = 0.01
NOWHERE = inf  # h-swish from so many channels on: in no layer


class Stage(NamedTuple):
    """Blocks of one width and one size of map; the first one has the stride."""

    number: int
    out: int
    stride: int


STAGES = {
    "small": (Stage(1, 16, 2), Stage(2, 24, 2), Stage(3, 40, 2), Stage(4, 48, 1), Stage(5, 96, 2)),
    "large": (Stage(0, 16, 1), Stage(1, 24, 2), Stage(2, 40, 2), Stage(3, 80, 2), Stage(4, 112, 1), Stage(5, 160, 2)),
}


class BlockRow(NamedTuple):
    """What a block's row of the paper's table decides."""

    kernel: int
    expansion: float  # over the incoming width
    se: bool
    activation: Activation


# The published tables 2 and 1, a stage a line: kernel, expansion, squeeze-excite, nonlinearity (RE: ReLU, HS: h-swish).
# The odd ratios: 3.5 × 24 rounds to small's 88, 2.25 × 80 to large's 184.
RE: Activation = "relu"
HS: Activation = "hardswish"
PUBLISHED: dict[str, dict[int, list[BlockRow]]] = {
    "small": {
        1: [BlockRow(3, 1.0, True, RE)],
        2: [BlockRow(3, 4.5, False, RE), BlockRow(3, 3.5, False, RE)],
        3: [BlockRow(5, 4.0, True, HS), BlockRow(5, 6.0, True, HS), BlockRow(5, 6.0, True, HS)],
        4: [BlockRow(5, 3.0, True, HS), BlockRow(5, 3.0, True, HS)],
        5: [BlockRow(5, 6.0, True, HS), BlockRow(5, 6.0, True, HS), BlockRow(5, 6.0, True, HS)],
    },
    "large": {
        0: [BlockRow(3, 1.0, False, RE)],
        1: [BlockRow(3, 4.0, False, RE), BlockRow(3, 3.0, False, RE)],
        2: [BlockRow(5, 3.0, True, RE), BlockRow(5, 3.0, True, RE), BlockRow(5, 3.0, True, RE)],
        3: [
            BlockRow(3, 6.0, False, HS),
            BlockRow(3, 2.5, False, HS),
            BlockRow(3, 2.25, False, HS),
            BlockRow(3, 2.25, False, HS),
        ],
        4: [BlockRow(3, 6.0, True, HS), BlockRow(3, 6.0, True, HS)],
        5: [BlockRow(5, 6.0, True, HS), BlockRow(5, 6.0, True, HS), BlockRow(5, 6.0, True, HS)],
    },
}
HIDDEN = {"small": 1024, "large": 1280}


def assemble(
    skeleton: str,
    rows: Mapping[int, Sequence[BlockRow]],
    *,
    width: float,
    hidden: int,
    stem: int = 16,
    stem_activation: Activation = HS,
    last_stage: LastStage = "efficient",
    last_activation: Activation = HS,
    se_ratio: float = 0.25,
    gate: Gate = "hardsigmoid",
) -> ArchSpec:
    """The network of these rows, by stage number. Stem and stages scale with the width, the hidden layer does not."""

    channels = divisible(stem * width)
    blocks: list[Block] = [_convolution(3, channels, stem_activation, stride=2)]
    for stage in STAGES[skeleton]:
        out = divisible(stage.out * width)
        for position, row in enumerate(rows[stage.number]):
            blocks.append(_bottleneck(row, channels, out, stage.stride if position == 0 else 1, se_ratio, gate))
            channels = out
    if last_stage == "efficient":
        blocks += [_convolution(1, 6 * channels, last_activation), _POOLING]
    else:
        # one bottleneck more, 160 → 960 → 320, and the hidden layer as a convolution before the pooling
        blocks += [
            _bottleneck(BlockRow(3, 6.0, False, last_activation), channels, 2 * channels, 1, se_ratio, gate),
            _convolution(1, hidden, last_activation),
            _POOLING,
        ]
    blocks.append(_classifier(hidden if last_stage == "efficient" else 0, last_activation))
    # the stem and the next strided block keep the size of small images
    return ArchSpec(resolution=224, blocks=tuple(blocks), cifar_steps=2)


# A space has few distinct blocks, and they are frozen: networks share them, so that each is made and checked once.


@lru_cache(maxsize=1024)
def _convolution(kernel: int, out: int, activation: Activation, stride: int = 1) -> Convolution:
    return Convolution(
        kernel=kernel, out=out, stride=stride, activation=activation, norm_eps=EPS, norm_momentum=MOMENTUM
    )


@lru_cache(maxsize=65536)
def _bottleneck(row: BlockRow, channels: int, out: int, stride: int, se_ratio: float, gate: Gate) -> InvertedResidual:
    mid = divisible(row.expansion * channels)
    return InvertedResidual(
        kernel=row.kernel,
        mid=mid,
        out=out,
        stride=stride,
        squeeze=divisible(mid * se_ratio) if row.se and se_ratio else 0,
        activation=row.activation,
        gate=gate,
        norm_eps=EPS,
        norm_momentum=MOMENTUM,
    )


@lru_cache(maxsize=1024)
def _classifier(hidden: int, activation: Activation) -> Classifier:
    return Classifier(classes=1000, hidden=hidden, activation=activation, dropout=0.2)


_POOLING = Pooling()


def published(
    skeleton: str,
    width: float = 1.0,
    *,
    minimalistic: bool = False,
    last_stage: LastStage = "efficient",
    stem: int = 16,
    stem_activation: Activation | None = None,
    hardswish_from: float | None = None,
    se_ratio: float = 0.25,
    gate: Gate = "hardsigmoid",
) -> ArchSpec:
    """MobileNetV3 small or large at any width, 224 px and 1000 classes (at 1.0 the published network), or a variant.

    - ``minimalistic``: every kernel 3, ReLU everywhere, no squeeze-excite; the authors' released models of this name.
    - ``last_stage="old"``: V2's last stage, as before section 5.1: a bottleneck to twice the channels and a 1×1
      convolution to ``hidden`` channels, both on the whole map (fig. 5, top; for small in the same proportions).
    - ``stem``: channels of the first convolution; before section 5.1 it had 32, with ``stem_activation="relu"``.
    - ``hardswish_from``: h-swish in the layers with so many output channels and more, ReLU before (table 5's "h-swish
      @N"); ``NOWHERE``: ReLU everywhere; None: as the table has it. Counted in channels at width 1.
    - ``se_ratio``: squeeze-excite's inner width over the expanded one (section 5.3); 0: none. ``gate``: its gate.
    """

    def activation(channels: int, otherwise: Activation) -> Activation:
        if hardswish_from is None:
            return otherwise
        return HS if channels >= hardswish_from else RE

    around = RE if minimalistic else HS  # in the table, of the stem and of the last stage
    rows = {}
    for stage in STAGES[skeleton]:
        table = PUBLISHED[skeleton][stage.number]
        if minimalistic:
            table = [BlockRow(3, row.expansion, False, RE) for row in table]
        rows[stage.number] = [row._replace(activation=activation(stage.out, row.activation)) for row in table]
    return assemble(
        skeleton,
        rows,
        width=width,
        hidden=HIDDEN[skeleton],
        stem=stem,
        stem_activation=stem_activation or activation(stem, around),
        last_stage=last_stage,
        last_activation=activation(6 * STAGES[skeleton][-1].out, around),
        se_ratio=se_ratio,
        gate=gate,
    )
