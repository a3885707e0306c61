"""Runs the baselines to their end, or continues them: learning rates first, then every network seed by seed."""

from dataclasses import dataclass, field

from optuna.storages import BaseStorage

from nas.duration import duration
from nas.forecast import measure
from nas.plan import Task, undone
from nas.record import Record
from nas.trainings import Trainings
from nas.trial import Trainer
from nas.watch import Silent, Watcher
from studies.baselines import BaselineRequest, chosen, tried
from studies.learning_rates import next_rate

FEWEST_CHECKS = 3  # learning rates a family is tried at, where none beyond them is needed


@dataclass(slots=True, kw_only=True)
class BaselineDriver:
    """Only one driver may run a study at a time; the caller holds the lock."""

    request: BaselineRequest
    trainer: Trainer
    storage: BaseStorage
    watch: Watcher = field(default_factory=Silent)
    seconds: dict[str, float] | None = None  # of one training of each network; None: measured when first needed
    _trainings: Trainings = field(init=False)
    _ratio: float = field(default=1.0, init=False)  # of what trainings took to what was expected

    def __post_init__(self) -> None:
        request = self.request
        self._trainings = Trainings(
            name=request.name, facts=request.facts, trainer=self.trainer, storage=self.storage, watch=self.watch
        )

    def run(self) -> None:
        """Do what is not there yet."""
        main, rates = self._trainings.open("baselines"), self._trainings.open("learning_rates")
        self._trainings.say_what_was_cut_off()
        if self._anything_left():
            self.watch.say(f"about {duration(self.remaining_seconds())} from here on, by a few measured steps")
        for name in self.request.families():
            while (task := self._next_check(name)) is not None:
                self._trainings.train_all(rates, "learning_rates", [task], before=self._say, after=self._learn)
            if name not in self._chosen():
                self.watch.say(f"{name}: every training failed at {sorted(tried(self._checks())[name])}; left out")
        self._trainings.train_all(main, "baselines", self._tasks(), before=self._say, after=self._learn)

    def _checks(self) -> tuple[Record, ...]:
        return self._trainings.records("learning_rates")

    def _chosen(self) -> dict[str, float]:
        return chosen(self.request.facts.max_lrs, self._checks())

    def _next_check(self, name: str) -> Task | None:
        rate = next_rate(self.request.facts.max_lrs, tried(self._checks()).get(name, {}))
        return None if rate is None else self.request.check_task(name, rate)

    def _tasks(self) -> list[Task]:
        return self.request.tasks(self._chosen())

    def _anything_left(self) -> bool:
        checking = any(self._next_check(name) is not None for name in self.request.families())
        return checking or bool(undone(self._tasks(), self._trainings.records("baselines")))

    # ---- how long the rest takes

    def remaining_seconds(self) -> float:
        """Expected of everything still to be done, the training that is running included."""
        facts, done = self.request.facts, self._trainings.records("baselines")
        any_rate = dict.fromkeys(self.request.families(), facts.recipe.max_lr)
        total = sum(self._expect(task) for task in undone(self.request.tasks(any_rate), done))
        for name in self.request.families():
            checked = len(tried(self._checks()).get(name, {}))
            left = max(FEWEST_CHECKS - checked, int(self._next_check(name) is not None))
            total += left * self._expect(self.request.check_task(name, facts.recipe.max_lr))
        return total

    def _expect(self, task: Task) -> float:
        """Seconds of one training: measured on a few steps, corrected by those that are done."""
        if self.seconds is None:
            self.watch.say("measuring a few training steps of each network, to tell how long this will take")
            self.seconds = {one.title: measure(self.trainer, one.spec()) for one in self.request.references}
        epochs = (task.recipe or self.request.facts.recipe).epochs
        title = task.title.partition(" at ")[0]
        return self.seconds[title] * epochs / self.request.facts.recipe.epochs * self._ratio

    def _say(self) -> None:
        self.watch.remaining(self.remaining_seconds())

    def _learn(self, record: Record) -> None:
        if record.state != "complete":
            return
        done = [one for one in self._trainings.records() if one.state == "complete"][-8:]
        self._ratio = 1.0
        expected = sum(self._expect(_as_task(one)) for one in done)
        self._ratio = sum(one.train_seconds for one in done) / expected if expected else 1.0


def _as_task(record: Record) -> Task:
    return Task(
        spec=record.spec,
        name=record.name,
        title=record.title,
        origin=record.origin,
        seed=record.seed,
        fold=record.fold,
        recipe=record.recipe,
    )
