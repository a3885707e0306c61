"""Trainings of one run: each done once, and written into the studies of its storage as soon as it is done."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import optuna
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from nas.plan import Task, undone
from nas.record import RECORD, Record, Role, StudyFacts
from nas.storage import close_orphans, open_study, records, study_name, update_facts
from nas.trial import Trainer
from nas.watch import Watcher


@dataclass(slots=True, kw_only=True)
class Trainings:
    """Trains tasks and keeps their records, in storage and here. Only one process may do so for a run at a time."""

    name: str
    facts: StudyFacts
    trainer: Trainer
    storage: BaseStorage
    watch: Watcher
    _done: dict[Role, list[Record]] = field(default_factory=dict, init=False)
    _cut_off: int = field(default=0, init=False)

    def open(
        self,
        role: Role,
        sampler: optuna.samplers.BaseSampler | None = None,
        pruner: optuna.pruners.BasePruner | None = None,
    ) -> optuna.Study:
        """One of the run's studies, with what is done of it; trainings that were cut off are closed."""
        facts = replace(self.facts, role=role)
        study = open_study(self.storage, study_name(self.name, role), facts, sampler=sampler, pruner=pruner)
        update_facts(study, facts)
        self._cut_off += close_orphans(study)
        self._done[role] = list(records(study))
        return study

    def say_what_was_cut_off(self) -> None:
        if self._cut_off:
            plural = "s" * (self._cut_off > 1)
            self.watch.say(f"{self._cut_off} training{plural} cut off last time will be done again")

    def records(self, *roles: Role) -> tuple[Record, ...]:
        """Of these studies, in the order they were done; of all that are open without arguments."""
        return tuple(record for role in roles or self._done for record in self._done.get(role, ()))

    def train(
        self, study: optuna.Study, role: Role, trial: optuna.Trial, task: Task, *, may_stop: bool = False
    ) -> Record:
        """Train ``task`` as ``trial`` and tell the study; ``may_stop``: the study's pruner may end it early."""
        self.watch.training(task)
        epochs = (task.recipe or self.facts.recipe).epochs

        def report(epoch: int, accuracy: float) -> bool:
            trial.report(accuracy, epoch)
            self.watch.epoch(epoch, epochs, accuracy)
            return may_stop and trial.should_prune()

        record = self._same_training(task) or self.trainer.run(task, report=report)
        trial.set_user_attr(RECORD, record.to_json())
        # what people look for in a dashboard's columns
        trial.set_user_attr("network", record.key)
        trial.set_user_attr("mflops", record.macs / 1e6)
        if record.state == "complete":
            study.tell(trial, record.val_accuracy)
        else:
            study.tell(trial, state=TrialState.PRUNED if record.state == "pruned" else TrialState.FAIL)
        self._done[role].append(record)
        self.watch.trained(record)
        return record

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
        for task in todo:
            before()
            after(self.train(study, role, study.ask(), task))

    def _same_training(self, task: Task) -> Record | None:
        """The record of the same network trained alike, if there is one: a search may meet a reference."""
        for record in self.records():
            same = (record.spec, record.seed, record.fold, record.recipe) == (
                task.spec,
                task.seed,
                task.fold,
                task.recipe,
            )
            if same and record.state == "complete":
                return replace(
                    record,
                    number=task.number,
                    name=task.name,
                    title=task.title,
                    origin=task.origin,
                    choices=task.choices,
                )
        return None
