"""One driver a run: asks, trains, tells, and writes the storage. References, then the search, then confirmation."""

import time
from dataclasses import dataclass, field, replace
from statistics import fmean

import optuna
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from nas import evidence, forecast
from nas.cost import cost
from nas.duration import duration
from nas.errors import SpaceExhausted
from nas.forecast import Forecast
from nas.plan import UNTIL_TIME, Task, confirmation_tasks, trial_task, undone
from nas.record import RECORD, Record, Role, StudyFacts
from nas.samplers import InsideSampler
from nas.space import Space, explore, from_trial
from nas.storage import close_orphans, counted, open_study, records, study_name, update_facts
from nas.trial import Trainer
from nas.watch import Silent, Watcher

EARLY_STOPPING_FROM = 6  # epochs; curves of shorter trainings cross too often to be judged by their beginning


@dataclass(slots=True, kw_only=True)
class Driver:
    """Runs one search to its end: everything it needs is given, everything it learns is in the storage.

    Only one driver may run a study at a time; the caller holds the lock.
    """

    name: str
    facts: StudyFacts
    space: Space
    sampler: InsideSampler
    trainer: Trainer
    references: list[Task]
    storage: BaseStorage
    forecast: Forecast | None = None  # None: measured here, before the first training
    watch: Watcher = field(default_factory=Silent)
    time_limit: float | None = None  # seconds for this call, references and confirmation included
    _begin: float = field(default_factory=time.monotonic, init=False)
    _done: dict[Role, list[Record]] = field(default_factory=dict, init=False)

    def run(self) -> None:
        """Do what is not there yet: references, trials up to the number asked for, confirmations."""
        search = self._open("search", self.sampler, self._pruner())
        references, confirmation = self._open("references"), self._open("confirmation")
        cut_off = sum(close_orphans(study) for study in (search, references, confirmation))
        if cut_off:
            self.watch.say(f"{cut_off} training{'s' * (cut_off > 1)} cut off last time will be done again")
        self._done = {
            "search": list(records(search)),
            "references": list(records(references)),
            "confirmation": list(records(confirmation)),
        }
        if not self._anything_left():
            return
        for record in (*self._done["references"], *self._done["search"], *self._done["confirmation"]):
            if record.state == "complete":
                self._forecast().observe(record.train_macs, record.train_seconds)
        self.watch.say(f"about {duration(self.remaining_seconds())} from here on, by a few measured steps")
        self._train_all(references, "references", self.references)
        self._search(search)
        self._train_all(confirmation, "confirmation", self._to_confirm())

    def _open(
        self,
        role: Role,
        sampler: optuna.samplers.BaseSampler | None = None,
        pruner: optuna.pruners.BasePruner | None = None,
    ) -> optuna.Study:
        facts = replace(self.facts, role=role)
        study = open_study(self.storage, study_name(self.name, role), facts, sampler=sampler, pruner=pruner)
        update_facts(study, facts)
        return study

    def _pruner(self) -> optuna.pruners.BasePruner:
        """Stops a training that is below the median of earlier ones at the same epoch, after a third of its epochs."""
        epochs = self.facts.recipe.epochs
        if epochs < EARLY_STOPPING_FROM:
            return optuna.pruners.NopPruner()
        return optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=epochs // 3)

    def _search(self, study: optuna.Study) -> None:
        done = len(counted(study))
        self.watch.stage("search", self.facts.trials, min(done, self.facts.trials))
        while done < self.facts.trials:
            if self._out_of_time():
                if self.facts.trials == UNTIL_TIME:
                    self._end_at(study, done)
                return
            try:
                trial = study.ask()
                choices, spec = explore(self.space, from_trial(trial))
            except SpaceExhausted as error:
                close_orphans(study)  # the trial that had just begun
                self.watch.say(f"the search ends after {done} trials: {error}")
                self._end_at(study, done)
                return
            origin = self.sampler.origins[trial.number]
            self._train(study, "search", trial, trial_task(done, spec, choices, origin, seed=self.facts.seed))
            done += 1

    def _end_at(self, study: optuna.Study, trials: int) -> None:
        """There will be no more trials than these: what is left of the run is planned, and told, accordingly."""
        self.facts = replace(self.facts, trials=trials)
        update_facts(study, self.facts)

    def _train_all(self, study: optuna.Study, role: Role, tasks: list[Task]) -> None:
        todo = undone(tasks, self._records(role))
        self.watch.stage(role, len(tasks), len(tasks) - len(todo))
        for task in todo:
            self._train(study, role, study.ask(), task)

    def _train(self, study: optuna.Study, role: Role, trial: optuna.Trial, task: Task) -> None:
        self.watch.training(task)
        self.watch.remaining(self.remaining_seconds())

        def report(epoch: int, accuracy: float) -> bool:
            trial.report(accuracy, epoch)
            self.watch.epoch(epoch, self.facts.recipe.epochs, accuracy)
            return role == "search" and trial.should_prune()

        record = self._same_training(task) or self.trainer.run(task, report=report)
        trial.set_user_attr(RECORD, record.to_json())
        # what people look for in a dashboard's columns
        trial.set_user_attr("network", record.key)
        trial.set_user_attr("mflops", record.macs / 1e6)
        if record.state == "complete":
            study.tell(trial, record.val_accuracy)
            self._forecast().observe(record.train_macs, record.train_seconds)
        else:
            study.tell(trial, state=TrialState.PRUNED if record.state == "pruned" else TrialState.FAIL)
        self._done[role].append(record)
        self.watch.trained(record)

    def _same_training(self, task: Task) -> Record | None:
        """The record of the same network with the same seed, if there is one: a search may meet a reference."""
        for record in (one for done in self._done.values() for one in done):
            same = (record.spec, record.seed, record.fold) == (task.spec, task.seed, task.fold)
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

    def _records(self, role: Role) -> tuple[Record, ...]:
        return tuple(self._done.get(role, ()))

    def _to_confirm(self) -> list[Task]:
        return confirmation_tasks(
            self._records("search"),
            self._records("references"),
            seed=self.facts.seed,
            confirm=self.facts.confirm,
        )

    def _anything_left(self) -> bool:
        return (
            len(self._done["search"]) < self.facts.trials
            or bool(undone(self.references, self._records("references")))
            or bool(undone(self._to_confirm(), self._records("confirmation")))
        )

    # ---- how long the rest takes

    def _forecast(self) -> Forecast:
        """Measured when it is first needed: a run with nothing left to do measures nothing."""
        if self.forecast is None:
            self.watch.say("measuring a few training steps, to tell how long this will take")
            self.forecast = forecast.probe(self.trainer, [task.spec for task in self.references])
        return self.forecast

    def remaining_seconds(self) -> float:
        """Expected of everything still to be done, the training that is running included."""
        total = sum(self._expect(task) for task in undone(self.references, self._records("references")))
        trials = max(0, self.facts.trials - len(self._records("search")))
        total += trials * self._forecast().seconds(self._typical_macs())
        total += self._confirmation_seconds(trials)
        if self.time_limit is not None:
            total = min(total, max(0.0, self.time_limit - self._elapsed()))
        return total

    def _confirmation_seconds(self, trials_left: int) -> float:
        if trials_left == 0:
            return sum(self._expect(task) for task in undone(self._to_confirm(), self._records("confirmation")))
        at_cost = sum(not task.any_cost for task in self.references)
        networks = evidence.FINALISTS + at_cost + 1  # and the best random draw
        return self.facts.confirm * networks * self._forecast().seconds(self._typical_macs())

    def _out_of_time(self) -> bool:
        """Whether one more trial would leave too little time to confirm."""
        if self.time_limit is None:
            return False
        needed = self._forecast().seconds(self._typical_macs()) + self._confirmation_seconds(1)
        return self._elapsed() + needed > self.time_limit

    def _expect(self, task: Task) -> float:
        return self._forecast().seconds(cost(self.trainer.form(task.spec)).macs)

    def _typical_macs(self) -> float:
        """Of one of the search's trials, in the trained form; before the first, of the references at the same cost."""
        known = [record.train_macs for record in self._records("search")]
        if not known:
            known = [cost(self.trainer.form(task.spec)).macs for task in self.references if not task.any_cost]
        return fmean(known) if known else 0.0

    def _elapsed(self) -> float:
        return time.monotonic() - self._begin
