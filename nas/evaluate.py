"""Accuracy of a network, by a copy of it in which every batch norm is folded into the convolution before it."""

import copy
from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from nas.batches import TrainData, normalise
from nas.precision import computing
from nas.recipe import Precision


@torch.no_grad()
def evaluate(model: nn.Module, data: TrainData, *, batch: int = 256, precision: Precision = "fp32") -> float:
    """Share of validation images whose highest score is their label's. ``model`` is left in evaluation mode."""
    folded = fold_norms(model.eval())
    correct = torch.zeros((), dtype=torch.int64, device=data.device)
    with computing(precision, data.device):
        for images, labels in data.validation(batch):
            correct += (folded(normalise(images, data)).argmax(1) == labels).sum()
    return int(correct.item()) / len(data.val_index)


def fold_norms(model: nn.Module) -> nn.Module:
    """A copy, for evaluation only, without the batch norms that directly follow a convolution in an ``nn.Sequential``:
    they are part of its weights. What comes in another order is copied as it is."""
    model = copy.deepcopy(model).eval()
    for part in model.modules():
        if not isinstance(part, nn.Sequential):
            continue
        names = list(part._modules)
        for first, second in pairwise(names):
            conv, norm = part._modules[first], part._modules[second]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and norm.track_running_stats:
                part._modules[first] = fuse_conv_bn_eval(conv, norm)
                part._modules[second] = nn.Identity()
    return model
