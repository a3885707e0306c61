"""Trainings of one run: each done once, and written into the studies of its storage as soon as it is done."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import optuna
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from nas.executor import Executor, Job
from nas.objectives import ACCURACY, Goal
from nas.plan import Task, undone
from nas.record import RECORD, Record, Role, StudyFacts
from nas.storage import close_orphans, open_study, records, study_name, update_facts
from nas.train import Report
from nas.watch import Watcher


@dataclass(slots=True, kw_only=True)
class Trainings:
    """Has tasks trained and keeps their records, in storage and here. Only one process may do so for a run at a time:
    whatever trains, this is where trials are asked for and told."""

    name: str
    facts: StudyFacts
    executor: Executor
    storage: BaseStorage
    watch: Watcher
    elsewhere: Callable[[Task], Record | None] = lambda task: None  # the record of the same training in another study
    _done: dict[Role, list[Record]] = field(default_factory=dict, init=False)
    _cut_off: int = field(default=0, init=False)
    _running: dict[tuple[str, int], Task] = field(default_factory=dict, init=False)  # by study's name, trial's number
    _goals: dict[Role, Goal] = field(default_factory=dict, init=False)

    def open(
        self,
        role: Role,
        sampler: optuna.samplers.BaseSampler | None = None,
        goal: Goal = ACCURACY,
    ) -> optuna.Study:
        """One of the run's studies, with what is done of it; trainings that were cut off are closed. ``goal``: what its
        trials are told."""
        facts = replace(self.facts, role=role)
        study = open_study(self.storage, study_name(self.name, role), facts, sampler=sampler, goal=goal)
        update_facts(study, facts)
        self._cut_off += close_orphans(study)
        self._done[role] = list(records(study))
        self._goals[role] = goal
        return study

    def say_what_was_cut_off(self) -> None:
        if self._cut_off:
            plural = "s" * (self._cut_off > 1)
            self.watch.say(f"{self._cut_off} training{plural} cut off last time will be done again")

    def records(self, *roles: Role) -> tuple[Record, ...]:
        """Of these studies, in the order they were done; of all that are open without arguments."""
        return tuple(record for role in roles or self._done for record in self._done.get(role, ()))

    def run(
        self,
        study: optuna.Study,
        role: Role,
        tasks: Iterator[tuple[optuna.Trial, Task] | None],
        *,
        stop: Callable[[Task, int, float], bool] = lambda task, epoch, accuracy: False,
        after: Callable[[Record], None] = lambda record: None,
    ) -> None:
        """Train all tasks, each as its trial, as many at a time as the executor has workers.

        A task is taken when it can begin (None: not yet, see ``Executor.run``); ``after`` follows each that is stored.
        ``stop``: whether a training ends early, after this epoch with this accuracy.
        """
        for job, record in self.executor.run(self._jobs(study, role, tasks, stop, after)):
            self._store(study, role, job.trial, record)
            after(record)

    def running(self, study: optuna.Study) -> set[int]:
        """Numbers of the study's trials that are being trained."""
        return {number for name, number in self._running if name == study.study_name}

    def train_all(
        self,
        study: optuna.Study,
        role: Role,
        tasks: Iterable[Task],
        *,
        before: Callable[[], None] = lambda: None,
        after: Callable[[Record], None] = lambda record: None,
    ) -> None:
        """What is not done yet, in order."""
        tasks = list(tasks)
        todo = undone(tasks, self.records(role))
        self.watch.stage(role.replace("_", " "), len(tasks), len(tasks) - len(todo))

        def trials() -> Iterator[tuple[optuna.Trial, Task]]:
            for task in todo:
                before()
                yield study.ask(), task

        self.run(study, role, trials(), after=after)

    def _jobs(
        self,
        study: optuna.Study,
        role: Role,
        tasks: Iterator[tuple[optuna.Trial, Task] | None],
        stop: Callable[[Task, int, float], bool],
        after: Callable[[Record], None],
    ) -> Iterator[Job | None]:
        for found in tasks:
            if found is None:
                yield None
                continue
            trial, task = found
            while self._twin_runs(task):
                yield None
            self._running[study.study_name, trial.number] = task
            self.watch.training(task)
            known = self._same_training(task)
            if known is None:
                yield Job(task=task, trial=trial, report=self._reporter(study, trial, task, stop))
            else:
                record = _ended_where(known, partial(stop, task))
                self._store(study, role, trial, record)
                after(record)

    def _reporter(
        self, study: optuna.Study, trial: optuna.Trial, task: Task, stop: Callable[[Task, int, float], bool]
    ) -> Report:
        epochs = (task.recipe or self.facts.recipe).epochs
        epochs_told: set[int] = set()  # a training whose worker died begins again
        one_objective = len(study.directions) == 1  # Optuna's report() raises with several

        def report(epoch: int, accuracy: float) -> bool:
            if one_objective and epoch not in epochs_told:
                trial.report(accuracy, epoch)
                epochs_told.add(epoch)
            self.watch.epoch(task, epoch, epochs, accuracy)
            return stop(task, epoch, accuracy)

        return report

    def _store(self, study: optuna.Study, role: Role, trial: optuna.Trial, record: Record) -> None:
        trial.set_user_attr(RECORD, record.to_json())
        # what people look for in a dashboard's columns
        trial.set_user_attr("network", record.key)
        trial.set_user_attr("mflops", record.macs / 1e6)
        if record.val_accuracy is not None:
            goal = self._goals[role]
            study.tell(trial, [goal.score(record.val_accuracy, record), *goal.costs_of(record)])
        else:
            study.tell(trial, state=TrialState.PRUNED if record.state == "pruned" else TrialState.FAIL)
        self._running.pop((study.study_name, trial.number), None)
        self._done[role].append(record)
        self.watch.trained(record)

    def _twin_runs(self, task: Task) -> bool:
        """Whether the same training is running already; its record will do for both."""
        return any(_training(one) == _training(task) for one in self._running.values())

    def _same_training(self, task: Task) -> Record | None:
        """The record of the same network trained alike, if there is one: a search may meet a reference."""
        for record in self.records():
            if record.state == "complete" and _training(record) == _training(task):
                return replace(
                    record,
                    number=task.number,
                    name=task.name,
                    title=task.title,
                    origin=task.origin,
                    choices=task.choices,
                )
        return self.elsewhere(task)


def _ended_where(record: Record, stops: Callable[[int, float], bool]) -> Record:
    """As this training would have ended with somebody watching its epochs who stops it early."""
    for epoch, one in enumerate(record.curve[:-1], start=1):
        if stops(epoch, one.val_accuracy):
            return replace(record, state="pruned", curve=record.curve[:epoch], weights=None)
    return record


def _training(one: Task | Record) -> tuple[object, ...]:
    """What makes two trainings of a run the same."""
    return (one.spec, one.seed, one.fold, one.recipe)
