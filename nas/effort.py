"""How much is spent: demo proves the machinery, brief is the default, full is for confirmation and baselines.

An effort is a number of trials, a number of fresh seeds, and a recipe for a CPU and for a GPU. What brief takes on two
cores was measured (docs/performance.md); the figures for GPUs are not measured yet and err on the long side.
"""

from dataclasses import dataclass

from nas.data import ImageSet
from nas.errors import NasError
from nas.recipe import Precision, Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How long one training is; images as in ``Recipe``, None: all."""

    epochs: int
    train_images: int | None
    val_images: int | None
    batch: int
    max_lr: float
    resolution: int | None = None  # px, where it is lower than the images' own
    largest: int | None = None  # px of images that are reduced to it; None: any


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """A whole run's size."""

    trials: int
    confirm: int  # fresh seeds
    names_winner: bool
    cpu: Length
    gpu: Length


EFFORTS = {
    "demo": Effort(
        trials=4,
        confirm=0,
        names_winner=False,
        cpu=Length(epochs=2, train_images=800, val_images=300, batch=16, max_lr=0.03, resolution=16),
        gpu=Length(epochs=2, train_images=5000, val_images=1000, batch=64, max_lr=0.1),
    ),
    "brief": Effort(
        trials=24,
        confirm=2,
        names_winner=True,
        # of twelve short trainings the one that ranked best for its time (docs/results.md)
        cpu=Length(epochs=2, train_images=3000, val_images=2500, batch=64, max_lr=0.1, resolution=24, largest=32),
        gpu=Length(epochs=8, train_images=None, val_images=None, batch=256, max_lr=0.4),
    ),
    "full": Effort(
        trials=64,
        confirm=5,
        names_winner=True,
        cpu=Length(epochs=8, train_images=None, val_images=None, batch=128, max_lr=0.2),
        gpu=Length(epochs=30, train_images=None, val_images=None, batch=256, max_lr=0.4),
    ),
}


def find_effort(name: str) -> Effort:
    """Raises ``NasError`` listing those that exist."""
    if name not in EFFORTS:
        raise NasError(f"--effort {name}: unknown; there are {', '.join(EFFORTS)}")
    return EFFORTS[name]


def recipe_for(
    effort: str,
    data: ImageSet,
    *,
    device: str = "cpu",
    epochs: int | None = None,
    train_images: int | None = None,
    val_images: int | None = None,
    batch: int | None = None,
    resolution: int | None = None,
    precision: Precision = "fp32",
) -> Recipe:
    """The effort's recipe for such images on such a device, with overrides; px are never more than the images have."""
    on = "cpu" if device == "cpu" else "gpu"
    length: Length = getattr(find_effort(effort), on)
    usual = data.resolution
    if length.resolution is not None and (length.largest is None or usual <= length.largest):
        usual = min(usual, length.resolution)
    side = usual if resolution is None else min(resolution, data.resolution)
    given = {"epochs": epochs, "train_images": train_images, "val_images": val_images, "batch": batch}
    changed = side != usual or any(value not in (None, getattr(length, name)) for name, value in given.items())
    return Recipe(
        name=f"{effort}-{on}" + (", changed" if changed else ""),
        epochs=length.epochs if epochs is None else epochs,
        train_images=length.train_images if train_images is None else train_images,
        val_images=length.val_images if val_images is None else val_images,
        resolution=side,
        batch=length.batch if batch is None else batch,
        max_lr=length.max_lr if batch is None else length.max_lr * batch / length.batch,
        crop=side // 8,
        flip=data.name != "digits",  # a mirrored 2 is no 2
        precision=precision,
    )
