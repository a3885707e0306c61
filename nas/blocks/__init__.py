"""The kinds of block, one file each. A new kind is a file here, a file in ``nas/layers/``, and a line in ``Block``."""

from nas.blocks.base import Activation, BlockFacts, Cost, Gate, Shape
from nas.blocks.classifier import Classifier
from nas.blocks.convolution import Convolution
from nas.blocks.inverted_residual import InvertedResidual
from nas.blocks.pooling import Pooling

Block = Convolution | InvertedResidual | Pooling | Classifier

__all__ = [
    "Activation",
    "Block",
    "BlockFacts",
    "Classifier",
    "Convolution",
    "Cost",
    "Gate",
    "InvertedResidual",
    "Pooling",
    "Shape",
]
