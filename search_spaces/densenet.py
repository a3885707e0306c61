"""The space around DenseNet (Huang et al. 2017, arXiv 1608.06993: table 1, and section 3 and table 2 for CIFAR).

DenseNet-121 is a point of it, and so are the CIFAR networks of 40 and, with bottleneck and compression, 100 layers.
"""

from functools import partial
from typing import NamedTuple

from nas.arch import ArchSpec
from nas.blocks import Block, Classifier, Convolution, DenseLayer, Normalisation, Pooling
from nas.space import Option, Pick
from search_spaces.reference import Reference


class _Network(NamedTuple):
    """What table 1, or a line of table 2, decides."""

    skeleton: str  # "imagenet": table 1, four dense blocks at 224 px; "cifar": section 3, three at 32 px
    layers: tuple[int, ...]  # of each dense block
    growth: int  # channels that each layer adds: k
    bottleneck: int  # width of the 1×1 convolution in a layer, times the growth; 0: none (4 in DenseNet-B)
    compression: float  # of the channels that a transition keeps: θ (below 1 in DenseNet-C)


# The published networks, a line each. L counts the stem, the convolutions of the layers, the transitions and the
# classifier, so that a CIFAR network has (L - 4) / 3 layers a block, and half of that with bottlenecks.
#                                  skeleton layers growth bottleneck compression
PUBLISHED = {
    "densenet_121": _Network("imagenet", (6, 12, 24, 16), 32, 4, 0.5),
    "densenet_40_12": _Network("cifar", (12, 12, 12), 12, 0, 1.0),
    "densenet_100_12": _Network("cifar", (32, 32, 32), 12, 0, 1.0),
    "densenet_bc_100_12": _Network("cifar", (16, 16, 16), 12, 4, 0.5),
    "densenet_bc_250_24": _Network("cifar", (41, 41, 41), 24, 4, 0.5),
    "densenet_bc_190_40": _Network("cifar", (31, 31, 31), 40, 4, 0.5),
}

PLAIN_STEM = 16  # channels before the first block of a CIFAR network without bottleneck and compression; 2k elsewhere

# Layers of each dense block that the space has.
LAYERS: dict[str, tuple[tuple[int, ...], ...]] = {
    "imagenet": ((2, 3, 4, 6), (2, 4, 6, 8, 12), (4, 8, 12, 16, 24), (4, 8, 12, 16)),
    "cifar": ((4, 6, 8, 12, 16),) * 3,
}


def densenet(pick: Pick) -> ArchSpec:
    """Skeleton, layers of each dense block, growth, bottleneck and compression.

    The "imagenet" skeleton is at 224 px and 1000 classes, the "cifar" one at 32 px and 10: without strides before its
    first block it costs some fifty times as much where a budget counts it at 224 px.
    """
    skeleton = pick("skeleton", tuple(LAYERS))
    return _assemble(
        _Network(
            skeleton=skeleton,
            layers=tuple(
                pick(f"{skeleton}.block{number}.layers", options)
                for number, options in enumerate(LAYERS[skeleton], start=1)
            ),
            growth=pick("growth", (4, 8, 12, 16, 24, 32)),
            bottleneck=pick("bottleneck", (0, 2, 4)),
            compression=pick("compression", (0.5, 0.75, 1.0)),
        )
    )


class _Native(NamedTuple):
    resolution: int  # px
    classes: int
    cifar_steps: int


# on small images stem and pooling of "imagenet" do not stride; "cifar" is made for them
_NATIVE = {"imagenet": _Native(224, 1000, 2), "cifar": _Native(32, 10, 0)}


def _assemble(network: _Network, plain_stem: int = PLAIN_STEM) -> ArchSpec:
    plain = network.skeleton == "cifar" and network.bottleneck == 0 and network.compression == 1
    channels = plain_stem if plain else 2 * network.growth
    blocks: list[Block] = []
    if network.skeleton == "imagenet":
        blocks.append(Convolution(kernel=7, out=channels, stride=2))
        blocks.append(Pooling(operation="max", kernel=3, stride=2, padding=1))
    else:
        # no norm: the first layer begins with one
        blocks.append(Convolution(kernel=3, out=channels, norm=False, activation="none"))
    layer = DenseLayer(growth=network.growth, bottleneck=network.bottleneck * network.growth)
    for index, count in enumerate(network.layers):
        if index:
            channels = int(network.compression * channels)
            blocks += [
                Normalisation(),
                Convolution(kernel=1, out=channels, norm=False, activation="none"),
                Pooling(kernel=2, stride=2),
            ]
        blocks += [layer] * count
        channels += count * network.growth
    native = _NATIVE[network.skeleton]
    blocks += [Normalisation(), Pooling(), Classifier(classes=native.classes)]
    return ArchSpec(
        resolution=native.resolution,
        blocks=tuple(blocks),
        cifar_steps=native.cifar_steps,
        initialisation="fan_in",
    )


def published(name: str, width: float = 1.0) -> ArchSpec:
    """A network of ``PUBLISHED`` at any width (at 1.0 the published one), at its native 224 px and 1000 classes, or
    32 px and 10. Stem and growth scale, to whole channels; everything else follows from them."""
    network = PUBLISHED[name]
    growth = max(1, round(network.growth * width))
    return _assemble(network._replace(growth=growth), plain_stem=max(1, round(PLAIN_STEM * width)))


def published_choices(name: str) -> dict[str, Option]:
    """A network of ``PUBLISHED`` as choices of the space, if it has so many layers and so wide ones."""
    skeleton, layers, growth, bottleneck, compression = PUBLISHED[name]
    return {
        "skeleton": skeleton,
        **{f"{skeleton}.block{number}.layers": count for number, count in enumerate(layers, start=1)},
        "growth": growth,
        "bottleneck": bottleneck,
        "compression": compression,
    }


class _Entry(NamedTuple):
    title: str
    place: str  # in the paper
    inside: bool  # whether it is a point of the space; deeper ones are not, so that a draw stays cheap


ENTRIES = {
    "densenet_121": _Entry("DenseNet-121", "table 1", True),
    "densenet_40_12": _Entry("DenseNet (L=40, k=12)", "table 2", True),
    "densenet_100_12": _Entry("DenseNet (L=100, k=12)", "table 2", False),
    "densenet_bc_100_12": _Entry("DenseNet-BC (L=100, k=12)", "table 2", True),
    "densenet_bc_250_24": _Entry("DenseNet-BC (L=250, k=24)", "table 2", False),
    "densenet_bc_190_40": _Entry("DenseNet-BC (L=190, k=40)", "table 2", False),
}

REFERENCES: tuple[Reference, ...] = tuple(
    Reference(
        name=name,
        title=entry.title,
        source=f"Huang et al. 2017, arXiv 1608.06993, {entry.place}",
        space="densenet",
        scaled=partial(published, name),
        choices=published_choices(name) if entry.inside else None,
    )
    for name, entry in ENTRIES.items()
)
