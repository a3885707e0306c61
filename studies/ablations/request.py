"""An ablation that is fully decided but not begun: everything is checked here, before anything is written."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypedDict

from nas.data import FOLDS, ImageSet, load
from nas.errors import NasError, SpecError, at_least
from nas.machine import machine, versions
from nas.plan import Task, confirmation_fold, training_seed
from nas.recipe import Recipe
from nas.record import AblationFacts, VariantFacts
from nas.request import RUNS, check_study_name, data_facts
from nas.storage import as_begun, default_url
from nas.watch import Silent, Watcher
from studies.ablation import Ablation, Length, reference
from studies.ablations.beyond_budget import beyond_budget
from studies.ablations.find import Found, find
from studies.ablations.match import matched
from studies.ablations.past import continued, past_facts, search_in, winner_in
from studies.ablations.proposed import Free, free_of, of_proposals
from studies.ablations.resolve import Network, Resolved, resolve
from studies.ablations.small_images import wider_than_their_maps
from studies.ablations.winner import of_winner
from studies.learning_rates import around

EFFORTS = ("brief", "full")
LOOKS = (5, 10, 20)  # seeds at which --until-settled reads its verdicts


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationRequest:
    """An ablation that is fully decided but not begun."""

    name: str
    facts: AblationFacts
    networks: tuple[Network, ...]  # to be trained, the baseline first
    data: ImageSet
    device: str
    workers: int | None  # trainings at a time; None: as many as fit the machine
    storage: str
    runs: Path
    check_lr: bool = False
    any_machine: bool = False  # for the latency target's table
    fresh_folds: bool = False  # the baseline was chosen on fold 0
    free: Free | None = None  # of a search's winner: what that search's trials say

    @property
    def folder(self) -> Path:
        return self.runs / self.name

    @property
    def looks(self) -> tuple[int, ...]:
        """Numbers of seeds, one after the other; at the last one it ends."""
        return self.facts.looks or (self.facts.seeds,)

    def fold(self, k: int) -> int:
        """Of the k-th seed: all five in turn, but for fold 0 where that chose the baseline."""
        return confirmation_fold(k) if self.fresh_folds else k % FOLDS

    def tasks(self, seeds: int, recipe: Recipe | None = None) -> list[Task]:
        """Seed by seed, not network by network, so that what an interruption leaves is paired. ``recipe``: where it is
        not the study's own."""
        return [
            Task(
                spec=network.spec,
                name=network.name,
                title=network.title,
                origin="published" if network.width == 1 else "scaled" if network.width else "variant",
                choices=network.choices,
                seed=training_seed(self.facts.seed, k),
                fold=self.fold(k),
                recipe=recipe,
            )
            for k in range(1, seeds + 1)
            for network in self.networks
        ]

    @property
    def max_lrs(self) -> tuple[float, ...]:
        """Learning rates that are checked, the study's own in the middle."""
        return around(self.facts.recipe.max_lr)

    def check_tasks(self) -> list[Task]:
        """Baseline and variants at each learning rate, on fold 0 with a seed that no comparison has."""
        return [
            Task(
                spec=network.spec,
                name=f"{network.name} {rate:g}",
                title=f"{network.title} at {rate:g}",
                origin="variant",
                choices=network.choices,
                seed=training_seed(self.facts.seed, 0),
                fold=0,
                recipe=replace(self.facts.recipe, name=f"{self.facts.recipe.name}, check", max_lr=rate),
            )
            for network in self.networks
            if network.width in (None, 1.0)
            for rate in self.max_lrs
        ]


class AblationOptions(TypedDict, total=False):
    """What an ablation can be told; ``request_ablation`` has the defaults."""

    of: str | None
    baseline: str | None
    proposed: bool
    only: tuple[str, ...] | None
    seeds: int | None
    until_settled: bool
    match: bool
    check_lr: bool
    lengths: str | None
    effort: str | None
    dataset: str | ImageSet
    data_dir: Path | str | None
    resolution: int | None
    epochs: int | None
    train_images: int | None
    val_images: int | None
    max_lr: float | None
    latency_target: str | None
    any_machine: bool
    seed: int
    device: str
    workers: int | None
    precision: str
    study: str | None
    storage: str | None
    runs: Path | str
    command: str | None


def request_ablation(
    name: str | Found | Ablation | None = None,
    *,
    of: str | None = None,
    baseline: str | None = None,
    proposed: bool = False,
    only: tuple[str, ...] | None = None,
    seeds: int | None = None,
    until_settled: bool = False,
    match: bool = False,
    check_lr: bool = False,
    lengths: str | None = None,
    effort: str | None = None,
    dataset: str | ImageSet = "cifar10",
    data_dir: Path | str | None = None,
    resolution: int | None = None,
    epochs: int | None = None,
    train_images: int | None = None,
    val_images: int | None = None,
    max_lr: float | None = None,
    latency_target: str | None = None,
    any_machine: bool = False,
    seed: int = 0,
    device: str = "auto",
    workers: int | None = None,
    precision: str = "auto",
    study: str | None = None,
    storage: str | None = None,
    runs: Path | str = RUNS,
    command: str | None = None,
    watch: Watcher | None = None,
) -> AblationRequest:
    """Check everything an ablation needs, before anything is written. Raises ``NasError`` for what can be mended.

    ``name``: a study that comes along, a file of your own, or an ``Ablation``; or ``of``: the search whose winner is
    ablated; ``proposed``: by what the search's own trials propose. ``baseline``: another published network, ``NAME`` or
    ``NAME@WIDTH``. ``only``: patterns of variants. ``lengths``: "both" (the default) or "short". ``epochs`` is of the
    short training. ``effort``: ``brief`` or ``full``; None: full on a GPU, brief on a CPU.
    """
    at_least(1, seeds=seeds, epochs=epochs, train_images=train_images, val_images=val_images, workers=workers)
    at_least(0, seed=seed)
    if effort is not None and effort not in EFFORTS:
        raise NasError(f"--effort {effort}: unknown; there are {', '.join(EFFORTS)}")
    if lengths not in (None, "both", "short"):
        raise NasError(f"--lengths {lengths}: unknown; there are both, short")
    if max_lr is not None and not 0 < max_lr < float("inf"):
        raise NasError(f"--lr {max_lr:g}: must be above zero")
    if until_settled and seeds is not None:
        raise NasError(f"--seeds {seeds}: with --until-settled there are {', '.join(map(str, LOOKS))}; leave it out")
    check_study_name(study)
    url = storage or default_url(Path(runs))
    free = _free(name, of, url, proposed=proposed)
    found = _found(name, free, url, proposed=proposed)
    target = _target(latency_target, any_machine=any_machine)  # before anything slow
    from nas.find_precision import find_precision
    from nas.trial import find_device

    on = find_device(device)
    effort = effort or ("brief" if on == "cpu" else "full")
    length: Length = getattr(found.study, effort)
    try:
        resolved = resolve(_asked(found.study, length, baseline), winner=winner_in(url))
    except NasError as error:
        raise NasError(f"{found.place}: {error}") from None
    networks = _chosen(resolved, only)
    if match:
        networks += matched(networks)
    arithmetic = find_precision(precision, on)
    data = (
        dataset
        if isinstance(dataset, ImageSet)
        else load(
            dataset,
            data_dir=None if data_dir is None else Path(data_dir),
            resolution=resolution,
            say=(watch or Silent()).say,
        )
    )
    side = data.resolution if resolution else min(data.resolution, length.resolution or data.resolution)
    recipe = Recipe(
        name=f"ablation-{effort}",
        epochs=epochs or length.epochs,
        train_images=train_images or length.train_images,
        val_images=val_images or length.val_images,
        resolution=side,
        batch=length.batch,
        max_lr=max_lr or length.max_lr,
        crop=side // 8,
        flip=data.name != "digits",  # a mirrored 2 is no 2
        precision=arithmetic,
    )
    for network in networks:  # one that cannot take these images is refused here
        try:
            network.spec.trained_on(resolution=side, classes=len(data.classes))
        except SpecError as error:
            raise NasError(f"{found.place}: {network.title} at {side} px: {error}; give --resolution") from None
    declared = found.study
    facts = AblationFacts(
        study=found.name,
        question=declared.question,
        baseline=resolved.baseline,
        baseline_title=resolved.title,
        curve=resolved.curve,
        variants=tuple(variant_facts(one, free) for one in networks if one.width is None),
        margin=declared.margin,
        paper=declared.paper,
        notes=(
            *declared.notes,
            *_beyond_budget(declared, networks, url),
            *wider_than_their_maps(networks, side, len(data.classes)),
        ),
        data=data_facts(data),
        recipe=recipe,
        seed=seed,
        effort=effort,
        seeds=length.seeds if seeds is None else seeds,
        looks=LOOKS if until_settled else (),
        latency_target=latency_target,
        latency_fingerprint=target,
        command=command if command is not None else "studies.ablations.run.run_ablation(…)",
        machine=machine(),
        versions=versions(),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    if precision == "auto":
        facts = as_begun(facts, url, lambda one: study or derived_name(one))
    if lengths != "short":
        facts = replace(facts, long=_longer(facts.recipe, length.longer))
    facts = continued(facts, past_facts(url, study or derived_name(facts)))
    if facts.looks and seeds is not None:
        raise NasError(f"--seeds {seeds}: this study looks at {', '.join(map(str, facts.looks))} seeds; leave it out")
    return AblationRequest(
        name=study or derived_name(facts),
        facts=facts,
        networks=networks,
        data=data,
        device=on,
        workers=workers,
        storage=url,
        runs=Path(runs),
        check_lr=check_lr,
        any_machine=any_machine,
        fresh_folds=declared.baseline.kind == "recorded",
        free=free,
    )


def derived_name(facts: AblationFacts) -> str:
    """A study's name: what it asks, data, effort, and a hash of everything that makes it another study."""
    identity = repr([getattr(facts, field) for field in facts.IDENTITY])
    start = facts.study.replace(" ", "-")
    return f"{start}-{facts.data.name}-{facts.effort}-{hashlib.sha256(identity.encode()).hexdigest()[:6]}"


def variant_facts(network: Network, free: Free | None = None) -> VariantFacts:
    return VariantFacts(
        name=network.name,
        title=network.title,
        changes=dict(network.changes),
        match_of=network.match_of,
        observed=free.suggests(network.choices) if free and network.match_of is None else None,
    )


def _beyond_budget(study: Ablation, networks: tuple[Network, ...], url: str) -> tuple[str, ...]:
    """Of a recorded winner's variants."""
    if study.baseline.kind != "recorded":
        return ()
    return beyond_budget(search_in(url, study.baseline.name).facts.budget, networks)


def _free(name: str | Found | Ablation | None, of: str | None, url: str, *, proposed: bool) -> Free | None:
    """What the trials of the search ``of`` say of its winner."""
    if of is None:
        if proposed:
            raise NasError("--proposed: is what the trials of a search propose for its winner; add --of SEARCH")
        return None
    if name is not None:
        raise NasError(f"--of {of}: ablates the winner of a search; leave out the study's name")
    winner, _ = winner_in(url)(of)
    return free_of(search_in(url, of), winner)


def _found(name: str | Found | Ablation | None, free: Free | None, url: str, *, proposed: bool) -> Found:
    if free is not None:
        of = free.search
        study = of_proposals(free) if proposed else of_winner(of, winner_in(url))
        return Found(name=f"of {of}", place=f"--of {of}", study=study)
    if isinstance(name, Found):
        return name
    if isinstance(name, Ablation):
        called = "own " + hashlib.sha256(name.question.encode()).hexdigest()[:6]
        return Found(name=called, place="STUDY", study=name)
    if name is None:
        raise NasError("no study: give its name, FILE.py, or --of SEARCH")
    return find(name)


def _asked(study: Ablation, length: Length, baseline: str | None) -> Ablation:
    """The study in its form, with the baseline that is asked for."""
    if baseline is None:
        return study.at(length)
    if study.baseline.kind != "reference":
        raise NasError(f"--baseline {baseline}: this study's own is {study.baseline.name}, no published network")
    return replace(study, baseline=reference(baseline))


def _chosen(resolved: Resolved, only: tuple[str, ...] | None) -> tuple[Network, ...]:
    """Baseline and curve, and the variants that are wanted."""
    if only is None:
        return resolved.networks
    names = [one.name for one in resolved.variants]
    for pattern in only:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise NasError(f"--only {pattern}: no such variant; there are {', '.join(names)}")
    return tuple(
        one
        for one in resolved.networks
        if one.width is not None or any(fnmatchcase(one.name, pattern) for pattern in only)
    )


def _longer(recipe: Recipe, times: int) -> Recipe:
    return replace(recipe, name=f"{recipe.name}, {times} times longer", epochs=times * recipe.epochs)


def _target(name: str | None, *, any_machine: bool) -> str | None:
    """What the target's latencies hold for. Raises ``LatencyError``."""
    if name is None:
        return None
    from nas.latency.find import find as find_target

    return find_target(name, any_machine=any_machine).table.fingerprint
