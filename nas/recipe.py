"""How a network is trained, as facts with a name and a hash. One study never mixes two recipes."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Literal, get_args

from nas.errors import NasError

Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """SGD with Nesterov momentum and a one-cycle learning rate; batched crop and flip; label smoothing.

    Raises ``NasError`` for values no training could have.
    """

    name: str
    epochs: int
    train_images: int | None  # of the folds not validated on; None: all
    val_images: int | None  # of the fold validated on; None: all
    resolution: int  # px the network is trained at
    batch: int = 128
    max_lr: float = 0.2  # at the top of the cycle, for this batch
    warmup: float = 0.25  # share of the steps until the top
    momentum: float = 0.9
    weight_decay: float = 5e-4  # of convolution and linear weights only
    label_smoothing: float = 0.1
    norm_momentum: float | None = 0.1  # of every batch norm while it trains; None: each network's own
    crop: int = 4  # px of padding before the random crop; 0: none
    flip: bool = True  # left to right; not for images that mean something else mirrored
    sides: tuple[int, ...] = ()  # px of the batches of each epoch, the last for all further ones; (): the resolution
    precision: Precision = "fp32"  # of activations and of the arithmetic; parameters are fp32 in both

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch", 2), ("resolution", 1), ("crop", 0)):
            if getattr(self, name) < least:
                raise NasError(f"--{name} {getattr(self, name)}: must be at least {least}")
        for name in ("train_images", "val_images"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise NasError(f"--{name.replace('_', '-')} {value}: must be at least 1")
        for side in self.sides:
            if not 1 <= side <= self.resolution:
                raise NasError(f"sides {self.sides}: must be from 1 to the resolution, {self.resolution}")
        if self.norm_momentum is not None and not 0 < self.norm_momentum <= 1:
            raise NasError(f"norm_momentum {self.norm_momentum}: must be above 0 and at most 1")
        if self.precision not in get_args(Precision):
            raise NasError(f"precision {self.precision}: unknown; there are {', '.join(get_args(Precision))}")
        if not self.max_lr > 0:
            raise NasError(f"max_lr {self.max_lr}: must be above zero")

    def side(self, epoch: int) -> int:
        """Side in px of the batches of an epoch, counted from 1: progressive resizing starts small."""
        return self.sides[min(epoch, len(self.sides)) - 1] if self.sides else self.resolution

    @property
    def hash(self) -> str:
        """Eight hex digits over everything but the name: equal for two recipes that train alike."""
        facts = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "name"}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]

    def to_dict(self) -> dict[str, object]:
        return {**asdict(self), "hash": self.hash}
