"""Whole searches in a second: tiny networks, a handful of images, and trainings that are a formula."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from optuna.storages import BaseStorage
from torch import nn

from nas.arch import ArchSpec
from nas.batches import TrainData
from nas.blocks import Block, Classifier, Convolution, InvertedResidual, Pooling
from nas.budget import Budget
from nas.data import ImageSet
from nas.driver import Driver
from nas.executor import Executor, InProcess
from nas.forecast import Forecast
from nas.model import Network
from nas.plan import Task
from nas.recipe import Recipe
from nas.record import DataFacts, Record, RunRecords, SearchFacts
from nas.references import reference_tasks
from nas.samplers import SAMPLERS, InsideSampler
from nas.space import Option, Pick, Space
from nas.storage import read_run
from nas.train import Epoch, Report, Result
from nas.trial import Trainer, TrainFunction
from nas.watch import Silent, Watcher

ROOT = Path(__file__).parents[2]

RECIPE = Recipe(
    name="fast", epochs=2, train_images=None, val_images=None, resolution=8, batch=16, max_lr=0.1, crop=1, flip=False
)
BUDGET = Budget(macs=150_000, resolution=16, classes=3)  # about half of the draws of tiny_space fit
SEARCHED_BY = ("block", "tpe", "random", "nsga2")  # where whole searches are run; test_samplers has all


def tiny_space(pick: Pick) -> ArchSpec:
    """Like the block spaces, but small: some decisions exist only after others, some are ordered, some are not."""
    width = pick("width", (8, 16, 24))
    blocks: list[Block] = []
    for index in range(pick("depth", (1, 2, 3))):
        expansion = pick(f"block{index}.expansion", (1.0, 1.5, 3.0))
        blocks.append(
            InvertedResidual(
                kernel=pick(f"block{index}.kernel", (3, 5, 7)),
                mid=int(expansion * width),
                out=width,
                squeeze=8 if pick(f"block{index}.se", (False, True)) else 0,
                activation="relu" if pick(f"block{index}.activation", ("relu", "hardswish")) == "relu" else "hardswish",
            )
        )
    return network(width, *blocks)


def network(width: int, *blocks: Block, resolution: int = 16, classes: int = 3) -> ArchSpec:
    stem = Convolution(kernel=3, out=width, stride=2)
    return ArchSpec(resolution=resolution, blocks=(stem, *blocks, Pooling(), Classifier(classes=classes)))


def four_networks(pick: Pick) -> ArchSpec:
    """A space that is soon exhausted; three fit BUDGET, one does not."""
    return network(8, InvertedResidual(kernel=3, mid=pick("mid", (48, 49, 50, 200)), out=24))


@dataclass(frozen=True, eq=False)
class Known:
    """A published network of the tiny family, at any width multiplier."""

    name: str
    title: str
    depth: int
    width: int
    choices: dict[str, Option]

    @property
    def scaled(self) -> Callable[[float], ArchSpec]:
        def at(multiplier: float) -> ArchSpec:
            width = max(2, round(self.width * multiplier))
            return network(width, *(InvertedResidual(kernel=3, mid=2 * width, out=width) for _ in range(self.depth)))

        return at


SMALL = Known("mobilenet_v3_small", "small", 1, 16, {})  # fits BUDGET with room to spare
LARGE = Known("mobilenet_v3_large", "large", 3, 40, {})  # is far over it


@lru_cache
def noise() -> ImageSet:
    """Sixty 8 px images of three classes that mean nothing."""
    pixels = np.random.default_rng(0).integers(0, 256, (60, 3, 8, 8), dtype=np.uint8)
    return ImageSet.from_arrays(pixels, np.arange(60) % 3, name="noise")


@lru_cache
def digits() -> ImageSet:
    """scikit-learn's 1,797 digits at their own 8 px, as RGB."""
    from sklearn.datasets import load_digits

    found = load_digits()
    grey = (found.images * 255 / 16).round().astype(np.uint8)
    return ImageSet.from_arrays(np.repeat(grey[:, None], 3, axis=1), found.target, name="digits")


def formula(spec: ArchSpec, seed: int) -> float:
    """An accuracy that depends on network and seed only, in any process: more blocks are better, all have some luck."""
    digest = hashlib.sha256(f"{spec} {seed}".encode()).digest()
    luck = int.from_bytes(digest[:4], "big") / 2**32
    return round(0.3 + 0.1 * min(len(spec.blocks) - 4, 4) + 0.2 * luck, 6)


class FakeTraining:
    """A training function that trains nothing. ``calls`` are the (network, seed) it was asked for.

    ``before(call number)`` runs first and may raise; ``accuracy`` replaces the formula.
    """

    def __init__(
        self,
        *,
        before: Callable[[int], None] = lambda call: None,
        accuracy: Callable[[ArchSpec, int], float] = formula,
    ) -> None:
        self.calls: list[tuple[ArchSpec, int]] = []
        self._before = before
        self._accuracy = accuracy

    def __call__(
        self, model: nn.Module, data: TrainData, recipe: Recipe, seed: int, *, report: Report | None = None
    ) -> Result:
        assert isinstance(model, Network)
        self.calls.append((model.spec, seed))
        self._before(len(self.calls))
        last = self._accuracy(model.spec, seed)
        curve: list[Epoch] = []
        for epoch in range(1, recipe.epochs + 1):
            accuracy = last * epoch / recipe.epochs
            curve.append(Epoch(train_loss=1 / epoch, val_accuracy=accuracy, seconds=0.01))
            if report is not None and report(epoch, accuracy) and epoch < recipe.epochs:
                return Result(curve=tuple(curve), stopped=True)
        return Result(curve=tuple(curve))


class Killed(BaseException):
    """The process dies here: nothing catches this, and nothing is tidied up."""


class KilledAtWrite:
    """Wraps a storage so that the process dies at its n-th write, right before it or right after."""

    WRITES = (
        "create_new_study",
        "set_study_user_attr",
        "set_study_system_attr",
        "create_new_trial",
        "set_trial_param",
        "set_trial_intermediate_value",
        "set_trial_user_attr",
        "set_trial_system_attr",
        "set_trial_state_values",
    )

    def __init__(self, storage: BaseStorage, at: int, *, after: bool) -> None:
        self._storage, self._left, self._after = storage, at, after

    def __enter__(self) -> "KilledAtWrite":
        for name in self.WRITES:
            setattr(self._storage, name, self._counting(getattr(self._storage, name)))
        return self

    def __exit__(self, *_: object) -> None:
        for name in self.WRITES:
            delattr(self._storage, name)

    def _counting(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*values: Any, **named: Any) -> Any:
            self._left -= 1
            if self._left == 0 and not self._after:
                raise Killed
            result = write(*values, **named)
            if self._left == 0:
                raise Killed
            return result

        return counted


def study_facts(
    *,
    space: str = "tiny",
    budget: Budget = BUDGET,
    recipe: Recipe = RECIPE,
    sampler: str = "tpe",
    seed: int = 0,
    trials: int = 6,
    confirm: int = 2,
) -> SearchFacts:
    data = noise()
    return SearchFacts(
        space=space,
        space_fingerprint="0123abcd",
        budget=budget,
        data=DataFacts(
            name=data.name, label=data.label, fingerprint=data.fingerprint, classes=3, images=60, resolution=8
        ),
        recipe=recipe,
        sampler=sampler,
        seed=seed,
        trials=trials,
        confirm=confirm,
    )


@lru_cache
def _references(
    known: tuple[Known, ...], space: Space, budget: Budget, seed: int, curve_of: str | None
) -> tuple[Task, ...]:
    return tuple(reference_tasks(known, space, budget, seed=seed, curve_of=curve_of))


def driver(
    storage: BaseStorage,
    train: TrainFunction,
    *,
    facts: SearchFacts | None = None,
    space: Space = tiny_space,
    known: tuple[Known, ...] = (SMALL, LARGE),
    watch: Watcher | None = None,
    time_limit: float | None = None,
    forecast: Forecast | None = None,
    executor: Executor | None = None,
    latency_ms: Callable[[ArchSpec], float] | None = None,
) -> Driver:
    """What one start of the program makes: everything new but the storage."""
    facts = facts or study_facts()
    trainer = Trainer(data=noise(), recipe=facts.recipe, budget=facts.budget, train=train)
    curve_of = "mobilenet_v3_small" if facts.goal.several else None
    return Driver(
        name="run",
        facts=facts,
        space=space,
        sampler=InsideSampler(
            space,
            facts.budget,
            seed=facts.seed,
            make_inner=SAMPLERS[facts.sampler],
            name=facts.sampler,
            spread=facts.goal.weighs_cost,
        ),
        limits=facts.budget,
        trainer=trainer,
        executor=executor or InProcess(trainer),
        references=list(_references(known, space, facts.budget, facts.seed, curve_of)),
        storage=storage,
        forecast=forecast or Forecast(fixed=0.1, per_mac=0.0),
        watch=watch or Silent(),
        time_limit=time_limit,
        latency_ms=latency_ms,
    )


class Log(Silent):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def what_counts(record: Record) -> Record:
    """A record without what differs between two runs of the same command: times."""
    curve = tuple(replace(epoch, seconds=0.0) for epoch in record.curve)
    return replace(record, curve=curve, train_seconds=0.0, started="")


def table(storage: BaseStorage, name: str = "run") -> dict[str, list[Record]]:
    """All of a run's records without their times, in the order in which they were stored."""
    run: RunRecords = read_run(storage, name)
    parts = {"trials": run.trials, "references": run.references, "confirmations": run.confirmations}
    parts["control"] = run.control
    return {part: [what_counts(record) for record in records] for part, records in parts.items()}


def environment(**extra: str) -> dict[str, str]:
    """For a subprocess: this checkout, one thread."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **extra}


def python(*words: str, cwd: Path, **extra: str) -> "subprocess.CompletedProcess[str]":
    """Run ``python WORDS`` to its end."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env=environment(**extra),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
