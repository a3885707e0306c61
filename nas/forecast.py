"""How long trainings will take: measured on a few steps before the first, corrected by every one that is done."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from nas.arch import ArchSpec
from nas.batches import TrainData
from nas.data import split
from nas.errors import NasError
from nas.evaluate import evaluate
from nas.model import build
from nas.train import VAL_BATCH, train
from nas.trial import Trainer, is_out_of_memory

PROBE_STEPS = 3


@dataclass(slots=True, kw_only=True)
class Forecast:
    """Seconds of one training as a line in its multiply-adds, through two measured networks.

    The line's height is corrected by the trainings done since: they see what a few steps do not, other load included.
    """

    fixed: float  # seconds
    per_mac: float  # seconds per multiply-add of the trained form
    done: list[tuple[int, float]] = field(default_factory=list)  # (train_macs, seconds)

    def observe(self, train_macs: int, seconds: float) -> None:
        self.done.append((train_macs, seconds))

    def seconds(self, train_macs: float) -> float:
        """Expected of one training to its last epoch."""
        recent = self.done[-8:]
        correction = (
            sum(seconds for _, seconds in recent) / sum(self._line(macs) for macs, _ in recent) if recent else 1.0
        )
        return self._line(train_macs) * correction

    def _line(self, train_macs: float) -> float:
        return self.fixed + self.per_mac * train_macs


def between(points: Sequence[tuple[int, float]]) -> Forecast:
    """From (multiply-adds of the trained form, seconds of a training), lightest first, of one network or two."""
    (x0, y0), (x1, y1) = points[0], points[-1]
    per_mac = max(0.0, (y1 - y0) / (x1 - x0)) if x1 > x0 else 0.0
    return Forecast(fixed=max(0.0, y0 - per_mac * x0), per_mac=per_mac)


def measure(trainer: Trainer, spec: ArchSpec) -> float:
    """Seconds that one training of this network would take by the trainer's recipe, from a few measured steps.

    Raises ``NasError`` where memory is too small for them.
    """
    try:
        return _measured(trainer, spec)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise NasError(
            f"out of memory on {trainer.device} while a few training steps were measured: fewer --workers, a smaller "
            "--resolution, or a recipe with smaller batches"
        ) from None


def _measured(trainer: Trainer, spec: ArchSpec) -> float:
    recipe = trainer.recipe
    parts = split(trainer.data, fold=0, train_images=recipe.train_images, val_images=recipe.val_images)
    train_index, val_index = parts.train_index[: recipe.batch], parts.val_index[:VAL_BATCH]
    data = TrainData.of(trainer.images(train_index), trainer.images(val_index), device=trainer.device)
    model = build(trainer.form(spec), seed=0)
    train(model, data, replace(recipe, epochs=1), 0)  # warm-up: kernels are chosen at the first step
    # medians: another process taking the machine for a moment must not count a thousandfold
    both = median(epoch.seconds for epoch in train(model, data, replace(recipe, epochs=PROBE_STEPS), 0).curve)
    validating = median(
        _timed(lambda: evaluate(model, data, batch=VAL_BATCH, precision=recipe.precision)) for _ in range(PROBE_STEPS)
    )
    steps = max(1, len(parts.train_index) // recipe.batch)
    batches = len(parts.val_index) / len(val_index)
    return recipe.epochs * (steps * max(0.0, both - validating) + batches * validating)


def _timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
