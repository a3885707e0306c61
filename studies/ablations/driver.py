"""Runs an ablation to its end, or continues it: learning rates where they are asked for, then every network seed by
seed, short and long."""

from dataclasses import dataclass, field, replace

import optuna
from optuna.storages import BaseStorage

from nas.ablation_evidence import settled
from nas.cost import cost
from nas.duration import duration
from nas.errors import StorageError
from nas.executor import Executor
from nas.forecast import Forecast, between
from nas.plan import Task, undone
from nas.record import AblationFacts, AblationRecords, Record, Role
from nas.storage import update_facts
from nas.trainings import Trainings
from nas.watch import Silent, Watcher
from studies.ablations.past import Elsewhere, continued, past_in
from studies.ablations.request import AblationRequest


@dataclass(slots=True, kw_only=True)
class AblationDriver:
    """Only one driver may run a study at a time; the caller holds the lock."""

    request: AblationRequest
    executor: Executor
    storage: BaseStorage
    elsewhere: Elsewhere = lambda task: None  # the record of the same training in another study
    watch: Watcher = field(default_factory=Silent)
    forecast: Forecast | None = None  # of short trainings; None: measured by the executor, before the first one
    known: AblationRecords | None = None  # what is done, where this driver only tells what is left
    facts: AblationFacts = field(init=False)
    _trainings: Trainings = field(init=False)

    def __post_init__(self) -> None:
        self.facts = continued(self.request.facts, past_in(self.storage, self.request.name))
        self._trainings = Trainings(
            name=self.request.name,
            facts=self.facts,
            executor=self.executor,
            storage=self.storage,
            watch=self.watch,
            elsewhere=self.elsewhere,
        )

    @property
    def looks(self) -> tuple[int, ...]:
        """Numbers of seeds, one after the other; it ends at the last one, or where everything is settled."""
        return self.facts.looks or (self.facts.seeds,)

    def run(self) -> None:
        """Do what is not there yet, look by look."""
        short = self._trainings.open("ablation")
        longer = self._trainings.open("longer") if self.facts.long else None
        rates = self._trainings.open("learning_rates") if self.request.check_lr else None
        self._refuse_other_networks()
        self._trainings.say_what_was_cut_off()
        if self.to_train():
            self.watch.say(f"about {duration(self.remaining_seconds())} from here on, by a few measured steps")
        if rates is not None:
            self._train(rates, "learning_rates", self.request.check_tasks())
        seen = self._seen()
        for seeds in self.looks:
            if seeds < seen:
                continue  # that look is over
            self._update(short, replace(self.facts, seeds=seeds))  # for whoever reads meanwhile
            self._train(short, "ablation", self.request.tasks(seeds))
            if longer is not None:
                self._train(longer, "longer", self.request.tasks(seeds, self.facts.long))
            if seeds not in self.facts.looked:
                self._update(short, replace(self.facts, looked=(*self.facts.looked, seeds)))
            if self.facts.looks and settled(self._records()):
                break
        reused = {record.source for record in self._trainings.records() if record.source}
        if reused:
            count = sum(record.source is not None for record in self._trainings.records())
            self.watch.say(f"{count} trainings are those of {', '.join(sorted(reused))}")

    def _train(self, study: optuna.Study, role: Role, tasks: list[Task]) -> None:
        self._trainings.train_all(study, role, tasks, before=self._say, after=self._learn)

    def _update(self, study: optuna.Study, facts: AblationFacts) -> None:
        self.facts = self._trainings.facts = facts
        update_facts(study, facts)

    def _records(self) -> AblationRecords:
        known = self._trainings.records
        return AblationRecords(name=self.request.name, facts=self.facts, short=known("ablation"), long=known("longer"))

    def _refuse_other_networks(self) -> None:
        """Raises ``StorageError`` where a name stood for another network when it was trained."""
        now = {network.name: network.spec for network in self.request.networks}
        for record in self._trainings.records("ablation"):
            if now.get(record.key, record.spec) != record.spec:
                raise StorageError(
                    f"study {self.request.name}: {record.key!r} was another network when it was trained; give it "
                    "another name, or choose another --study name"
                )

    # ---- how long the rest takes

    def to_train(self) -> list[Task]:
        """What is neither done here nor in another study; of the looks, until the next one."""
        return [task for task in self._undone() if self.elsewhere(task) is None]

    def reusable(self) -> list[Task]:
        """What another study has done already."""
        return [task for task in self._undone() if self.elsewhere(task) is not None]

    def _undone(self) -> list[Task]:
        wanted: list[tuple[Role, list[Task]]] = [("ablation", self.request.tasks(self._next_look()))]
        if self.facts.long is not None:
            wanted.append(("longer", self.request.tasks(self._next_look(), self.facts.long)))
        if self.request.check_lr:
            wanted.append(("learning_rates", self.request.check_tasks()))
        return [task for role, tasks in wanted for task in undone(tasks, self._done(role))]

    def _done(self, role: Role) -> tuple[Record, ...]:
        if self.known is None:
            return self._trainings.records(role)
        return {"ablation": self.known.short, "longer": self.known.long, "learning_rates": self.known.rates}[role]

    def _next_look(self) -> int:
        """Seeds of the first look that is not over."""
        return next((seeds for seeds in self.looks if seeds > self._seen()), self.looks[-1])

    def _seen(self) -> int:
        """Seeds of the last look that is over, of those that there are."""
        return max((seeds for seeds in self.facts.looked if seeds in self.facts.looks), default=0)

    def remaining_seconds(self) -> float:
        """Expected of everything still to be done, the trainings that are running included."""
        return sum(self._expect(task) for task in self.to_train()) / self.executor.workers

    def _expect(self, task: Task) -> float:
        epochs = (task.recipe or self.facts.recipe).epochs
        return self._measured().seconds(self._macs(task)) * epochs / self.facts.recipe.epochs

    def _measured(self) -> Forecast:
        """A line through the cheapest network and the dearest, corrected by the trainings that are done."""
        if self.forecast is None:
            self.watch.say("measuring a few training steps, to tell how long this will take")
            tasks = sorted(self.request.tasks(1), key=self._macs)
            ends = [tasks[0], tasks[-1]]
            seconds = self.executor.measure([task.spec for task in ends])
            self.forecast = between([(self._macs(task), one) for task, one in zip(ends, seconds, strict=True)])
            for record in self._trainings.records():
                self._learn(record)
        return self.forecast

    def _macs(self, task: Task) -> int:
        recipe, data = self.facts.recipe, self.facts.data
        return cost(task.spec.trained_on(resolution=recipe.resolution, classes=data.classes)).macs

    def _say(self) -> None:
        self.watch.remaining(self.remaining_seconds())

    def _learn(self, record: Record) -> None:
        """A training that is done here tells how long others will take."""
        if self.forecast is not None and record.state == "complete" and record.source is None:
            seconds = record.train_seconds * self.facts.recipe.epochs / len(record.curve)
            self.forecast.observe(record.train_macs, seconds)
