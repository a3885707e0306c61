"""A study's trials as networks: told, running, and taken. Each is rebuilt once."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from nas.draw import DRAWS, Draw, walk
from nas.errors import NasError, OverBudget
from nas.samplers.feasible import Feasible, Hashed, Taken, identity
from nas.samplers.moment import Moment
from nas.samplers.told import NotOfSpace, Told, losses_of, option, point_of, values_of
from nas.space import Option


class History:
    """``plans``: what trials of this process were given, by number; their parameters may not be stored yet."""

    def __init__(self, feasible: Feasible, plans: dict[int, Draw]) -> None:
        self._feasible = feasible
        self._plans = plans
        self._points: dict[tuple[str, int], Draw] = {}  # (study, number) → network
        self._told: dict[tuple[str, int], tuple[Told, Hashed]] = {}  # what is finished does not change
        self._strangers: set[tuple[str, int]] = set()  # finished trials that are no networks of the space

    def of(self, study: Study, trials: Iterable[FrozenTrial]) -> tuple[list[Told], list[Draw], Taken]:
        told, running, taken = [], [], []
        name = study.study_name  # Optuna asks its storage
        for trial in trials:
            key = (name, trial.number)
            known = self._told.get(key)
            if known is None:
                point = self._point(study, trial)
                if point is None:
                    continue
                spec = identity(point.spec)
                if not trial.state.is_finished():
                    running.append(point)
                    taken.append(spec)
                    continue
                known = self._told[key] = (self._tell(study, trial, point), Hashed(spec))
            told.append(known[0])
            taken.append(known[1])
        return told, running, Taken(taken)

    def _tell(self, study: Study, trial: FrozenTrial, point: Draw) -> Told:
        return Told(
            number=trial.number,
            point=point,
            values=values_of(study, trial),
            stopped=trial.state == TrialState.PRUNED,
            size=self._feasible.size(point),
            losses=losses_of(trial),
            fits=self._feasible.seems_to_fit(point),
        )

    def _point(self, study: Study, trial: FrozenTrial) -> Draw | None:
        key = (study.study_name, trial.number)
        if key in self._points:
            return self._points[key]
        if key in self._strangers:
            return None
        point = point_of(self._feasible.space, trial) if trial.params else None
        if point is not None:
            self._points[key] = point
            return point
        if trial.state.is_finished():
            self._strangers.add(key)
        return self._plans.get(trial.number)

    def finished(self, study: Study, trial: FrozenTrial) -> None:
        """What this trial was given stays taken, even where it ended before all of it was asked for."""
        plan = self._plans.pop(trial.number, None)
        if plan is not None:
            self._points[(study.study_name, trial.number)] = point_of(self._feasible.space, trial) or plan

    def completed(self, trial: FrozenTrial, by_hand: Mapping[str, Any], moment: Moment) -> Draw:
        """What was put in by hand, the rest at random so that it fits and is new. Whole networks may be repeated.

        Raises ``OverBudget`` where none fits.
        """
        asked: Mapping[str, BaseDistribution] = trial.distributions
        open_decisions = False

        def pick(name: str, options: Sequence[Option], /) -> Option:
            nonlocal open_decisions
            if name in by_hand:
                try:
                    return option(options, by_hand[name], asked.get(name))
                except NotOfSpace as error:
                    raise NasError(f"the trial put in by hand: {name}: {error}") from None
            open_decisions = open_decisions or len(options) > 1
            return moment.rng.choice(options)

        found: list[Draw] = []
        for _ in range(DRAWS):
            point = walk(self._feasible.space, pick)
            if self._feasible.seems_to_fit(point) and (point.spec not in moment.taken or not open_decisions):
                found.append(point)
            if not open_decisions:
                break
        found.sort(key=self._feasible.size, reverse=True)
        largest = next((point for point in found if self._feasible.fits(point)), None)
        if largest is None:
            raise OverBudget(
                f"the trial put in by hand with {dict(by_hand)!r}: no new network with these choices fits "
                f"{self._feasible.limit}; change them, or raise the budget"
            )
        return largest
