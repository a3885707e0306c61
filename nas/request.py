"""A search that is fully decided but not begun: everything is checked here, before anything is written."""

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, cast, get_args

from nas.arch import SMALL_IMAGE, ArchSpec
from nas.budget import NO_BUDGET, Budget, Limits
from nas.data import DEPLOYED, ImageSet, load
from nas.data.request import Say
from nas.draw import draw, space_fingerprint
from nas.effort import find_effort, recipe_for
from nas.errors import NasError, SpecError, at_least
from nas.latency.limits import LatencyLimits
from nas.machine import machine, versions
from nas.objectives import ACCURACY, find_goal
from nas.preview import Preview, ensure_possible, preview
from nas.recipe import Recipe
from nas.record import Control, DataFacts, SearchFacts
from nas.samplers import SAMPLERS, MakeInner
from nas.space import Space
from nas.storage import as_begun, default_url
from nas.trust import FEWEST
from nas.watch import Silent, Watcher
from search_spaces import find_space

if TYPE_CHECKING:
    from nas.latency.find import Found

RUNS = Path("runs")
DEFAULT = "onnxruntime-cpu"  # latency target
BEYOND_TARGET = 2  # times MnasNet's target latency: the budget where none is given


class SearchOptions(TypedDict, total=False):
    """What a search can be told; ``request_search`` has the defaults."""

    budget: Budget | None
    budget_mflops: float | None
    budget_params: int | None
    budget_size_mb: float | None
    size_at: str | None
    budget_memory_mb: float | None
    budget_latency_ms: float | None
    latency_target: str | None
    any_machine: bool
    budget_resolution: int | None
    budget_classes: int | None
    objectives: str | Sequence[str] | None
    objective: str | None
    target_latency_ms: float | None
    mnasnet_w: float | None
    mnasnet_form: str | None
    latency_ms: Callable[[ArchSpec], float] | None
    stopping: bool
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
    control: str | None
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


def derived_name(facts: SearchFacts) -> str:
    """A study's name: space, budget, data, effort, and a hash of everything that makes it another study."""
    asked = [getattr(facts, field) for field in facts.IDENTITY]
    # studies from before there were goals and latencies keep their names
    identity = repr([one for one in asked if one is not None and one != ACCURACY])
    limits = "-".join(f"{ceiling.limit:.10g}{ceiling.short}" for ceiling in facts.budget.ceilings())
    if facts.budget.latency_ms is not None:
        limits = "-".join(filter(None, (limits, f"{facts.budget.latency_ms:.10g}ms")))
    goal = "mnasnet" if facts.goal.reward else "-".join(facts.goal.objectives)
    goals = () if facts.goal == ACCURACY else (goal,)
    parts = (facts.space.replace(":", "."), limits, *goals, facts.data.name, facts.effort)
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
    limits: Limits  # the budget, and what tells a latency where it has one
    data: ImageSet
    make_inner: MakeInner | None
    device: str
    workers: int | None  # trainings at a time; None: as many as fit the machine
    storage: str
    runs: Path
    latency_ms: Callable[[ArchSpec], float] | None = None  # of a network in the deployed form

    @property
    def folder(self) -> Path:
        return self.runs / self.name

    def preview(self) -> Preview:
        return preview(self.space, self.limits, seed=self.facts.seed)


def request_search(
    space: str | Space = "mobilenet_v3",
    *,
    budget: Budget | None = None,
    budget_mflops: float | None = None,
    budget_params: int | None = None,
    budget_size_mb: float | None = None,
    size_at: str | None = None,
    budget_memory_mb: float | None = None,
    budget_latency_ms: float | None = None,
    latency_target: str | None = None,
    any_machine: bool = False,
    budget_resolution: int | None = None,
    budget_classes: int | None = None,
    objectives: str | Sequence[str] | None = None,
    objective: str | None = None,
    target_latency_ms: float | None = None,
    mnasnet_w: float | None = None,
    mnasnet_form: str | None = None,
    latency_ms: Callable[[ArchSpec], float] | None = None,
    stopping: bool = True,
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
    control: str | None = None,
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
    longer to check the ranking; ``control="random"``: as many networks drawn at random, which the search is to beat.
    ``objectives`` (``accuracy,macs``) asks for a front, ``objective="mnasnet"`` for the
    best reward; ``latency_ms`` tells the latency of a network where either needs one. ``stopping``: of hopeless trials,
    in trainings of six epochs or more. ``workers``: trainings at a time, None: as many as fit the machine.
    ``precision``: ``auto``, ``fp32`` or ``bf16``.
    """
    space_name = space if isinstance(space, str) else f"{space.__module__}:{space.__qualname__}"
    space_function = find_space(space) if isinstance(space, str) else space
    size = find_effort(effort)
    if isinstance(sampler, str) and sampler not in SAMPLERS:
        raise NasError(f"--sampler {sampler}: unknown; there are {', '.join(SAMPLERS)}")
    make_inner = SAMPLERS[sampler] if isinstance(sampler, str) else sampler
    sampler_name = sampler if isinstance(sampler, str) else getattr(sampler, "__name__", "own")
    at_least(1, trials=trials, workers=workers)
    at_least(0, confirm=confirm, seed=seed, trust=trust)
    beside = _control(control, sampler_name)
    if trust and trust < FEWEST:
        raise NasError(f"--trust {trust}: a ranking needs at least {FEWEST} networks; 8 is usual")
    millions = {
        "--budget-mflops": budget_mflops,
        "--budget-size-mb": budget_size_mb,
        "--budget-memory-mb": budget_memory_mb,
    }
    for flag, limit in {**millions, "--budget-params": budget_params, "--budget-latency-ms": budget_latency_ms}.items():
        if limit is not None and not 0 < limit < float("inf"):
            raise NasError(f"{flag} {limit:g}: must be above zero")
    macs, size_bytes, memory_bytes = (None if limit is None else round(limit * 1e6) for limit in millions.values())
    goal = find_goal(
        objectives=objectives,
        objective=objective,
        target_latency_ms=target_latency_ms,
        w=mnasnet_w,
        form=mnasnet_form,
    )
    if budget is None and all(limit is None for limit in (*millions.values(), budget_params, budget_latency_ms)):
        if goal.reward is None or latency_ms is not None:
            raise NasError(NO_BUDGET)
        budget_latency_ms = BEYOND_TARGET * goal.reward.target_ms  # the target is soft, and every search has a budget
    found_target = _find_target(
        budget,
        latency_target,
        wanted=budget_latency_ms is not None or (goal.needs_latency and latency_ms is None),
        any_machine=any_machine,
    )

    def counted_at(deployed: tuple[int, int]) -> Budget:
        return budget or Budget(
            macs=macs,
            params=budget_params,
            size_bytes=size_bytes,
            size_at=size_at,  # type: ignore[arg-type]  # the budget knows the words
            memory_bytes=memory_bytes,
            latency_ms=budget_latency_ms,
            latency_target=None if found_target is None else found_target.table.name,
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
    check_study_name(study)
    limits: Limits = budget
    if found_target is not None:  # last: where its table is not there yet, it takes minutes
        limits = _latency_limits(found_target, space_function, space_name, budget, say)
        _check_budget(space_function, space_name, limits)
    facts = SearchFacts(
        space=space_name,
        space_fingerprint=space_fingerprint(space_function),
        budget=budget,
        data=data_facts(data),
        recipe=recipe,
        sampler=sampler_name,
        goal=goal,
        seed=seed,
        effort=effort,
        fallback=fallback,
        names_winner=size.names_winner,
        confirm=size.confirm if confirm is None else confirm,
        trials=size.trials if trials is None else trials,
        trust=trust,
        control=beside,
        latency_fingerprint=None if found_target is None else found_target.table.fingerprint,
        calibration=limits.calibration if isinstance(limits, LatencyLimits) else None,
        stopping=stopping,
        command=command if command is not None else "nas.run_search(…)",
        machine=machine(),
        versions=versions(),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    storage = storage or default_url(Path(runs))
    if found:
        facts = as_begun(facts, storage, lambda one: study or derived_name(one))
    return Request(
        name=study or derived_name(facts),
        facts=facts,
        space=space_function,
        limits=limits,
        data=data,
        make_inner=make_inner,
        device=on,
        workers=workers,
        storage=storage,
        runs=Path(runs),
        latency_ms=latency_ms,
    )


def _control(given: str | None, sampler: str) -> Control | None:
    """Raises ``NasError`` for a control that there is not, and for one of a search that draws at random itself."""
    if given is None:
        return None
    if given not in get_args(Control):
        raise NasError(f"--control {given}: unknown; there is {', '.join(get_args(Control))}")
    if sampler == given:
        raise NasError(f"--control {given}: --sampler {sampler} draws the very same networks; leave one of them out")
    return cast(Control, given)


def _find_target(budget: Budget | None, target: str | None, *, wanted: bool, any_machine: bool) -> "Found | None":
    """The table of the latency target; None where latency is not asked for. Raises ``LatencyError``."""
    target = target or (budget.latency_target if budget is not None else None) or (DEFAULT if wanted else None)
    if target is None:
        return None
    from nas.latency.find import find

    return find(target, any_machine=any_machine)


def _latency_limits(found: "Found", space: Space, name: str, budget: Budget, say: Say) -> Limits:
    from nas.latency.find import calibration_key, limits

    key = calibration_key(name, space, resolution=budget.resolution, classes=budget.classes)
    return limits(found, space, budget, key=key, say=say)


def _check_budget(space: Space, name: str, limits: Limits) -> None:
    """Raises ``NasError`` when no network fits, or none can be counted at the budget's resolution."""
    try:
        ensure_possible(space, limits, name=name)
    except SpecError as error:
        raise NasError(f"--budget-resolution {limits.budget.resolution}: {error}") from None


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
