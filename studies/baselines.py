"""What do published networks reach here, trained alike?

Every network is trained from scratch by one recipe with several seeds; only the learning rate is its family's own, the
best of three or more checked on another fold. On a GPU the recipe aims at what others report for CIFAR-10 (in at most
60 epochs); on a CPU it is a short form, which ranks networks by how fast they learn. Accuracies are of the validation
folds.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from nas.arch import ArchSpec
from nas.cost import cost
from nas.data import ImageSet, load
from nas.errors import NasError, at_least
from nas.machine import machine, versions
from nas.plan import Task, confirmation_fold, training_seed
from nas.recipe import Recipe
from nas.record import BaselineFacts, Record
from nas.request import RUNS, check_study_name, data_facts
from nas.storage import as_begun, default_url
from nas.watch import Silent, Watcher
from search_spaces import REFERENCES, Reference, find_reference
from studies.learning_rates import around, best_rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How long one training is, and which networks there is time for; images as in ``Recipe``, None: all."""

    networks: tuple[str, ...]
    epochs: int
    train_images: int | None
    val_images: int | None
    batch: int
    max_lr: float  # in the middle of those checked


LENGTHS = {
    "brief": Length(
        networks=(
            "mobilenet_v3_small",
            "mobilenet_v3_large",
            "mobilenet_v1@0.5",
            "mobilenet_v2@0.5",
            "squeezenet_1_1",
        ),
        epochs=4,
        train_images=4000,
        val_images=2000,
        batch=32,
        max_lr=0.05,
    ),
    "full": Length(
        networks=(
            "mobilenet_v3_small",
            "mobilenet_v3_large",
            "mobilenet_v2",
            "mobilenet_v1",
            "squeezenet_1_1",
            "densenet_bc_100_12",
        ),
        epochs=60,
        train_images=None,
        val_images=None,
        batch=256,
        max_lr=0.3,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineRequest:
    """Baselines that are fully decided but not begun."""

    name: str
    facts: BaselineFacts
    references: tuple[Reference, ...]
    data: ImageSet
    device: str
    workers: int | None  # trainings at a time; None: as many as fit the machine
    storage: str
    runs: Path

    @property
    def folder(self) -> Path:
        return self.runs / self.name

    def families(self) -> dict[str, Reference]:
        """Each family's cheapest network: the one its learning rate is checked on."""
        cheapest: dict[str, Reference] = {}
        for reference in sorted(self.references, key=lambda one: cost(self.trained(one)).macs):
            cheapest.setdefault(family(reference), reference)
        return {name: cheapest[name] for name in dict.fromkeys(family(one) for one in self.references)}

    def trained(self, reference: Reference) -> ArchSpec:
        return reference.spec().trained_on(resolution=self.facts.recipe.resolution, classes=self.facts.data.classes)

    @property
    def check_recipe(self) -> Recipe:
        """A third of the epochs; at least two, since a cycle of one is another kind of training."""
        recipe = self.facts.recipe
        return replace(recipe, name=f"{recipe.name}, check", epochs=max(min(2, recipe.epochs), recipe.epochs // 3))

    @property
    def floor(self) -> float:
        """Accuracy a check must exceed to have learned anything: a quarter more than guessing, which for ten classes
        and 2,000 images is four standard errors more."""
        return 1.25 / self.facts.data.classes

    def check_task(self, name: str, rate: float, checks: tuple[Record, ...] = ()) -> Task:
        """One try of a family's learning rate, on the fold that no baseline is validated on.

        On the network that its earlier ``checks`` were made with, if there are any: a cheaper one may have been asked
        for since, and rates compare on one network only.
        """
        begun = next((one for one in checks if family_of_check(one) == name), None)
        cheapest = self.families()[name]
        spec, title = (
            (cheapest.spec(), cheapest.title) if begun is None else (begun.spec, begun.title.rpartition(" at ")[0])
        )
        return Task(
            spec=spec,
            name=f"{name} {rate:g}",
            title=f"{title} at {rate:g}",
            origin="published",
            seed=training_seed(self.facts.seed, 0),
            fold=0,
            recipe=replace(self.check_recipe, max_lr=rate),
        )

    def tasks(self, rates: dict[str, float]) -> list[Task]:
        """Seed by seed, not network by network, so that what an interruption leaves is paired."""
        return [
            Task(
                spec=reference.spec(),
                name=reference.name,
                title=reference.title,
                origin="published",
                choices=reference.choices,
                seed=training_seed(self.facts.seed, k),
                fold=confirmation_fold(k),
                recipe=replace(self.facts.recipe, max_lr=rates[family(reference)]),
            )
            for k in range(1, self.facts.seeds + 1)
            for reference in self.references
            if family(reference) in rates
        ]


def family(reference: Reference) -> str:
    """``mobilenet_v1`` for all its widths and variants: networks that share a learning rate."""
    return reference.space or reference.name


def tried(records: tuple[Record, ...]) -> dict[str, dict[float, float]]:
    """Family → learning rate → accuracy of its check; 0 for a training that failed."""
    table: dict[str, dict[float, float]] = {}
    for record in records:
        rate = record.key.rpartition(" ")[2]
        table.setdefault(family_of_check(record), {})[float(rate)] = record.val_accuracy or 0.0
    return table


def family_of_check(record: Record) -> str:
    return record.key.rpartition(" ")[0]


def chosen(first: tuple[float, ...], records: tuple[Record, ...]) -> dict[str, float]:
    """Every family's best learning rate; a family whose trainings all failed has none."""
    return {name: best_rate(first, rates) for name, rates in tried(records).items() if any(rates.values())}


class BaselineOptions(TypedDict, total=False):
    """What the baselines can be told; ``request_baselines`` has the defaults."""

    only: tuple[str, ...] | None
    seeds: int | None
    effort: str | None
    dataset: str | ImageSet
    data_dir: Path | str | None
    resolution: int | None
    epochs: int | None
    train_images: int | None
    val_images: int | None
    max_lr: float | None
    seed: int
    device: str
    workers: int | None
    precision: str
    study: str | None
    storage: str | None
    runs: Path | str
    command: str | None


def request_baselines(
    *,
    only: tuple[str, ...] | None = None,
    seeds: int | None = None,
    effort: str | None = None,
    dataset: str | ImageSet = "cifar10",
    data_dir: Path | str | None = None,
    resolution: int | None = None,
    epochs: int | None = None,
    train_images: int | None = None,
    val_images: int | None = None,
    max_lr: float | None = None,
    seed: int = 0,
    device: str = "auto",
    workers: int | None = None,
    precision: str = "auto",
    study: str | None = None,
    storage: str | None = None,
    runs: Path | str = RUNS,
    command: str | None = None,
    watch: Watcher | None = None,
) -> BaselineRequest:
    """Check everything the baselines need, before anything is written. Raises ``NasError`` for what can be mended.

    ``only``: these references instead of the effort's, ``NAME`` or ``NAME@WIDTH``. ``max_lr``: the middle of the three
    learning rates that are checked. ``effort``: ``brief`` or ``full``; None: full on a GPU, brief on a CPU.
    """
    at_least(1, seeds=seeds, epochs=epochs, train_images=train_images, val_images=val_images, workers=workers)
    at_least(0, seed=seed)
    if effort is not None and effort not in LENGTHS:
        raise NasError(f"--effort {effort}: unknown; there are {', '.join(LENGTHS)}")
    if max_lr is not None and not 0 < max_lr < float("inf"):
        raise NasError(f"--lr {max_lr:g}: must be above zero")
    check_study_name(study)
    asked = None if only is None else _find(only)  # before anything slow
    from nas.find_precision import find_precision
    from nas.trial import find_device

    on = find_device(device)
    arithmetic = find_precision(precision, on)
    effort = effort or ("brief" if on == "cpu" else "full")
    length = LENGTHS[effort]
    references = asked or _find(length.networks)
    say = (watch or Silent()).say
    data = (
        dataset
        if isinstance(dataset, ImageSet)
        else load(dataset, data_dir=None if data_dir is None else Path(data_dir), resolution=resolution, say=say)
    )
    recipe = Recipe(
        name=f"baselines-{effort}",
        epochs=epochs or length.epochs,
        train_images=train_images or length.train_images,
        val_images=val_images or length.val_images,
        resolution=data.resolution,
        batch=length.batch,
        max_lr=max_lr or length.max_lr,
        crop=data.resolution // 8,
        flip=data.name != "digits",  # a mirrored 2 is no 2
        precision=arithmetic,
    )
    for reference in references:  # a network that cannot take these images is refused here
        try:
            reference.spec().trained_on(resolution=recipe.resolution, classes=len(data.classes))
        except NasError as error:
            raise NasError(f"{reference.name} at {recipe.resolution} px: {error}; give --resolution") from None
    facts = BaselineFacts(
        data=data_facts(data),
        recipe=recipe,
        seed=seed,
        max_lrs=around(recipe.max_lr),
        effort=effort,
        seeds=3 if seeds is None else seeds,
        networks=tuple(reference.name for reference in references),
        command=command if command is not None else "studies.baselines.request_baselines(…)",
        machine=machine(),
        versions=versions(),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    storage = storage or default_url(Path(runs))
    if precision == "auto":
        facts = as_begun(facts, storage, lambda one: study or derived_name(one))
    return BaselineRequest(
        name=study or derived_name(facts),
        facts=facts,
        references=references,
        data=data,
        device=on,
        workers=workers,
        storage=storage,
        runs=Path(runs),
    )


def derived_name(facts: BaselineFacts) -> str:
    """A study's name: data, effort, and a hash of everything that makes it another study."""
    identity = repr([getattr(facts, field) for field in facts.IDENTITY])
    return f"baselines-{facts.data.name}-{facts.effort}-{hashlib.sha256(identity.encode()).hexdigest()[:6]}"


def _find(names: tuple[str, ...]) -> tuple[Reference, ...]:
    """Each network once, however often and however it was written (``@0.5``, ``@0.50``)."""
    if not names:
        raise NasError(f"--only: names no network; there are {', '.join(REFERENCES)}, or NAME@WIDTH")
    found: dict[str, Reference] = {}
    for name in names:
        try:
            reference = find_reference(name)
        except NasError as error:
            raise NasError(f"--only {error}") from None
        found.setdefault(reference.name, reference)
    return tuple(found.values())
