"""Training one network: images in memory on the device, batched augmentation, validation after every epoch."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas.recipe import Recipe

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainData:
    """Images of one training on its device: uint8 [N, 3, R, R], labels int64 [N]; mean and deviation [1, 3, 1, 1]
    of the training images, in units of 0–255."""

    train_images: Tensor
    train_labels: Tensor
    val_images: Tensor
    val_labels: Tensor
    mean: Tensor
    std: Tensor

    @classmethod
    def of(
        cls, train: tuple[Tensor, Tensor], val: tuple[Tensor, Tensor], *, device: torch.device | str = "cpu"
    ) -> "TrainData":
        """From (images uint8 [N, 3, R, R], labels [N]) of both parts."""
        images = train[0].cpu()  # the sums need 64 bits, which not every device has
        count = images.shape[0] * images.shape[2] * images.shape[3]
        # exact sums of integers, a slice at a time: neither order nor precision of a float sum can matter
        total = torch.zeros(3, dtype=torch.int64)
        squares = torch.zeros(3, dtype=torch.int64)
        for part in torch.split(images, 4096):
            whole = part.to(torch.int64)
            total += whole.sum((0, 2, 3))
            squares += (whole * whole).sum((0, 2, 3))
        mean = total.double() / count
        std = (squares.double() / count - mean * mean).clamp_min(1.0).sqrt()
        return cls(
            train_images=images.to(device),
            train_labels=train[1].to(device, torch.int64),
            val_images=val[0].to(device),
            val_labels=val[1].to(device, torch.int64),
            mean=mean.float().view(1, 3, 1, 1).to(device),
            std=std.float().view(1, 3, 1, 1).to(device),
        )

    @property
    def device(self) -> torch.device:
        return self.train_images.device


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
    count = len(data.train_labels)
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
            for index in _batches(count, recipe.batch, rng):
                images = augment(data.train_images[index.to(device)], recipe, rng)
                scores = model(normalise(images, data))
                loss = F.cross_entropy(
                    scores, data.train_labels[index.to(device)], label_smoothing=recipe.label_smoothing
                )
                optimiser.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
                optimiser.step()
                schedule.step()
                loss_sum += loss.detach()  # read once an epoch: reading it here would wait for the device
            train_loss = loss_sum.item() / batches
            if not math.isfinite(train_loss):
                raise Diverged(f"training loss became {train_loss} in epoch {epoch}")
            accuracy = evaluate(model, data, batch=recipe.batch)
            curve.append(Epoch(train_loss=train_loss, val_accuracy=accuracy, seconds=time.perf_counter() - start))
            if report is not None and report(epoch, accuracy) and epoch < recipe.epochs:
                return Result(curve=tuple(curve), stopped=True)
    return Result(curve=tuple(curve))


@torch.no_grad()
def evaluate(model: nn.Module, data: TrainData, *, batch: int = 256) -> float:
    """Share of validation images whose highest score is their label's."""
    model.eval()
    correct = torch.zeros((), dtype=torch.int64, device=data.device)
    for images, labels in zip(torch.split(data.val_images, batch), torch.split(data.val_labels, batch), strict=True):
        correct += (model(normalise(images, data)).argmax(1) == labels).sum()
    return int(correct.item()) / len(data.val_labels)


def resize(images: Tensor, resolution: int) -> Tensor:
    """uint8 [N, C, H, W] → uint8 [N, C, resolution, resolution], bilinear and antialiased, a slice at a time."""
    size = (resolution, resolution)
    parts = [
        F.interpolate(part.float(), size=size, mode="bilinear", antialias=True).round().clamp(0, 255).to(torch.uint8)
        for part in torch.split(images, 1024)
    ]
    return torch.cat(parts)


def normalise(images: Tensor, data: TrainData) -> Tensor:
    """uint8 [N, 3, R, R] → float of zero mean and unit deviation, channels last."""
    return ((images.float() - data.mean) / data.std).contiguous(memory_format=torch.channels_last)


def augment(images: Tensor, recipe: Recipe, rng: torch.Generator) -> Tensor:
    """A random crop of the zero-padded image and a random mirror image, each image its own; one gather for all.

    uint8 [N, C, R, R] → the same. Random numbers come from the CPU, so that every device sees the same images.
    """
    count, channels, height, width = images.shape
    device = images.device
    if recipe.crop:
        images = F.pad(images, (recipe.crop,) * 4)
        offsets = torch.randint(0, 2 * recipe.crop + 1, (2, count, 1), generator=rng).to(device)
    else:
        offsets = torch.zeros((2, count, 1), dtype=torch.int64, device=device)
    rows = offsets[0] + torch.arange(height, device=device)  # [N, R]
    columns = torch.arange(width, device=device).expand(count, width)
    if recipe.flip:
        mirrored = torch.randint(0, 2, (count, 1), generator=rng).to(device)
        columns = torch.where(mirrored == 1, width - 1 - columns, columns)
    columns = offsets[1] + columns
    image = torch.arange(count, device=device).view(count, 1, 1, 1)
    channel = torch.arange(channels, device=device).view(1, channels, 1, 1)
    return images[image, channel, rows.view(count, 1, height, 1), columns.view(count, 1, 1, width)]


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


def _batches(count: int, batch: int, rng: torch.Generator) -> Iterator[Tensor]:
    """A fresh order each epoch. The incomplete last batch is left out: batch norm needs company."""
    order = torch.randperm(count, generator=rng)
    full = count // batch * batch
    yield from torch.split(order[:full], batch) if full else [order]


def _parameter_groups(model: nn.Module, recipe: Recipe) -> list[dict[str, object]]:
    """Weights decay; batch-norm parameters and biases, which have one dimension, do not."""
    decayed = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    return [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
