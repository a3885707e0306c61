"""The names torchvision and timm give to the modules of networks that we have as well, and those of exported ones.

A layout says which tables of blocks it has names for, and names their modules in the order in which ours have theirs:
every convolution, batch norm and linear layer. The tensors inside are called the same everywhere. Names depend on the
table of blocks alone, so one layout serves every width, depth and class count of its family.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate

from nas import plain
from nas.arch import ArchSpec, Row
from nas.blocks import (
    Block,
    Classifier,
    Convolution,
    DenseLayer,
    Fire,
    InvertedResidual,
    Linear,
    Normalisation,
    Pooling,
    Resize,
)

EXPORTED = "exported"  # the layout of what ``nas.export`` writes


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The names of one family in one library."""

    library: str
    family: str  # as the library calls it
    table: str  # regular expression over the words of a table's blocks, see ``_word``
    names: Callable[[ArchSpec], Iterator[str]]  # of its modules, for a spec that fits
    pointwise: frozenset[str] = frozenset()  # our linear layers that are 1×1 convolutions there
    renamed: tuple[tuple[str, str], ...] = ()  # names in older files: regular expression → today's

    def fits(self, spec: ArchSpec) -> bool:
        words = (_word(block) for block in spec.blocks)
        return re.fullmatch(self.table, "".join(f"{word} " for word in words if word)) is not None

    def today(self, name: str) -> str:
        """A name as the library's present version writes it."""
        for pattern, new in self.renamed:
            name = re.sub(pattern, new, name)
        return name


def _word(block: Block) -> str:
    """What distinguishes layouts; empty for a block that has no tensors and no place in anybody's names."""
    match block:
        case Convolution():
            return "conv-norm" if block.norm else "conv"
        case InvertedResidual():
            return "residual-se" if block.squeeze else "residual"
        case DenseLayer():
            return "dense-bottleneck" if block.bottleneck else "dense"
        case Fire():
            return "fire-conv" if block.bypass == "complex" else "fire"
        case Classifier():
            return "linear-classifier" if block.hidden else "classifier"
        case Pooling() | Resize():
            return ""
    return block.kind


def _numbered(prefix: str, *parts: int | str) -> Iterator[str]:
    for part in parts:
        yield f"{prefix}.{part}"


def _rows_with_tensors(spec: ArchSpec) -> list[Row]:
    return [row for row in spec.rows() if _word(row.block)]


# ---- torchvision


def _mobilenet_v2(spec: ArchSpec) -> Iterator[str]:
    for index, (_, block, shape, _) in enumerate(_rows_with_tensors(spec)):
        match block:
            case Convolution():
                yield from _numbered(f"features.{index}", 0, 1)
            case InvertedResidual():
                pairs = 2 if block.expands(shape) else 1  # the projection lies one level higher than the others
                for pair in range(pairs):
                    yield from _numbered(f"features.{index}.conv.{pair}", 0, 1)
                yield from _numbered(f"features.{index}.conv", pairs, pairs + 1)
    yield "classifier.1"


def _mobilenet_v3(spec: ArchSpec) -> Iterator[str]:
    for index, (_, block, shape, _) in enumerate(_rows_with_tensors(spec)):
        match block:
            case Convolution():
                yield from _numbered(f"features.{index}", 0, 1)
            case InvertedResidual():
                pairs = 2 if block.expands(shape) else 1
                for pair in range(pairs):
                    yield from _numbered(f"features.{index}.block.{pair}", 0, 1)
                if block.squeeze:
                    yield from _numbered(f"features.{index}.block.{pairs}", "fc1", "fc2")
                    pairs += 1
                yield from _numbered(f"features.{index}.block.{pairs}", 0, 1)
    yield from _numbered("classifier", 0, 3)


def _features(spec: ArchSpec) -> Iterator[str]:
    """SqueezeNet and AlexNet: one flat list in which ReLUs and poolings are counted too."""
    index = 0
    for block in spec.blocks:
        match block:
            case Convolution():
                yield f"features.{index}"
                index += 2
            case Fire():
                yield from _numbered(f"features.{index}", "squeeze", "expand1x1", "expand3x3")
                index += 1
            case Pooling():
                index += 1


def _squeezenet(spec: ArchSpec) -> Iterator[str]:
    yield from _features(spec)
    yield "classifier.1"


def _alexnet(spec: ArchSpec) -> Iterator[str]:
    yield from _features(spec)
    hidden = sum(isinstance(block, Linear) or bool(getattr(block, "hidden", 0)) for block in spec.blocks)
    yield from (f"classifier.{3 * index + 1}" for index in range(hidden))  # dropout, linear, ReLU
    yield f"classifier.{3 * hidden}"


def _densenet(spec: ArchSpec) -> Iterator[str]:
    yield from _numbered("features", "conv0", "norm0")
    stage, layer = 1, 0
    body = _rows_with_tensors(spec)[1:-1]
    for index, (_, block, _, _) in enumerate(body):
        match block:
            case DenseLayer():
                layer += 1
                yield from _numbered(
                    f"features.denseblock{stage}.denselayer{layer}", "norm1", "conv1", "norm2", "conv2"
                )
            case Normalisation() if index == len(body) - 1:
                yield "features.norm5"  # whatever the number of stages
            case Normalisation():
                yield f"features.transition{stage}.norm"
            case Convolution():
                yield f"features.transition{stage}.conv"
                stage, layer = stage + 1, 0
    yield "classifier"


# ---- timm


# Depths of the stages in timm's tables. At some widths neighbours have equal channels (small at 0.5: blocks.2 and
# blocks.3), and then channels and strides do not tell where one ends.
TIMM_DEPTHS = ((1, 2, 3, 2, 3), (1, 2, 3, 4, 2, 3))


def _timm_stages(blocks: list[InvertedResidual]) -> list[int]:
    """Where stages begin: timm's own places where they are possible, otherwise at every stride and new width."""
    begins = [
        index
        for index, block in enumerate(blocks)
        if index == 0 or block.stride > 1 or block.out != blocks[index - 1].out
    ]
    for depths in TIMM_DEPTHS:
        *published, end = accumulate(depths, initial=0)
        if end == len(blocks) and set(begins) <= set(published):
            return published
    return begins


def _timm_mobilenet_v3(spec: ArchSpec) -> Iterator[str]:
    yield from ("conv_stem", "bn1")
    begins = _timm_stages([block for block in spec.blocks if isinstance(block, InvertedResidual)])
    body = [row for row in spec.rows() if isinstance(row.block, InvertedResidual)]
    stage = -1
    for index, (_, block, shape, _) in enumerate(body):
        assert isinstance(block, InvertedResidual)
        stage += index in begins
        place = f"blocks.{stage}.{index - begins[stage]}"
        gates = ("se.conv_reduce", "se.conv_expand") if block.squeeze else ()
        if block.expands(shape):
            yield from _numbered(place, "conv_pw", "bn1", "conv_dw", "bn2", *gates, "conv_pwl", "bn3")
        else:
            yield from _numbered(place, "conv_dw", "bn1", *gates, "conv_pw", "bn2")
    yield from _numbered(f"blocks.{stage + 1}.0", "conv", "bn1")
    yield from ("conv_head", "classifier")


LAYOUTS = (
    Layout(
        library="torchvision",
        family="mobilenet_v2",
        table="conv-norm (residual )+conv-norm classifier ",
        names=_mobilenet_v2,
    ),
    Layout(
        library="torchvision",
        family="mobilenet_v3",
        table="conv-norm (residual(-se)? )+conv-norm linear-classifier ",
        names=_mobilenet_v3,
    ),
    Layout(
        library="torchvision",
        family="squeezenet",
        table="conv (fire )+convolution_classifier ",
        names=_squeezenet,
    ),
    Layout(
        library="torchvision",
        family="densenet",
        table="conv-norm ((dense-bottleneck )+normalisation conv )*(dense-bottleneck )+normalisation classifier ",
        names=_densenet,
        # torchvision's published files were written when a layer's modules had dots in their names
        renamed=((r"(\.denselayer\d+\.(?:norm|conv))\.(?=[12]\.)", r"\1"),),
    ),
    Layout(
        library="torchvision",
        family="alexnet",
        table="(conv )+(linear )*(linear-)?classifier ",
        names=_alexnet,
    ),
    Layout(
        library="timm",
        family="mobilenetv3",
        table="conv-norm (residual(-se)? )+conv-norm linear-classifier ",
        names=_timm_mobilenet_v3,
        pointwise=frozenset({"conv_head"}),
    ),
    Layout(library=EXPORTED, family="any", table=".*", names=plain.names),
)
