"""Runs the baselines to their end, or continues them: learning rates first, then every network seed by seed."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import optuna
from optuna.storages import BaseStorage

from nas.arch import ArchSpec
from nas.duration import duration
from nas.executor import Executor
from nas.plan import UNTIL_TIME, Task, undone
from nas.record import Record
from nas.trainings import Trainings
from nas.watch import Silent, Watcher
from studies.baselines import BaselineRequest, chosen, tried
from studies.learning_rates import next_rate

FEWEST_CHECKS = 3  # learning rates a family is tried at, where none beyond them is needed


@dataclass(slots=True, kw_only=True)
class BaselineDriver:
    """Only one driver may run a study at a time; the caller holds the lock."""

    request: BaselineRequest
    executor: Executor
    storage: BaseStorage
    watch: Watcher = field(default_factory=Silent)
    measured: dict[ArchSpec, float] = field(default_factory=dict)  # seconds of one training by the study's recipe
    _trainings: Trainings = field(init=False)
    _ratio: float = field(default=1.0, init=False)  # of what trainings took to what was measured

    def __post_init__(self) -> None:
        request = self.request
        self._trainings = Trainings(
            name=request.name, facts=request.facts, executor=self.executor, storage=self.storage, watch=self.watch
        )

    def run(self) -> None:
        """Do what is not there yet."""
        main, rates = self._trainings.open("baselines"), self._trainings.open("learning_rates")
        self._trainings.say_what_was_cut_off()
        if self._anything_left():
            self.watch.say(f"about {duration(self.remaining_seconds())} from here on, by a few measured steps")
        # how many there will be is known when they are done
        self.watch.stage("learning rates", UNTIL_TIME, len(self._checks()))
        self._trainings.run(rates, "learning_rates", self._to_check(rates), after=self._learn)
        for name in self.request.families():
            if name not in self._chosen():
                at = ", ".join(f"{rate:g}" for rate in sorted(tried(self._checks())[name]))
                self.watch.say(f"{name} is left out: every training failed, at learning rates {at}")
        self._trainings.train_all(main, "baselines", self._tasks(), before=self._say, after=self._learn)

    def _to_check(self, rates: optuna.Study) -> Iterator[tuple[optuna.Trial, Task] | None]:
        """Family by family; the next rate of a family follows from what the last one gave, so that several workers
        check several families."""
        running: dict[str, int] = {}  # family → how many checks it had when its last one began
        while True:
            waiting = False
            for name in self.request.families():
                have = len(tried(self._checks()).get(name, {}))
                if running.get(name) == have:
                    waiting = True
                    continue
                task = self._next_check(name)
                if task is not None:
                    running[name] = have
                    self._say()
                    yield rates.ask(), task
                    break
            else:
                if not waiting:
                    return
                yield None

    def _checks(self) -> tuple[Record, ...]:
        return self._trainings.records("learning_rates")

    def _chosen(self) -> dict[str, float]:
        return chosen(self.request.facts.max_lrs, self._checks())

    def _next_check(self, name: str) -> Task | None:
        checks = self._checks()
        rate = next_rate(self.request.facts.max_lrs, tried(checks).get(name, {}), self.request.floor)
        return None if rate is None else self.request.check_task(name, rate, checks)

    def _tasks(self) -> list[Task]:
        return self.request.tasks(self._chosen())

    def _anything_left(self) -> bool:
        checking = any(self._next_check(name) is not None for name in self.request.families())
        return checking or bool(undone(self._tasks(), self._trainings.records("baselines")))

    # ---- how long the rest takes

    def remaining_seconds(self) -> float:
        """Expected of everything still to be done, the training that is running included."""
        facts, checks = self.request.facts, self._checks()
        table, known = tried(checks), self._chosen()
        # a family that is still being checked may get any rate; one that failed at all of them is left out
        rates = {name: known.get(name, facts.recipe.max_lr) for name in self.request.families()}
        total = 0.0
        for name in self.request.families():
            left = max(FEWEST_CHECKS - len(table.get(name, {})), int(self._next_check(name) is not None))
            total += left * self._expect(self.request.check_task(name, facts.recipe.max_lr, checks))
            if left == 0 and name not in known:
                del rates[name]
        todo = undone(self.request.tasks(rates), self._trainings.records("baselines"))
        return (total + sum(self._expect(task) for task in todo)) / self.executor.workers

    def _expect(self, task: Task) -> float:
        """Seconds of one training: by the measured steps, corrected by those that are done."""
        return self._ratio * self._by_steps(task.spec, (task.recipe or self.request.facts.recipe).epochs)

    def _by_steps(self, spec: ArchSpec, epochs: int) -> float:
        if not self.measured:
            self.watch.say("measuring a few training steps of each network, to tell how long this will take")
        if spec not in self.measured:
            wanted = list(dict.fromkeys([spec, *(reference.spec() for reference in self.request.references)]))
            self.measured.update(zip(wanted, self.executor.measure(wanted), strict=True))
        return self.measured[spec] * epochs / self.request.facts.recipe.epochs

    def _say(self) -> None:
        self.watch.remaining(self.remaining_seconds())

    def _learn(self, record: Record) -> None:
        """A training that is done tells how long others will take; so do the last ones before it."""
        if record.state != "complete":
            return
        done = [one for one in self._trainings.records() if one.state == "complete" and one.spec in self.measured]
        done = sorted(done, key=lambda one: one.started)[-8:]
        expected = sum(self._by_steps(one.spec, len(one.curve)) for one in done)
        self._ratio = sum(one.train_seconds for one in done) / expected if expected else 1.0
