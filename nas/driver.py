"""One driver a run: asks, trains, tells, and writes the storage. References, the search, its control where one is asked
for, confirmation, and longer trainings where the ranking is to be checked."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean

import optuna
from optuna.storages import BaseStorage

from nas import evidence, fronts
from nas.arch import ArchSpec
from nas.budget import Limits
from nas.cost import cost
from nas.data import FOLDS
from nas.duration import duration
from nas.executor import Executor
from nas.forecast import Forecast, between
from nas.kept import here, keep, kept
from nas.latency.limits import LatencyLimits
from nas.latency.value import Latency
from nas.plan import (
    LONGER,
    UNTIL_TIME,
    Task,
    confirmation_tasks,
    control_task,
    kept_in,
    trial_task,
    trust_tasks,
    undone,
)
from nas.record import Record, Role, SearchFacts
from nas.samplers import InsideSampler
from nas.space import Space
from nas.storage import update_facts
from nas.suggested import MakeTask, Suggested
from nas.trainings import Trainings
from nas.trial import Trainer
from nas.watch import Silent, Watcher


@dataclass(slots=True, kw_only=True)
class Driver:
    """Runs one search to its end: everything it needs is given, everything it learns is in the storage.

    Only one driver may run a study at a time; the caller holds the lock.
    """

    name: str
    facts: SearchFacts
    space: Space
    sampler: InsideSampler
    limits: Limits
    trainer: Trainer  # for the forms of networks
    executor: Executor
    references: list[Task]
    storage: BaseStorage
    forecast: Forecast | None = None  # None: measured by the executor, before the first training
    measure_anew: bool = False  # also where the same was measured here before
    watch: Watcher = field(default_factory=Silent)
    time_limit: float | None = None  # seconds for this call, all that is trained included
    weights: Path | None = None  # the folder that keeps those of confirmed networks; None: they are not kept
    latency_ms: Callable[[ArchSpec], float] | None = None  # the caller's own, in the deployed form
    _begin: float = field(default_factory=time.monotonic, init=False)
    _trainings: Trainings = field(init=False)

    def __post_init__(self) -> None:
        self._trainings = Trainings(
            name=self.name,
            facts=self.facts,
            executor=self.executor,
            storage=self.storage,
            watch=self.watch,
        )

    def run(self) -> None:
        """Do what is not there yet: references, trials up to the number asked for, as many of the control,
        confirmations, longer trainings."""
        own = self._suggested("search", self.sampler, trial_task)
        search = own.open()
        references, confirmation = self._trainings.open("references"), self._trainings.open("confirmation")
        control = self._suggested("control", self._at_random(), control_task) if self.facts.control else None
        if control is not None:
            control.open()
        trust = self._trainings.open("trust") if self.facts.trust else None
        self._trainings.say_what_was_cut_off()
        if not self._anything_left():
            return
        for record in self._records():
            self._learn(record)
        self.watch.say(f"about {duration(self.remaining_seconds())} from here on, by a few measured steps")
        self._train_all(references, "references", self.references)
        self._search(own, search)
        if control is not None:
            self._draw(control)
        self._train_all(confirmation, "confirmation", self._measured_whole(self._to_confirm()))
        if trust is not None:
            self._train_all(trust, "trust", self._to_trust())

    def _suggested(self, role: Role, sampler: InsideSampler, make_task: MakeTask) -> Suggested:
        return Suggested(
            role=role,
            sampler=sampler,
            space=self.space,
            facts=self.facts,
            trainings=self._trainings,
            make_task=make_task,
            latency=self._latency,
        )

    def _at_random(self) -> InsideSampler:
        """What ``--sampler random`` with this seed draws by."""
        facts = self.facts
        return InsideSampler(self.space, self.limits, seed=facts.seed, spread=facts.goal.weighs_cost)

    def _search(self, own: Suggested, study: optuna.Study) -> None:
        asked = self.facts.trials
        exhausted = own.train(asked, before=self._say_remaining, after=self._learn, enough=self._out_of_time)
        done = len(own.records)
        if exhausted is not None:
            self.watch.say(f"the search ends after {done} trials: {exhausted}")
        if exhausted is not None or (asked == UNTIL_TIME and done < asked):
            self._end_at(study, done)

    def _draw(self, control: Suggested) -> None:
        """As many networks as the search has tried by now, also where time is running out: with fewer it would be no
        control."""
        tried = len(self._records("search"))
        exhausted = control.train(tried, before=self._say_remaining, after=self._learn)
        if exhausted is not None:
            self.watch.say(f"the control ends after {len(control.records)} networks: {exhausted}")

    def _latency(self, spec: ArchSpec) -> Latency | None:
        """As the limits know it, or else as the caller's own function tells it."""
        known = self.limits.latency(spec)
        if known is not None or self.latency_ms is None:
            return known
        ms = self.latency_ms(spec)
        return Latency(ms, ms, ms, measured=False)

    def _end_at(self, study: optuna.Study, trials: int) -> None:
        """There will be no more trials than these: what is left of the run is planned, and told, accordingly."""
        self.facts = replace(self.facts, trials=trials)
        self._trainings.facts = self.facts
        update_facts(study, self.facts)

    def _train_all(self, study: optuna.Study, role: Role, tasks: list[Task]) -> None:
        timed = [replace(task, latency=self._latency(task.spec)) for task in tasks]
        self._trainings.train_all(study, role, timed, before=self._say_remaining, after=self._learn)

    def _say_remaining(self) -> None:
        self.watch.remaining(self.remaining_seconds())

    def _learn(self, record: Record) -> None:
        """A training that is done tells how long others will take."""
        if record.state == "complete" and record.recipe is None:
            self._forecast().observe(record.train_macs, record.train_seconds)

    def _records(self, *roles: Role) -> tuple[Record, ...]:
        return self._trainings.records(*roles)

    def _measured_whole(self, tasks: list[Task]) -> list[Task]:
        """Those that still fit when their latency is measured as a whole; nothing else wins or is compared with."""
        limits = self.limits
        if not isinstance(limits, LatencyLimits):
            return tasks
        out = set()
        for task in {task.spec: task for task in tasks}.values():
            known = limits.measured(task.spec)
            limit = self.facts.budget.latency_ms
            if known is not None and limit is not None and known.high > limit and not task.any_cost:
                self.watch.say(
                    f"{task.title} was predicted to fit and takes {known.ms:.2f} ms, up to {known.high:.2f}: out"
                )
                out.add(task.spec)
        return [task for task in tasks if task.spec not in out]

    def _to_confirm(self) -> list[Task]:
        tasks = confirmation_tasks(
            self._records("search"),
            self._records("references"),
            self.facts,
            self._records("control"),
        )
        return tasks if self.weights is None else [kept_in(self.weights, task) for task in tasks]

    def _to_trust(self) -> list[Task]:
        images = len(self.trainer.data) * (FOLDS - 1) // FOLDS
        return trust_tasks(
            self._records("search"),
            seed=self.facts.seed,
            count=self.facts.trust,
            recipe=self.facts.recipe,
            available=images,
        )

    def _anything_left(self) -> bool:
        return (
            len(self._records("search")) < self.facts.trials
            or bool(undone(self.references, self._records("references")))
            or self._control_left(0) > 0
            or bool(undone(self._to_confirm(), self._records("confirmation")))
            or bool(undone(self._to_trust(), self._records("trust")))
        )

    # ---- how long the rest takes

    def _forecast(self) -> Forecast:
        """Measured when it is first needed: a run with nothing left to do measures nothing."""
        if self.forecast is None:
            sized = sorted(
                ((cost(self.trainer.form(task.spec)).macs, task.spec) for task in self.references),
                key=lambda one: one[0],
            )
            self.forecast = between(self._measured((sized[0], sized[-1])))
        return self.forecast

    def _measured(self, networks: tuple[tuple[int, ArchSpec], ...]) -> list[tuple[int, float]]:
        """(multiply-adds, seconds of a training) of these networks, from a few steps: of now, or of an earlier start
        with the same images, recipe, machine and workers. What the first trainings take corrects either."""
        facts, workers = self.facts, self.executor.workers
        here_and_so = (
            f"{here()}, {self.trainer.device}, {workers} workers, {facts.recipe.hash}, {facts.data.fingerprint}"
        )
        names = [f"{here_and_so}, {macs} multiply-adds" for macs, _ in networks]
        known = {} if self.measure_anew else kept("forecast")
        if not all(name in known for name in names):
            self.watch.say("measuring a few training steps, to tell how long this will take")
            seconds = self.executor.measure([spec for _, spec in networks])
            known = dict(zip(names, seconds, strict=True))
            keep("forecast", known)
        return [(macs, known[name]) for (macs, _), name in zip(networks, names, strict=True)]

    def remaining_seconds(self) -> float:
        """Expected of everything still to be done, the training that is running included."""
        total = sum(self._expect(task) for task in undone(self.references, self._records("references")))
        trials = max(0, self.facts.trials - len(self._records("search")))
        total += (trials + self._control_left(trials)) * self._forecast().seconds(self._typical_macs())
        total += self._confirmation_seconds(trials) + self._trust_seconds(trials)
        total /= self.executor.workers
        if self.time_limit is not None:
            total = min(total, max(0.0, self.time_limit - self._elapsed()))
        return total

    def _control_left(self, trials_left: int) -> int:
        """Trainings of the control that are missing once this many more trials are done."""
        if not self.facts.control:
            return 0
        return max(0, len(self._records("search")) + trials_left - len(self._records("control")))

    def _confirmation_seconds(self, trials_left: int) -> float:
        if trials_left == 0 and self._control_left(0) == 0:
            return sum(self._expect(task) for task in undone(self._to_confirm(), self._records("confirmation")))
        at_cost = sum(not task.any_cost for task in self.references)
        several = self.facts.goal.several
        own = fronts.CONFIRMED if several else evidence.FINALISTS + 1  # and the best random draw
        drawn = (fronts.CONFIRMED if several else evidence.FINALISTS) if self.facts.control else 0
        networks = own + drawn + at_cost
        return self.facts.confirm * networks * self._forecast().seconds(self._typical_macs())

    def _trust_seconds(self, trials_left: int) -> float:
        if trials_left == 0:
            return LONGER * sum(self._expect(task) for task in undone(self._to_trust(), self._records("trust")))
        return LONGER * self.facts.trust * self._forecast().seconds(self._typical_macs())

    def _out_of_time(self) -> bool:
        """Whether one more trial would leave too little time for what follows the search."""
        if self.time_limit is None:
            return False
        following = (self._confirmation_seconds(1) + self._trust_seconds(1)) / self.executor.workers
        one = self._forecast().seconds(self._typical_macs())
        following += self._control_left(1) * one / self.executor.workers
        needed = one + following
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
