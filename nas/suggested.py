"""Trials that a sampler suggests: a search's own, or its control's. Each is suggested when it can begin, by what was
told until then, and ends early where it is hopeless among its own kind."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

import optuna

from nas.arch import ArchSpec
from nas.errors import SpaceExhausted
from nas.latency.value import Latency
from nas.objectives import Costed, Costs
from nas.plan import Task
from nas.record import Record, Role, SearchFacts
from nas.samplers import InsideSampler, ask
from nas.space import Option, Space
from nas.stopping import Curve, hopeless
from nas.storage import close_orphans
from nas.trainings import Trainings


class MakeTask(Protocol):
    """``plan.trial_task`` or ``plan.control_task``."""

    def __call__(
        self, number: int, spec: ArchSpec, choices: dict[str, Option], origin: str, /, *, seed: int
    ) -> Task: ...


@dataclass(slots=True, kw_only=True)
class Suggested:
    """One study of suggested trials, numbered from 0 without those that were cut off."""

    role: Role
    sampler: InsideSampler
    space: Space
    facts: SearchFacts
    trainings: Trainings
    make_task: MakeTask
    latency: Callable[[ArchSpec], Latency | None]  # in the deployed form
    _study: optuna.Study = field(init=False)
    _curves: dict[int, Curve] = field(default_factory=dict, init=False)  # of trials that run, by number

    def open(self) -> optuna.Study:
        self._study = self.trainings.open(self.role, self.sampler, self.facts.goal)
        return self._study

    @property
    def records(self) -> tuple[Record, ...]:
        return self.trainings.records(self.role)

    def train(
        self,
        count: int,
        *,
        before: Callable[[], None],
        after: Callable[[Record], None],
        enough: Callable[[], bool] = lambda: False,
    ) -> str | None:
        """Train until there are ``count`` in all, or until it is ``enough``; ``before`` each is suggested, ``after``
        each is stored. Returns why there will be no more, where the space has none left; None otherwise."""
        self.trainings.watch.stage(self.role, count, min(len(self.records), count))
        ended: list[str] = []

        def done(record: Record) -> None:
            self._curves.pop(record.number or 0, None)
            after(record)

        self.trainings.run(
            self._study, self.role, self._trials(count, before, enough, ended), stop=self._hopeless, after=done
        )
        return ended[0] if ended else None

    def _trials(
        self, count: int, before: Callable[[], None], enough: Callable[[], bool], ended: list[str]
    ) -> Iterator[tuple[optuna.Trial, Task]]:
        study = self._study
        used = {record.number for record in self.records}
        while len(used) < count and not enough():
            before()
            try:
                trial, choices, spec = ask(study, self.space)
            except SpaceExhausted as error:
                close_orphans(study, running=self.trainings.running(study))  # the trial that had just begun
                ended.append(str(error))
                return
            number = next(n for n in range(len(used) + 1) if n not in used)  # several at a time may leave a gap
            used.add(number)
            origin = self.sampler.origins[trial.number]
            task = self.make_task(number, spec, choices, origin, seed=self.facts.seed)
            yield trial, replace(task, latency=self.latency(spec))

    def _hopeless(self, task: Task, epoch: int, accuracy: float) -> bool:
        """Whether this trial should end here, by the curves of all others of its study until now."""
        assert task.number is not None
        goal, costs = self.facts.goal, self._costs(task.spec)
        before = self._curves.pop(task.number, Curve(costs=(), scores=())).scores
        # a training whose worker died begins again
        mine = Curve(costs=goal.costs_of(costs), scores=(*before[: epoch - 1], goal.score(accuracy, costs)))
        others = [*(self._curve(record) for record in self.records), *self._curves.values()]
        self._curves[task.number] = mine
        return self.facts.stopping and hopeless(mine, others, epochs=self.facts.recipe.epochs)

    def _costs(self, spec: ArchSpec) -> Costed:
        deployed = self.facts.budget.cost(spec)
        latency = self.latency(spec)
        return Costs(macs=deployed.macs, params=deployed.params, latency_ms=latency.ms if latency else None)

    def _curve(self, record: Record) -> Curve:
        goal = self.facts.goal
        scores = tuple(goal.score(epoch.val_accuracy, record) for epoch in record.curve)
        return Curve(costs=goal.costs_of(record), scores=scores)
