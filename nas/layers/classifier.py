"""The layer of ``nas.blocks.Classifier``."""

from torch import nn

from nas.blocks import Classifier, Shape
from nas.layers.base import activation


def classifier(block: Classifier, shape: Shape) -> nn.Module:
    layers: list[nn.Module] = [nn.Flatten()]
    features = shape.elements
    if block.hidden:
        layers += [nn.Linear(features, block.hidden), *activation(block.activation)]
        features = block.hidden
    if block.dropout:
        # not in place: the activation before it keeps its output for the backward pass
        layers.append(nn.Dropout(block.dropout))
    layers.append(nn.Linear(features, block.classes))
    return nn.Sequential(*layers)
