"""A study as it is at one moment. Samplers read all trials several times for one suggestion, and TPE writes each of its
proposals down for other processes to see; with sixteen proposals that costs more than the suggestion itself."""

from collections.abc import Container
from typing import Any, cast

from optuna import Study
from optuna.trial import FrozenTrial, TrialState


class Snapshot:
    """Looks like ``study`` to a sampler: its trials were read once, and what is written goes nowhere."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._storage = _Unwritten(study._storage)
        self._trials = study.get_trials(deepcopy=False)

    def as_study(self) -> Study:
        return cast(Study, self)

    def get_trials(self, deepcopy: bool = False, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        return [trial for trial in self._trials if states is None or trial.state in states]

    def _get_trials(
        self, deepcopy: bool = False, states: Container[TrialState] | None = None, use_cache: bool = True
    ) -> list[FrozenTrial]:
        return self.get_trials(states=states)

    @property
    def trials(self) -> list[FrozenTrial]:
        return self.get_trials()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)


class _Unwritten:
    """A storage that can be read."""

    def __init__(self, storage: Any) -> None:
        self._wrapped = storage

    def __getattr__(self, name: str) -> Any:
        if name.startswith("set_"):
            return lambda *values, **named: None
        return getattr(self._wrapped, name)
