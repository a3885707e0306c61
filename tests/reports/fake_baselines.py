"""Baselines that never happened, for tests only: real networks, accuracies from a made-up formula."""

import math
import random
from dataclasses import replace

from nas.cost import cost
from nas.recipe import Recipe
from nas.record import BaselineFacts, BaselineRecords, DataFacts, EpochRecord, Record, State
from search_spaces import Reference, find_reference

FIVE = ("mobilenet_v3_small", "mobilenet_v3_large", "mobilenet_v1@0.5", "mobilenet_v2@0.5", "squeezenet_1_1")
TWELVE = (
    *FIVE,
    *("mobilenet_v3_small@0.75", "mobilenet_v3_small_minimalistic", "mobilenet_v2", "mobilenet_v1"),
    *("mobilenet_v1@0.25", "densenet_bc_100_12", "densenet_121"),
)
RECIPE = Recipe(
    name="baselines-brief", epochs=4, train_images=4000, val_images=2000, resolution=32, batch=32, max_lr=0.05
)
RATES = (0.017, 0.05, 0.15)
STARTED = "2025-01-02T03:04:05+00:00"


def facts(networks: tuple[str, ...] = FIVE, *, seeds: int = 3, recipe: Recipe = RECIPE) -> BaselineFacts:
    return BaselineFacts(
        data=DataFacts(
            name="cifar10", label="CIFAR-10 (JPEG)", fingerprint="feedbeef", classes=10, images=50000, resolution=32
        ),
        recipe=recipe,
        seed=0,
        max_lrs=RATES,
        seeds=seeds,
        networks=networks,
        command="python -m studies baselines --seeds 3",
        machine={"processor": "a made-up machine", "cores": "2"},
        versions={"python": "3.11.0", "torch": "0.0.0"},
        started=STARTED,
    )


def quality(reference: Reference, study: BaselineFacts) -> float:
    """A made-up accuracy without noise: grows with the trained cost."""
    trained = reference.spec().trained_on(resolution=study.recipe.resolution, classes=study.data.classes)
    return 0.36 + 0.03 * math.log(cost(trained).macs / 5e6) + 0.02 * random.Random(reference.name).random()


def training(
    name: str,
    study: BaselineFacts,
    *,
    seed: int = 1,
    state: State = "complete",
    accuracy: float | None = None,
    key: str | None = None,
    max_lr: float = 0.05,
) -> Record:
    """One training of a reference; ``key`` names a check of a learning rate instead."""
    reference = find_reference(name)
    rng = random.Random(f"{name} {key} {seed}")
    last = quality(reference, study) + rng.gauss(0, 0.012) if accuracy is None else accuracy
    epochs = study.recipe.epochs
    curve = tuple(
        EpochRecord(
            train_loss=2.3 / (1 + one),
            val_accuracy=last * (1 - 0.6**one) / (1 - 0.6**epochs),
            seconds=20.0,
        )
        for one in range(1, epochs + 1)
    )
    native = cost(reference.spec())
    return Record(
        state=state,
        number=None,
        name=key or name,
        title=reference.title if key is None else f"{reference.title} at {max_lr:g}",
        origin="published",
        spec=reference.spec(),
        choices=reference.choices,
        macs=native.macs,
        params=native.params,
        peak_activation_bytes=native.peak_activation_bytes,
        train_macs=cost(
            reference.spec().trained_on(resolution=study.recipe.resolution, classes=study.data.classes)
        ).macs,
        seed=seed,
        fold=0 if key else 1 + (seed - 1) % 4,
        curve=curve if state == "complete" else (),
        reason="training loss became nan in epoch 1" if state == "failed" else None,
        recipe=replace(study.recipe, max_lr=max_lr),
        train_seconds=60.0 + native.macs / 4e6,
        device="cpu, 2 threads",
        started=STARTED,
    )


def checks(study: BaselineFacts) -> tuple[Record, ...]:
    """Three rates a family, the middle one the best; of the heaviest family the highest fails."""
    families: dict[str, str] = {}
    for name in study.networks:
        reference = find_reference(name)
        families.setdefault(reference.space or name, name)
    found = []
    for index, (family, name) in enumerate(families.items()):
        for rate, loss in zip(RATES, (0.05, 0.02, 0.04), strict=True):
            accuracy = quality(find_reference(name), study) - 0.08 - loss
            state: State = "failed" if index == len(families) - 1 and rate == RATES[-1] else "complete"
            found.append(
                training(name, study, seed=0, key=f"{family} {rate:g}", max_lr=rate, accuracy=accuracy, state=state)
            )
    return tuple(found)


def fake_baselines(
    networks: tuple[str, ...] = FIVE,
    *,
    seeds: int = 3,
    done: int | None = None,
    failed: frozenset[tuple[str, int]] = frozenset(),
    recipe: Recipe = RECIPE,
) -> BaselineRecords:
    """Baselines that are finished unless ``done`` limits their trainings; ``failed``: (network, seed)."""
    study = facts(networks, seeds=seeds, recipe=recipe)
    trainings = [
        training(name, study, seed=seed, state="failed" if (name, seed) in failed else "complete")
        for seed in range(1, seeds + 1)
        for name in networks
    ]
    return BaselineRecords(name="baselines-fake", facts=study, rates=checks(study), trainings=tuple(trainings[:done]))
