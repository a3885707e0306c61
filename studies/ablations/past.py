"""What the storage knows already: this study as it was left, winners of searches, and trainings of other studies."""

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import optuna
from optuna.storages import BaseStorage

from nas import evidence
from nas.cost import cost
from nas.errors import NasError
from nas.plan import Task
from nas.recipe import Recipe
from nas.record import FACTS, RECORD, AblationFacts, Record, RunRecords
from nas.storage import SIBLINGS, counted, open_existing, open_storage, read_run, stored_facts, study_names
from studies.ablations.resolve import Winner

Elsewhere = Callable[[Task], Record | None]


def is_there(url: str) -> bool:
    """Whether a storage may hold anything: opening an SQLite file makes it."""
    return not url.startswith("sqlite:///") or os.path.exists(url.removeprefix("sqlite:///"))


def past_facts(url: str, name: str) -> AblationFacts | None:
    """Of this ablation, if it was begun before."""
    return past_in(open_storage(url), name) if is_there(url) else None


def past_in(storage: BaseStorage, name: str) -> AblationFacts | None:
    return AblationFacts.from_json(stored_facts(storage, name)) if name in study_names(storage, "ablation") else None


def continued(facts: AblationFacts, past: AblationFacts | None) -> AblationFacts:
    """With what is there already: more variants, widths and seeds add to it, and nothing falls out of it."""
    if past is None:
        return facts
    asked = {one.name: one for one in facts.variants}
    variants = {one.name: one for one in past.variants} | asked
    said = {one.name: one.observed for one in past.variants if one.observed is not None}  # before it was trained
    return replace(
        facts,
        variants=tuple(replace(one, observed=said.get(name, one.observed)) for name, one in variants.items()),
        curve=past.curve | facts.curve,
        long=facts.long or past.long,
        looks=facts.looks or past.looks,
        looked=past.looked,
        **_same_target(facts, past),
        seeds=facts.seeds if not past.looks else past.seeds,
    )


def _same_target(facts: AblationFacts, past: AblationFacts) -> dict[str, Any]:
    """Latencies that hold for the target that is asked for; without one, those that are there."""
    if facts.latency_target is not None and facts.latency_fingerprint != past.latency_fingerprint:
        return {}
    return {
        "latency_target": past.latency_target,
        "latency_fingerprint": past.latency_fingerprint,
        "latencies": past.latencies | facts.latencies,
    }


def search_in(url: str, study: str) -> RunRecords:
    """A search in this storage. Raises ``StorageError``."""
    return read_run(open_existing(url), study)


def winner_in(url: str) -> Winner:
    """The winners of the searches in this storage."""

    def winner(study: str) -> tuple[Record, str]:
        run = search_in(url, study)
        record = evidence.winner(run)
        if record is None:
            raise NasError(f"study {study}: has no winner yet (or is a demonstration, which names none)")
        if record.choices is None:
            raise NasError(f"study {study}: its winner, {record.title}, is no point of its space")
        return record, run.facts.space

    return winner


def trained_elsewhere(
    storage: BaseStorage, name: str, *, fingerprint: str, recipes: list[Recipe], device: str
) -> Elsewhere:
    """The same trainings in other studies of this storage, on a device of the same name: spec, recipe, seed, fold and
    images are equal. They are read when first asked for."""
    known: dict[tuple[object, ...], Record] | None = None
    hashes = {recipe.hash for recipe in recipes}

    def same(task: Task, recipe: Recipe) -> tuple[object, ...]:
        return (task.spec, task.seed, task.fold, recipe.hash)

    def find(task: Task) -> Record | None:
        nonlocal known
        if known is None:
            known = {}
            for study in study_names(storage):
                if study != name:
                    _collect(storage, study, fingerprint, hashes, device, known)
        found = known.get(same(task, task.recipe or recipes[0]))
        return None if found is None else _as_this(task, found)

    return find


def _collect(
    storage: BaseStorage,
    name: str,
    fingerprint: str,
    hashes: set[str],
    device: str,
    known: dict[tuple[object, ...], Record],
) -> None:
    """The complete trainings of a run, by what makes two of them the same."""
    there = set(optuna.get_all_study_names(storage))
    for sibling in dict.fromkeys(name + suffix for suffix in SIBLINGS.values()):
        if sibling not in there:
            continue
        study = optuna.load_study(study_name=sibling, storage=storage)
        facts = study.user_attrs.get(FACTS, {})
        if facts.get("data", {}).get("fingerprint") != fingerprint:
            continue
        own = _hash(facts["recipe"])
        for trial in counted(study):
            document: Any = trial.user_attrs.get(RECORD)
            if document is None or document["state"] != "complete" or not _same_device(document["device"], device):
                continue
            trained_by = own if document.get("recipe") is None else _hash(document["recipe"])
            if trained_by in hashes:
                record = Record.from_json(document)
                key = (record.spec, record.seed, record.fold, trained_by)
                known.setdefault(key, replace(record, source=record.source or name))


def _same_device(one: str, other: str) -> bool:
    """``cpu, 1 thread`` and ``cpu, 2 threads`` are."""
    return one.partition(",")[0] == other.partition(",")[0]


def _hash(document: dict[str, Any]) -> str | None:
    """Of a recipe as stored; None for one that this version cannot read."""
    try:
        return Recipe(**{**document, "sides": tuple(document.get("sides", ()))}).hash
    except (TypeError, NasError):
        return None


def _as_this(task: Task, record: Record) -> Record:
    """A training of another study as a record of this one: its costs are of the native form here."""
    native = cost(task.spec)
    return replace(
        record,
        number=task.number,
        name=task.name,
        title=task.title,
        origin=task.origin,
        choices=task.choices,
        macs=native.macs,
        params=native.params,
        peak_activation_bytes=native.peak_activation_bytes,
        latency=task.latency,
        recipe=task.recipe,
        weights=None,
    )
