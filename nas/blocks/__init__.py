"""The kinds of block, one file each: facts, operators and module together. A new kind is a file and a line in
``Block``."""

from nas.blocks.base import Activation, Cost, Gate, Padding, Shape
from nas.blocks.classifier import Classifier
from nas.blocks.convolution import Convolution
from nas.blocks.convolution_classifier import ConvolutionClassifier
from nas.blocks.dense_layer import DenseLayer
from nas.blocks.depthwise_separable import DepthwiseSeparable
from nas.blocks.facts import BlockFacts
from nas.blocks.fire import Bypass, Fire
from nas.blocks.inverted_residual import InvertedResidual
from nas.blocks.linear import Linear
from nas.blocks.normalisation import Normalisation
from nas.blocks.operators import Operator, OperatorKind
from nas.blocks.pooling import Pooling
from nas.blocks.resize import Resize

Block = (
    Resize
    | Convolution
    | DepthwiseSeparable
    | InvertedResidual
    | Fire
    | DenseLayer
    | Normalisation
    | Pooling
    | Linear
    | Classifier
    | ConvolutionClassifier
)

__all__ = [
    "Activation",
    "Block",
    "BlockFacts",
    "Bypass",
    "Classifier",
    "Convolution",
    "ConvolutionClassifier",
    "Cost",
    "DenseLayer",
    "DepthwiseSeparable",
    "Fire",
    "Gate",
    "InvertedResidual",
    "Linear",
    "Normalisation",
    "Operator",
    "OperatorKind",
    "Padding",
    "Pooling",
    "Resize",
    "Shape",
]
