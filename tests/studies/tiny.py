"""Whole baselines in a second: two tiny families, a handful of images, and trainings that are a formula."""

from collections.abc import Callable
from dataclasses import replace
from math import log
from pathlib import Path

from optuna.storages import BaseStorage
from torch import nn

from nas.arch import ArchSpec
from nas.batches import TrainData
from nas.blocks import InvertedResidual
from nas.executor import InProcess
from nas.recipe import Recipe
from nas.record import BaselineRecords, Record
from nas.storage import read_baselines
from nas.train import Report, Result
from nas.trial import Trainer
from nas.watch import Silent, Watcher
from search_spaces import Reference
from studies.baseline_driver import BaselineDriver
from studies.baselines import BaselineRequest, request_baselines
from tests.nas.fast import FakeTraining, formula, network, noise, what_counts

MIDDLE = 0.1  # of the learning rates


def tiny(name: str, width: int, *, family: str, title: str | None = None) -> Reference:
    return Reference(
        name=name,
        title=title or name.replace("_", " "),
        source="nowhere",
        scaled=lambda times: network(round(width * times), InvertedResidual(kernel=3, mid=16, out=8)),
        space=family,
    )


WIDE = tiny("left_wide", 24, family="left")
THIN = tiny("left_thin", 8, family="left")
OTHER = tiny("right", 16, family="right")
ALL = (WIDE, THIN, OTHER)


def request(
    *references: Reference, seeds: int = 2, name: str = "run", epochs: int = 3, seed: int = 0
) -> BaselineRequest:
    """Of these networks, or of all three."""
    references = references or ALL
    made = request_baselines(
        only=("mobilenet_v1@0.25",),  # replaced below
        dataset=noise(),
        effort="brief",
        epochs=epochs,
        train_images=32,
        val_images=12,
        max_lr=MIDDLE,
        seed=seed,
        seeds=seeds,
        device="cpu",
        runs=Path("runs"),
    )
    facts = replace(made.facts, networks=tuple(one.name for one in references))
    return replace(made, references=references, facts=facts, name=name)


def best_in_the_middle(spec: ArchSpec, recipe: Recipe, seed: int) -> float:
    return 0.2 + formula(spec, seed) - 0.01 * abs(log(recipe.max_lr / MIDDLE))


class Training(FakeTraining):
    """A training function whose accuracy depends on the recipe too; ``recipes`` are those it was asked for."""

    def __init__(
        self,
        *,
        before: Callable[[int], None] = lambda call: None,
        accuracy: Callable[[ArchSpec, Recipe, int], float] = best_in_the_middle,
    ) -> None:
        super().__init__(before=before)
        self.recipes: list[Recipe] = []
        self._by_recipe = accuracy

    def __call__(
        self, model: nn.Module, data: TrainData, recipe: Recipe, seed: int, *, report: Report | None = None
    ) -> Result:
        self.recipes.append(recipe)
        self._accuracy = lambda spec, seed: self._by_recipe(spec, recipe, seed)
        return super().__call__(model, data, recipe, seed, report=report)


def driver(
    storage: BaseStorage, train: FakeTraining, asked: BaselineRequest | None = None, *, watch: Watcher | None = None
) -> BaselineDriver:
    """What one start of the program makes: everything new but the storage. Every training is expected to take 1 s."""
    asked = asked or request()
    trainer = Trainer(data=noise(), recipe=asked.facts.recipe, budget=None, train=train)
    return BaselineDriver(
        request=asked,
        executor=InProcess(trainer),
        storage=storage,
        watch=watch or Silent(),
        measured={reference.spec(): 1.0 for reference in ALL},
    )


def run(storage: BaseStorage, asked: BaselineRequest | None = None, **options: object) -> BaselineRecords:
    """Run to the end with a faked training."""
    driver(storage, Training(), asked, **options).run()  # type: ignore[arg-type]
    return read_baselines(storage, "run")


def table(storage: BaseStorage) -> dict[str, list[Record]]:
    """All records without their times, in the order in which they were stored."""
    found = read_baselines(storage, "run")
    return {
        "rates": [what_counts(one) for one in found.rates],
        "trainings": [what_counts(one) for one in found.trainings],
    }
