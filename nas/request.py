"""A search that is fully decided but not begun: everything is checked here, before anything is written."""

import hashlib
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from nas.arch import SMALL_IMAGE
from nas.budget import Budget
from nas.data import DEPLOYED, ImageSet, load
from nas.draw import Preview, draw, ensure_possible, preview
from nas.effort import find_effort, recipe_for
from nas.errors import NasError, SpecError
from nas.machine import machine, versions
from nas.recipe import Recipe
from nas.record import DataFacts, SearchFacts
from nas.samplers import SAMPLERS, MakeInner
from nas.space import Space
from nas.storage import as_begun, default_url
from nas.trust import FEWEST
from nas.watch import Silent, Watcher
from search_spaces import find_space

RUNS = Path("runs")


class SearchOptions(TypedDict, total=False):
    """What a search can be told; ``request_search`` has the defaults."""

    budget: Budget | None
    budget_mflops: float | None
    budget_params: int | None
    budget_resolution: int | None
    budget_classes: int | None
    dataset: str | ImageSet
    data_dir: Path | str | None
    resolution: int | None
    effort: str
    recipe: Recipe | None
    epochs: int | None
    train_images: int | None
    val_images: int | None
    trials: int | None
    confirm: int | None
    trust: int
    sampler: str | MakeInner
    seed: int
    device: str
    workers: int | None
    precision: str
    study: str | None
    storage: str | None
    runs: Path | str
    command: str | None
    fallback: bool


def space_fingerprint(space: Space) -> str:
    """Eight hex digits of what the space is: some fixed draws of it, choices and networks."""
    rng = random.Random("fingerprint")
    digest = hashlib.sha256()
    for _ in range(24):
        point = draw(space, rng)
        digest.update(repr((sorted(point.choices.items()), point.spec)).encode())
    return digest.hexdigest()[:8]


def derived_name(facts: SearchFacts) -> str:
    """A study's name: space, budget, data, effort, and a hash of everything that makes it another study."""
    identity = repr([getattr(facts, field) for field in facts.IDENTITY])
    limits = "-".join(
        f"{ceiling.limit:.10g}{'mflops' if ceiling.attribute == 'macs' else 'params'}"
        for ceiling in facts.budget.ceilings()
    )
    parts = (facts.space.replace(":", "."), limits, facts.data.name, facts.effort)
    return "-".join((*parts, hashlib.sha256(identity.encode()).hexdigest()[:6]))


def data_facts(data: ImageSet) -> DataFacts:
    return DataFacts(
        name=data.name,
        label=data.label,
        fingerprint=data.fingerprint,
        classes=len(data.classes),
        images=len(data.labels),
        resolution=data.resolution,
    )


def check_study_name(study: str | None) -> None:
    """Raises ``NasError`` for a name that could not be a folder's."""
    if study is not None and (not study.strip() or any(c in study for c in "/\\") or study.startswith(".")):
        raise NasError(f"--study {study!r}: a name becomes a folder under runs/; use letters, digits, - and _")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A search that is fully decided but not begun."""

    name: str
    facts: SearchFacts
    space: Space
    data: ImageSet
    make_inner: MakeInner | None
    device: str
    workers: int | None  # trainings at a time; None: as many as fit the machine
    storage: str
    runs: Path

    @property
    def folder(self) -> Path:
        return self.runs / self.name

    def preview(self) -> Preview:
        return preview(self.space, self.facts.budget, seed=self.facts.seed)


def request_search(
    space: str | Space = "mobilenet_v3",
    *,
    budget: Budget | None = None,
    budget_mflops: float | None = None,
    budget_params: int | None = None,
    budget_resolution: int | None = None,
    budget_classes: int | None = None,
    dataset: str | ImageSet = "cifar10",
    data_dir: Path | str | None = None,
    resolution: int | None = None,
    effort: str = "brief",
    recipe: Recipe | None = None,
    epochs: int | None = None,
    train_images: int | None = None,
    val_images: int | None = None,
    trials: int | None = None,
    confirm: int | None = None,
    trust: int = 0,
    sampler: str | MakeInner = "block",
    seed: int = 0,
    device: str = "auto",
    workers: int | None = None,
    precision: str = "auto",
    study: str | None = None,
    storage: str | None = None,
    runs: Path | str = RUNS,
    command: str | None = None,
    fallback: bool = False,
    watch: Watcher | None = None,
) -> Request:
    """Check everything a search needs, before anything is written. Raises ``NasError`` for what the caller can mend.

    ``recipe``: instead of the effort's, with ``epochs``, ``train_images``, ``val_images`` and ``precision`` of its own.
    ``trials``: in all, those of earlier calls included; ``confirm``: fresh seeds; ``trust``: trials that are trained
    longer to check the ranking. ``workers``: trainings at a time, None: as many as fit the machine. ``precision``:
    ``auto``, ``fp32`` or ``bf16``.
    """
    space_name = space if isinstance(space, str) else f"{space.__module__}:{space.__qualname__}"
    space_function = find_space(space) if isinstance(space, str) else space
    size = find_effort(effort)
    if isinstance(sampler, str) and sampler not in SAMPLERS:
        raise NasError(f"--sampler {sampler}: unknown; there are {', '.join(SAMPLERS)}")
    make_inner = SAMPLERS[sampler] if isinstance(sampler, str) else sampler
    sampler_name = sampler if isinstance(sampler, str) else getattr(sampler, "__name__", "own")
    for flag, value, least in (
        ("--trials", trials, 1),
        ("--confirm", confirm, 0),
        ("--seed", seed, 0),
        ("--workers", workers, 1),
        ("--trust", trust, 0),
    ):
        if value is not None and value < least:
            raise NasError(f"{flag} {value}: must be at least {least}")
    if trust and trust < FEWEST:
        raise NasError(f"--trust {trust}: a ranking needs at least {FEWEST} networks; 8 is usual")
    _check_ceilings(budget, budget_mflops, budget_params)

    def counted_at(deployed: tuple[int, int]) -> Budget:
        return budget or Budget(
            macs=None if budget_mflops is None else round(budget_mflops * 1e6),
            params=budget_params,
            resolution=deployed[0] if budget_resolution is None else budget_resolution,
            classes=deployed[1] if budget_classes is None else budget_classes,
        )

    if isinstance(dataset, str) and dataset in DEPLOYED:
        # an impossible budget must not wait for a download, nor for torch
        _check_budget(space_function, space_name, counted_at(DEPLOYED[dataset]))
    from nas.find_precision import find_precision
    from nas.trial import find_device

    on = find_device(device)
    arithmetic = find_precision(precision, on) if recipe is None else recipe.precision
    say = (watch or Silent()).say
    data = (
        dataset
        if isinstance(dataset, ImageSet)
        else load(dataset, data_dir=None if data_dir is None else Path(data_dir), resolution=resolution, say=say)
    )
    budget = counted_at((data.deployed_resolution, data.deployed_classes))
    _check_budget(space_function, space_name, budget)
    found = recipe is None and precision == "auto"  # and not asked for
    if recipe is None:
        recipe = recipe_for(
            effort,
            data,
            device=on,
            epochs=epochs,
            train_images=train_images,
            val_images=val_images,
            resolution=resolution,
            precision=arithmetic,
        )
    _check_trainable(space_function, space_name, recipe.resolution, len(data.classes))
    facts = SearchFacts(
        space=space_name,
        space_fingerprint=space_fingerprint(space_function),
        budget=budget,
        data=data_facts(data),
        recipe=recipe,
        sampler=sampler_name,
        seed=seed,
        effort=effort,
        fallback=fallback,
        names_winner=size.names_winner,
        confirm=size.confirm if confirm is None else confirm,
        trials=size.trials if trials is None else trials,
        trust=trust,
        command=command if command is not None else "nas.run_search(…)",
        machine=machine(),
        versions=versions(),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    check_study_name(study)
    storage = storage or default_url(Path(runs))
    if found:
        facts = as_begun(facts, storage, lambda one: study or derived_name(one))
    return Request(
        name=study or derived_name(facts),
        facts=facts,
        space=space_function,
        data=data,
        make_inner=make_inner,
        device=on,
        workers=workers,
        storage=storage,
        runs=Path(runs),
    )


def _check_ceilings(budget: Budget | None, mflops: float | None, params: int | None) -> None:
    for flag, value in (("--budget-mflops", mflops), ("--budget-params", params)):
        if value is not None and not 0 < value < float("inf"):
            raise NasError(f"{flag} {value:g}: must be above zero")
    if budget is None and mflops is None and params is None:
        raise NasError("no budget: give --budget-mflops (10⁶ multiply-adds) or --budget-params, or both")


def _check_budget(space: Space, name: str, budget: Budget) -> None:
    """Raises ``NasError`` when no network fits, or none can be counted at the budget's resolution."""
    try:
        ensure_possible(space, budget, name=name)
    except SpecError as error:
        raise NasError(f"--budget-resolution {budget.resolution}: {error}") from None


def _check_trainable(space: Space, name: str, resolution: int, classes: int) -> None:
    """Raises ``NasError`` when random networks cannot take images of the size that is trained at."""
    rng = random.Random("trainable")
    smallest = 0
    for _ in range(64):
        spec = draw(space, rng).spec
        try:
            spec.trained_on(resolution=resolution, classes=classes)
        except SpecError:
            least = spec.smallest_resolution("cifar" if resolution < SMALL_IMAGE else "published")
            smallest = max(smallest, least or SMALL_IMAGE)
    if smallest:
        raise NasError(f"--resolution {resolution}: networks of {name} need {smallest} px; train at that or more")
