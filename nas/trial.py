"""One trial: choices → spec → gate → model → train → record. A network over its budget is never built."""

import logging
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from nas.arch import ArchSpec
from nas.batches import TrainData, resize
from nas.budget import Budget
from nas.cost import cost
from nas.data import ImageSet, split
from nas.data.shared import SharedImages
from nas.errors import NasError, OverBudget
from nas.machine import versions
from nas.model import build
from nas.plan import Task
from nas.preprocessing import Preprocessing
from nas.recipe import Recipe
from nas.record import EpochRecord, Record, State
from nas.train import Diverged, Report, Result, train
from nas.weights_file import About, write_weights

log = logging.getLogger(__name__)


class TrainFunction(Protocol):
    """``nas.train.train`` or a user's own: trains in place, reports every epoch, stops when told."""

    def __call__(
        self, model: nn.Module, data: TrainData, recipe: Recipe, seed: int, *, report: Report | None = None
    ) -> Result: ...


@dataclass(slots=True, kw_only=True)
class Trainer:
    """Trains tasks on one device, one after the other; the images last used stay in memory.

    Without a budget nothing is too dear, and networks are counted in their native form.
    """

    data: ImageSet
    recipe: Recipe
    budget: Budget | None
    device: str = "cpu"
    train: TrainFunction = train
    _kept: tuple[object, TrainData] | None = field(default=None, init=False)
    _resident: tuple[torch.Tensor, torch.Tensor] | None = field(default=None, init=False)

    def form(self, spec: ArchSpec) -> ArchSpec:
        """The form that is trained: the recipe's resolution, the data's classes."""
        return spec.trained_on(resolution=self.recipe.resolution, classes=len(self.data.classes))

    def run(self, task: Task, *, report: Report | None = None) -> Record:
        """Train and tell. Raises ``OverBudget``; a training that diverges or runs out of memory is a failed record."""
        self._admit(task)
        started, begin = datetime.now(UTC), time.perf_counter()
        curve: tuple[EpochRecord, ...] = ()
        state: State = "failed"
        reason: str | None = None
        weights: str | None = None
        recipe = task.recipe or self.recipe
        try:
            model = build(self.form(task.spec), seed=task.seed)
            data = self.train_data(task.fold, recipe)
            result = self.train(model, data, recipe, task.seed, report=report)
            curve = tuple(
                EpochRecord(train_loss=one.train_loss, val_accuracy=one.val_accuracy, seconds=one.seconds)
                for one in result.curve
            )
            state = "pruned" if result.stopped else "complete"
            if state == "complete":
                weights = self._keep(task, model, data, result.val_accuracy)
        except Diverged as error:
            reason = str(error)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            said = str(error).strip() or type(error).__name__  # Python's own MemoryError says nothing
            reason = f"out of memory on {self.device}: {said.splitlines()[0]}"
        seconds = time.perf_counter() - begin
        record = self._record(task, state, curve=curve, reason=reason, seconds=seconds, started=started)
        return replace(record, weights=weights)

    def _keep(self, task: Task, model: nn.Module, data: TrainData, accuracy: float) -> str | None:
        """Write the trained weights where the task wants them; where they then lie in the run's folder. Weights that
        cannot be written cost training again when somebody asks for them, not the record."""
        if task.weights is None:
            return None
        about = About(
            name=task.key[0],
            spec=self.form(task.spec),
            seed=task.seed,
            fold=task.fold,
            val_accuracy=accuracy,
            data=self.data.label,
            fingerprint=self.data.fingerprint,
            classes=self.data.classes,
            preprocessing=self._preprocessing(data),
        )
        try:
            write_weights(task.weights, model.state_dict(), about)
        except OSError as error:
            log.warning("the weights of %s are not kept: %s", task.title, error)
            return None
        return "/".join(task.weights.parts[-2:])

    def _preprocessing(self, data: TrainData) -> Preprocessing:
        """What is done to these images before the network sees them."""
        mean, std = (tuple(values.flatten().tolist()) for values in (data.mean, data.std))
        sides = dict.fromkeys((self.data.resolution, self.recipe.resolution))
        return Preprocessing(sides=tuple(sides), mean=mean, std=std)

    def _admit(self, task: Task) -> None:
        """Raises ``OverBudget``, also for a network whose latency nobody knows where that has a ceiling."""
        if self.budget is None or task.any_cost:
            return
        if not self.budget.fits(task.spec):
            raise OverBudget(f"{task.title}: {self.budget.use(task.spec):.4f} of the budget {self.budget}")
        limit = self.budget.latency_ms
        if limit is not None and (task.latency is None or task.latency.high > limit):
            known = "not known" if task.latency is None else f"up to {task.latency.high:.3f} ms"
            raise OverBudget(f"{task.title}: its latency is {known}, the budget {self.budget}")

    def failed(self, task: Task, reason: str) -> Record:
        """The record of a training that could not be done."""
        return self._record(task, "failed", reason=reason, started=datetime.now(UTC))

    def _record(
        self,
        task: Task,
        state: State,
        *,
        curve: tuple[EpochRecord, ...] = (),
        reason: str | None = None,
        seconds: float = 0.0,
        started: datetime,
    ) -> Record:
        deployed = cost(task.spec) if self.budget is None else self.budget.cost(task.spec)
        return Record(
            state=state,
            number=task.number,
            name=task.name,
            title=task.title,
            origin=task.origin,
            spec=task.spec,
            choices=task.choices,
            macs=deployed.macs,
            params=deployed.params,
            peak_activation_bytes=deployed.peak_activation_bytes,
            train_macs=cost(self.form(task.spec)).macs,
            latency=task.latency,
            seed=task.seed,
            fold=task.fold,
            curve=curve,
            reason=reason,
            recipe=task.recipe,
            train_seconds=seconds,
            device=device_name(self.device),
            versions=versions(),
            started=started.isoformat(timespec="seconds"),
        )

    def setup(self, images: SharedImages) -> "Setup":
        """What another process needs to be such a trainer."""
        return Setup(images=images, recipe=self.recipe, budget=self.budget, device=self.device, train=self.train)

    def train_data(self, fold: int, recipe: Recipe | None = None) -> TrainData:
        """The parts of this fold by a recipe (the trainer's own without one), on the device; kept until others are
        asked for. Raises ``NasError`` for a fold that there is not; of fewer images than wanted it takes all."""
        recipe = recipe or self.recipe
        wanted = (fold, recipe.train_images, recipe.val_images)
        if self._kept is None or self._kept[0] != wanted:
            self._kept = None  # the old images go before the new ones come
            parts = split(self.data, fold=fold, train_images=recipe.train_images, val_images=recipe.val_images)
            if self._keeps_all(len(parts.train_index) + len(parts.val_index)):
                train_index, val_index = torch.from_numpy(parts.train_index), torch.from_numpy(parts.val_index)
                data = TrainData.at(*self._all_images(), train_index, val_index)
            else:
                train, val = self.images(parts.train_index), self.images(parts.val_index)
                data = TrainData.of(train, val, device=torch.device(self.device))
            self._kept = (wanted, data)
        return self._kept[1]

    def _keeps_all(self, used: int) -> bool:
        """Whether all images are kept where they are, or the ``used`` ones of a split only: those that are resized,
        and on a GPU those that are a small part of many."""
        if self.data.resolution != self.recipe.resolution:
            return False
        return self.device == "cpu" or 2 * used >= len(self.data)

    def images(self, index: npt.NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        """Images at the recipe's resolution, uint8 [N, 3, R, R], and labels [N], on the CPU."""
        images = torch.from_numpy(self.data.images[index])
        if images.shape[-1] != self.recipe.resolution:
            images = resize(images, self.recipe.resolution)
        return images, torch.from_numpy(self.data.labels[index])

    def _all_images(self) -> tuple[torch.Tensor, torch.Tensor]:
        """All images and labels, on the device: moved there once, or where they are mapped."""
        if self._resident is None:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # nor is it written to
                both = torch.from_numpy(self.data.images), torch.from_numpy(self.data.labels)
            self._resident = (both[0].to(self.device), both[1].to(self.device))
        return self._resident


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A trainer as it is sent to another process."""

    images: SharedImages
    recipe: Recipe
    budget: Budget | None
    device: str
    train: TrainFunction

    def trainer(self, number: int) -> Trainer:
        """For the worker of this number; workers are dealt out to the GPUs there are."""
        gpus = torch.cuda.device_count() if self.device == "cuda" else 0
        device = f"cuda:{number % gpus}" if gpus > 1 else self.device
        return Trainer(data=self.images.open(), recipe=self.recipe, budget=self.budget, device=device, train=self.train)


def is_out_of_memory(error: Exception) -> bool:
    """Python's, a GPU's or the CPU allocator's."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()  # the CPU's allocator has no exception class of its own
    return "not enough memory" in text or "out of memory" in text or "can't allocate memory" in text


def find_device(name: str) -> str:
    """``auto`` is CUDA where there is one, then Apple's GPU, then the CPU. Raises ``NasError`` otherwise."""
    available: dict[str, Callable[[], bool]] = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
        "cpu": lambda: True,
    }
    if name == "auto":
        return next(device for device, is_there in available.items() if is_there())
    if name not in available:
        raise NasError(f"--device {name}: unknown; there are auto, {', '.join(available)}")
    if not available[name]():
        raise NasError(
            f"--device {name}: not available on this machine; use --device cpu, or auto for the best there is"
        )
    return name


def device_name(device: str) -> str:
    """``cpu, 2 threads`` or the GPU's name."""
    if device.startswith("cuda"):
        return str(torch.cuda.get_device_name(device))
    threads = torch.get_num_threads()
    return f"{device}, {threads} thread{'s' * (threads > 1)}" if device == "cpu" else device
