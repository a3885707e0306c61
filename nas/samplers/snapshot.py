"""A study as it is at one moment. Samplers read all trials several times for one suggestion, and TPE writes each of its
proposals down for other processes to see; with sixteen proposals that costs more than the suggestion itself."""

from collections.abc import Container, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from optuna import Study
from optuna.study import StudyDirection
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
        self._trials = best_and_newest(trials, study.directions)

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


def best_and_newest(
    trials: Sequence[FrozenTrial], directions: Sequence[StudyDirection] = (StudyDirection.MAXIMIZE,)
) -> list[FrozenTrial]:
    """At most ``AT_MOST`` in their order: the ``BEST`` complete ones (with several objectives those that the fewest
    others beat), and the newest of all."""
    if len(trials) <= AT_MOST:
        return list(trials)
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    beaten = _beaten_by(np.array([trial.values for trial in complete]).reshape(len(complete), -1), directions)
    kept = {complete[place].number for place in np.argsort(beaten, kind="stable")[:BEST]}
    newest = [trial.number for trial in trials if trial.number not in kept][len(kept) - AT_MOST :]
    kept.update(newest)
    return [trial for trial in trials if trial.number in kept]


def _beaten_by(values: npt.NDArray[np.float64], directions: Sequence[StudyDirection]) -> npt.NDArray[np.intp]:
    """How many others are as good in everything and better in something, [trials]; ``values`` [trials, objectives]."""
    signs = [1.0 if direction == StudyDirection.MAXIMIZE else -1.0 for direction in directions]
    better, worse = (np.zeros((len(values), len(values)), dtype=bool) for _ in range(2))
    for column, sign in zip(values.T, signs, strict=bool(len(values))):
        gain = sign * (column[None, :] - column[:, None])
        better |= gain > 0
        worse |= gain < 0
    found: npt.NDArray[np.intp] = (better & ~worse).sum(axis=1)
    return found


class _Unwritten:
    """A storage that can be read."""

    def __init__(self, storage: Any) -> None:
        self._wrapped = storage

    def __getattr__(self, name: str) -> Any:
        if name.startswith("set_"):
            return lambda *values, **named: None
        return getattr(self._wrapped, name)
