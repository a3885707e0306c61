"""Training one network: images in memory on the device, batched augmentation, validation after every epoch."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from nas.batches import TrainData, augment, epoch_batches, normalise
from nas.evaluate import evaluate
from nas.precision import computing
from nas.recipe import Recipe

VAL_BATCH = 256  # images; larger ones gain nothing on a CPU

Report = Callable[[int, float], bool]  # (epochs done, validation accuracy) → whether to stop


class Diverged(Exception):
    """The training loss became infinite or no number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """What one epoch left behind."""

    train_loss: float  # mean over the epoch, of the augmented and smoothed objective
    val_accuracy: float  # fraction, after the epoch
    seconds: float  # training and validation


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A training's curve; ``stopped`` when it was told to stop before its last epoch."""

    curve: tuple[Epoch, ...]
    stopped: bool = False

    @property
    def val_accuracy(self) -> float:
        """Of the last epoch, never of the best one."""
        return self.curve[-1].val_accuracy


def train(model: nn.Module, data: TrainData, recipe: Recipe, seed: int, *, report: Report | None = None) -> Result:
    """Train ``model`` in place by ``recipe``; order and augmentation of the images depend on ``seed`` only.

    ``report`` is told the validation accuracy after every epoch and may end the training. Raises ``Diverged``.
    """
    device = data.device
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # its stub lacks this form
    _set_norm_momentum(model, recipe.norm_momentum)
    rng = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.SGD(
        _parameter_groups(model, recipe), lr=recipe.max_lr, momentum=recipe.momentum, nesterov=recipe.momentum > 0
    )
    count = len(data.train_index)
    batches = max(1, count // recipe.batch)
    steps = batches * recipe.epochs
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: one_cycle(step, steps, recipe.warmup))
    curve: list[Epoch] = []
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)  # dropout
        for epoch in range(1, recipe.epochs + 1):
            start = time.perf_counter()
            model.train()
            loss_sum = torch.zeros((), device=device)
            for positions in epoch_batches(count, recipe.batch, rng, device):
                index = data.train_index[positions]
                images = normalise(augment(data.images[index], recipe, rng), data, side=recipe.side(epoch))
                with computing(recipe.precision, device):
                    loss = F.cross_entropy(model(images), data.labels[index], label_smoothing=recipe.label_smoothing)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
                optimiser.step()
                schedule.step()
                loss_sum += loss.detach()  # read once an epoch: reading it here would wait for the device
            train_loss = loss_sum.item() / batches
            if not math.isfinite(train_loss):
                raise Diverged(f"training loss became {train_loss} in epoch {epoch}")
            accuracy = evaluate(model, data, batch=VAL_BATCH, precision=recipe.precision)
            curve.append(Epoch(train_loss=train_loss, val_accuracy=accuracy, seconds=time.perf_counter() - start))
            if report is not None and report(epoch, accuracy) and epoch < recipe.epochs:
                return Result(curve=tuple(curve), stopped=True)
    return Result(curve=tuple(curve))


def one_cycle(step: int, steps: int, warmup: float) -> float:
    """Learning rate as a share of its top: linearly up over ``warmup`` of the steps, linearly down to zero after."""
    position = (step + 0.5) / steps
    return position / warmup if position < warmup else max(0.0, (1 - position) / (1 - warmup))


def _set_norm_momentum(model: nn.Module, momentum: float | None) -> None:
    """A reference's own may be too slow for brief trainings: at torchvision's 0.01 for V3, 64% of the initial
    statistics remain after 44 steps."""
    for module in model.modules():
        if momentum is not None and isinstance(module, nn.BatchNorm2d):
            module.momentum = momentum


def _parameter_groups(model: nn.Module, recipe: Recipe) -> list[dict[str, object]]:
    """Weights decay; batch-norm parameters and biases, which have one dimension, do not."""
    decayed = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    return [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
