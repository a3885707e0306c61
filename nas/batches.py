"""Images of one training, where they are and how they become batches: all batched, nothing image by image."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from nas.recipe import Recipe

SUMMED = 1 << 20  # pixels whose integers of 64 bits are in memory at once


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainData:
    """Images of one training: uint8 [N, 3, R, R] and labels int64 [N] on its device, of which it trains on some and is
    validated on others.

    On a CPU the images may be a memory map that other processes share: only batches are copied. ``mean`` and ``std``
    [1, 3, 1, 1] are of the training images, in units of 0–255.
    """

    images: Tensor
    labels: Tensor
    train_index: Tensor  # int64 [n]
    val_index: Tensor  # int64 [m]
    mean: Tensor
    std: Tensor

    @classmethod
    def at(cls, images: Tensor, labels: Tensor, train_index: Tensor, val_index: Tensor) -> "TrainData":
        """Parts of images uint8 [N, 3, R, R] and labels int64 [N] that lie on the training's device already;
        ``train_index`` [n] and ``val_index`` [m] are positions among them."""
        count = len(train_index) * images.shape[2] * images.shape[3]
        # exact sums of integers, a slice at a time: neither order nor precision of a float sum can matter
        total = torch.zeros(3, dtype=torch.int64)
        squares = torch.zeros(3, dtype=torch.int64)
        at_once = max(1, SUMMED // (images.shape[2] * images.shape[3]))
        for part in torch.split(train_index, at_once):
            whole = images[part.to(images.device)].cpu().to(torch.int64)  # 64 bits, which not every device has
            total += whole.sum((0, 2, 3))
            squares += (whole * whole).sum((0, 2, 3))
        mean = total.double() / count
        std = (squares.double() / count - mean * mean).clamp_min(1.0).sqrt()
        device = images.device
        return cls(
            images=images,
            labels=labels,
            train_index=train_index.to(device),
            val_index=val_index.to(device),
            mean=mean.float().view(1, 3, 1, 1).to(device),
            std=std.float().view(1, 3, 1, 1).to(device),
        )

    @classmethod
    def of(
        cls, train: tuple[Tensor, Tensor], val: tuple[Tensor, Tensor], *, device: torch.device | str = "cpu"
    ) -> "TrainData":
        """From (images uint8 [N, 3, R, R], labels [N]) of both parts."""
        count = len(train[0])
        images = torch.cat([train[0], val[0]]).to(device)
        labels = torch.cat([train[1], val[1]]).to(device, torch.int64)
        return cls.at(images, labels, torch.arange(count), torch.arange(count, len(images)))

    @property
    def device(self) -> torch.device:
        return self.images.device

    @cached_property
    def train_images(self) -> Tensor:
        """uint8 [n, 3, R, R], copied when first asked for; ``train`` itself takes batches of ``images``."""
        return self.images[self.train_index]

    @cached_property
    def train_labels(self) -> Tensor:
        """int64 [n]."""
        return self.labels[self.train_index]

    @cached_property
    def val_images(self) -> Tensor:
        """uint8 [m, 3, R, R], copied when first asked for."""
        return self.images[self.val_index]

    @cached_property
    def val_labels(self) -> Tensor:
        """int64 [m]."""
        return self.labels[self.val_index]

    def validation(self, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """(images uint8, labels), in order."""
        for index in torch.split(self.val_index, batch):
            yield self.images[index], self.labels[index]


def epoch_batches(count: int, batch: int, rng: torch.Generator, device: torch.device | str = "cpu") -> Iterator[Tensor]:
    """Positions below ``count`` in a fresh order, on ``device``. The incomplete last batch is left out: batch norm
    needs company."""
    order = moved(torch.randperm(count, generator=rng), device)
    full = count // batch * batch
    yield from torch.split(order[:full], batch) if full else [order]


def moved(numbers: Tensor, device: torch.device | str) -> Tensor:
    """From the CPU to ``device``; on CUDA without waiting for what it is computing."""
    if torch.device(device).type != "cuda":
        return numbers.to(device)
    return numbers.pin_memory().to(device, non_blocking=True)


def normalise(images: Tensor, data: TrainData, *, side: int | None = None) -> Tensor:
    """uint8 [N, 3, R, R] → float of zero mean and unit deviation, channels last, [N, 3, side, side]."""
    scaled = (images.float() - data.mean) / data.std
    if side is not None and side != images.shape[-1]:
        scaled = F.interpolate(scaled, size=(side, side), mode="bilinear", antialias=True)
    return scaled.contiguous(memory_format=torch.channels_last)


def augment(images: Tensor, recipe: Recipe, rng: torch.Generator) -> Tensor:
    """A random crop of the zero-padded image and a random mirror image, each image its own; one gather for all.

    uint8 [N, C, R, R] → the same. Random numbers come from the CPU, so that every device sees the same images.
    """
    count, channels, height, width = images.shape
    device = images.device
    if recipe.crop:
        images = F.pad(images, (recipe.crop,) * 4)
        offsets = moved(torch.randint(0, 2 * recipe.crop + 1, (2, count, 1), generator=rng), device)
    else:
        offsets = torch.zeros((2, count, 1), dtype=torch.int64, device=device)
    rows = offsets[0] + torch.arange(height, device=device)  # [N, R]
    columns = torch.arange(width, device=device).expand(count, width)
    if recipe.flip:
        mirrored = moved(torch.randint(0, 2, (count, 1), generator=rng), device)
        columns = torch.where(mirrored == 1, width - 1 - columns, columns)
    columns = offsets[1] + columns
    image = torch.arange(count, device=device).view(count, 1, 1, 1)
    channel = torch.arange(channels, device=device).view(1, channels, 1, 1)
    return images[image, channel, rows.view(count, 1, height, 1), columns.view(count, 1, 1, width)]


def resize(images: Tensor, resolution: int) -> Tensor:
    """uint8 [N, C, H, W] → uint8 [N, C, resolution, resolution], bilinear and antialiased, a slice at a time."""
    size = (resolution, resolution)
    parts = [
        F.interpolate(part.float(), size=size, mode="bilinear", antialias=True).round().clamp(0, 255).to(torch.uint8)
        for part in torch.split(images, 1024)
    ]
    return torch.cat(parts)
