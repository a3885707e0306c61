"""AlexNet (Krizhevsky 2014, arXiv 1404.5997, the single-GPU form that torchvision has): what SqueezeNet is 50 times
smaller than. No space is drawn around it.

The images pass its 11×11 stem with stride 4 and three poolings, so that it takes none below 63 px; it has no rule for
CIFAR's.
"""

from typing import NamedTuple

from nas.arch import ArchSpec
from nas.blocks import Block, Classifier, Convolution, Linear, Pooling
from search_spaces.channels import divisible
from search_spaces.reference import Reference


class _Layer(NamedTuple):
    """A convolution with a bias, a ReLU and no norm."""

    kernel: int
    out: int
    stride: int
    padding: int
    pooled: bool  # a max pooling, 3×3 with stride 2, behind it


LAYERS = (
    _Layer(11, 64, 4, 2, True),
    _Layer(5, 192, 1, 2, True),
    _Layer(3, 384, 1, 1, False),
    _Layer(3, 256, 1, 1, False),
    _Layer(3, 256, 1, 1, True),
)
HIDDEN = (4096, 4096)  # the linear layers between features and classes
MAP = 6  # px a side of what reaches them


def published(width: float = 1.0) -> ArchSpec:
    """AlexNet at any width, 224 px and 1000 classes (at 1.0 the published network).

    Convolutions and hidden layers scale, to multiples of eight: 96% of the parameters are in the linear layers.
    """
    blocks: list[Block] = []
    for layer in LAYERS:
        blocks.append(
            Convolution(
                kernel=layer.kernel,
                out=divisible(layer.out * width),
                stride=layer.stride,
                padding=layer.padding,
                bias=True,
                norm=False,
            )
        )
        if layer.pooled:
            blocks.append(Pooling(operation="max", kernel=3, stride=2))
    blocks.append(Pooling(size=MAP))
    blocks += [Linear(out=divisible(hidden * width), dropout=0.5) for hidden in HIDDEN]
    blocks.append(Classifier(classes=1000))
    return ArchSpec(resolution=224, blocks=tuple(blocks), cifar_steps=None, initialisation="torch")


REFERENCES: tuple[Reference, ...] = (
    Reference(
        name="alexnet",
        title="AlexNet",
        source="Krizhevsky 2014, arXiv 1404.5997, as in torchvision",
        scaled=published,
    ),
)
