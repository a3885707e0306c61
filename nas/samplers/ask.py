"""Asking for a trial whose parameters are stored all at once.

Optuna stores every parameter in a transaction of its own, which for fifty decisions takes far longer than to think of
them. Here a trial is walked through on paper first; what was suggested is then stored as rows of Optuna's own table.
"""

from collections.abc import Sequence
from typing import Any

import optuna
import sqlalchemy
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    IntDistribution,
    check_distribution_compatibility,
    distribution_to_json,
)
from optuna.storages import BaseStorage, RDBStorage

from nas.arch import ArchSpec
from nas.space import Option, Space, explore, from_trial


def ask(study: optuna.Study, space: Space) -> tuple[optuna.Trial, dict[str, Option], ArchSpec]:
    """A new trial of the study, its choices, and the architecture they stand for. Raises what its sampler raises."""
    trial = study.ask()
    storage = _database(study._storage)
    if storage is None:
        return trial, *explore(space, from_trial(trial))
    on_paper = _OnPaper(study, trial)
    choices, spec = explore(space, from_trial(on_paper))
    on_paper.store(storage)
    return trial, choices, spec


def _database(storage: BaseStorage) -> RDBStorage | None:
    backend = getattr(storage, "_backend", storage)  # Optuna wraps a database in a cache
    return backend if isinstance(backend, RDBStorage) else None


class _OnPaper:
    """Looks like ``trial`` to ``from_trial``: answers as the trial would, and stores nothing yet."""

    def __init__(self, study: optuna.Study, trial: optuna.Trial) -> None:
        self._study, self._trial = study, trial
        self._frozen = trial._cached_frozen_trial
        self._by_hand = trial._fixed_params  # of enqueue_trial
        self._relative = trial.relative_params  # here the sampler decides, or fails to
        self._stored: dict[str, float] = {}  # as Optuna stores them

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int:
        return int(self._answer(name, IntDistribution(low, high, step=step)))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return self._answer(name, CategoricalDistribution(choices))

    def _answer(self, name: str, distribution: BaseDistribution) -> Any:
        if name in self._frozen.params:
            check_distribution_compatibility(self._frozen.distributions[name], distribution)
            return self._frozen.params[name]
        if name in self._by_hand:
            value = self._by_hand[name]
        elif name in self._relative:
            value = self._relative[name]
        else:
            value = self._study.sampler.sample_independent(self._study, self._frozen, name, distribution)
        self._stored[name] = distribution.to_internal_repr(value)
        self._frozen.params[name], self._frozen.distributions[name] = value, distribution
        return value

    def store(self, storage: RDBStorage) -> None:
        if not self._stored:
            return
        table = optuna.storages._rdb.models.TrialParamModel.__table__
        rows = [
            {
                "trial_id": self._trial._trial_id,
                "param_name": name,
                "param_value": value,
                "distribution_json": distribution_to_json(self._frozen.distributions[name]),
            }
            for name, value in self._stored.items()
        ]
        with storage.engine.begin() as connection:
            connection.execute(sqlalchemy.insert(table), rows)
