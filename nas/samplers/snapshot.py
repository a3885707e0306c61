"""A study as it is at one moment. Samplers read all trials several times for one suggestion, and TPE writes each of its
proposals down for other processes to see; with sixteen proposals that costs more than the suggestion itself."""

from collections.abc import Container, Sequence
from typing import Any, cast

from optuna import Study
from optuna.trial import FrozenTrial, TrialState

BEST = 25  # trials that are never left out
AT_MOST = 250  # trials


class Snapshot:
    """Looks like ``study`` to a sampler: its trials were read once, and what is written goes nowhere.

    Of more than ``AT_MOST`` trials it shows the best and the newest: in a long study a suggestion takes no longer.
    """

    def __init__(self, study: Study, trials: Sequence[FrozenTrial]) -> None:
        self._study = study
        self._storage = _Unwritten(study._storage)
        self._trials = best_and_newest(trials)

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


def best_and_newest(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """At most ``AT_MOST`` in their order: the ``BEST`` complete ones (a study maximises), and the newest of all."""
    if len(trials) <= AT_MOST:
        return list(trials)
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    best = sorted(complete, key=lambda trial: -float(trial.value or 0.0))[:BEST]
    kept = {trial.number for trial in best}
    newest = [trial.number for trial in trials if trial.number not in kept][len(kept) - AT_MOST :]
    kept.update(newest)
    return [trial for trial in trials if trial.number in kept]


class _Unwritten:
    """A storage that can be read."""

    def __init__(self, storage: Any) -> None:
        self._wrapped = storage

    def __getattr__(self, name: str) -> Any:
        if name.startswith("set_"):
            return lambda *values, **named: None
        return getattr(self._wrapped, name)
