"""The Python interface: ``run_search`` does what the command does, ``Run`` reads what was left behind."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from optuna.storages import BaseStorage, InMemoryStorage

from nas import evidence, front_evidence
from nas.arch import ArchSpec
from nas.latency.limits import LatencyLimits
from nas.lock import only_driver
from nas.plan import WEIGHTS
from nas.record import Record, RunRecords
from nas.references import reference_tasks
from nas.request import RUNS, Request, SearchOptions, request_search
from nas.samplers import InsideSampler
from nas.space import Space
from nas.storage import default_url, ensure_folder, ensure_usable, open_existing, open_storage, read_run
from nas.watch import Silent, Watcher
from reports import write
from reports.tables import networks_csv
from search_spaces import held_against

if TYPE_CHECKING:
    import pandas as pd

    from nas.driver import Driver
    from nas.model import Network
    from nas.trial import TrainFunction


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One network of a run, with what is known of it."""

    record: Record
    confirmed: evidence.Confirmed | None

    @property
    def spec(self) -> ArchSpec:
        return self.record.spec

    def build(self, *, seed: int = 0) -> "Network":
        """The network as published (224 px, 1000 classes unless the space says otherwise), freshly initialised."""
        from nas.model import build

        return build(self.spec, seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a search left behind, finished or not."""

    records: RunRecords
    folder: Path

    @classmethod
    def load(cls, name: str, *, runs: Path | str = RUNS, storage: str | None = None) -> "Run":
        """A run by its study's name. Raises ``StorageError`` if there is none."""
        url = storage or default_url(Path(runs))
        return cls(records=read_run(open_existing(url), name), folder=Path(runs) / name)

    @property
    def name(self) -> str:
        return self.records.name

    @property
    def best(self) -> Found | None:
        """The finalist with the best confirmed accuracy; None for a demonstration, or before there is one."""
        record = evidence.winner(self.records)
        return None if record is None else self._found(record)

    @property
    def front(self) -> list[Found]:
        """With several objectives the networks that no other beats by the search's own scores, cheapest first."""
        return [self._found(member.record) for member in front_evidence.members(self.records)]

    @property
    def trials(self) -> list[Found]:
        """The search's own networks, by number."""
        return [self._found(record) for record in self.records.trials]

    @property
    def references(self) -> list[Found]:
        return [self._found(record) for record in self.records.references]

    @property
    def control(self) -> list[Found]:
        """The networks drawn at random beside the search, by number; none without a control."""
        return [self._found(record) for record in self.records.control]

    def _found(self, record: Record) -> Found:
        means = evidence.confirmed(evidence.scores(self.records.confirmations))
        return Found(record=record, confirmed=means.get(record.key))

    def dataframe(self) -> "pd.DataFrame":
        """One row a network, best first: the columns of the report's CSV."""
        from io import StringIO

        import pandas as pd

        return pd.read_csv(StringIO(networks_csv(self.records)))

    def report(self) -> Path:
        """Write the report and return its page."""
        return write(self.records, self.folder / "report")


def ensure_ready(request: Request) -> None:
    """Raises ``NasError`` where this search could not be begun or continued in its place; nothing is written."""
    ensure_folder(request.runs, "--runs")
    ensure_usable(request.storage, request.name, request.facts)


def execute(
    request: Request,
    *,
    watch: Watcher | None = None,
    time_limit: float | None = None,
    train: "TrainFunction | None" = None,
) -> Run:
    """Run a requested search to its end, or continue it. Raises ``NasError``; ``KeyboardInterrupt`` loses nothing.

    ``time_limit``: seconds for this call; trials stop early enough to confirm the best.
    """
    watch = watch or Silent()
    ensure_ready(request)
    with only_driver(request.folder):
        storage = open_storage(request.storage)
        driver = _driver(request, storage, watch=watch, time_limit=time_limit, train=train)
        with closing(driver.executor):
            driver.run()
        return Run(records=read_run(storage, request.name), folder=request.folder)


def expected_seconds(request: Request, *, train: "TrainFunction | None" = None) -> float:
    """How long the whole run would take on this machine, from a few steps measured now; nothing is written but
    these."""
    driver = _driver(request, InMemoryStorage(), train=train)
    driver.measure_anew = True
    with closing(driver.executor):
        return driver.remaining_seconds()


def _driver(
    request: Request,
    storage: BaseStorage,
    *,
    watch: Watcher | None = None,
    time_limit: float | None = None,
    train: "TrainFunction | None" = None,
) -> "Driver":
    from nas.driver import Driver
    from nas.train import train as own_train
    from nas.trial import Trainer
    from nas.workers import executor

    facts = request.facts
    trainer = Trainer(
        data=request.data,
        recipe=facts.recipe,
        budget=facts.budget,
        device=request.device,
        train=train or own_train,
    )
    published, own = held_against(facts.space)
    limits = request.limits
    trainings = executor(trainer, request.workers, own=train is not None)
    if isinstance(limits, LatencyLimits):
        limits.quiet = trainings.paused
    references = reference_tasks(
        published,
        request.space,
        limits,
        seed=facts.seed,
        scaled_only=own,
        curve_of="mobilenet_v3_small" if facts.goal.several else None,
    )
    return Driver(
        name=request.name,
        facts=facts,
        space=request.space,
        sampler=InsideSampler(
            request.space,
            limits,
            seed=facts.seed,
            make_inner=request.make_inner,
            name=facts.sampler,
            spread=facts.goal.weighs_cost,
        ),
        limits=limits,
        trainer=trainer,
        executor=trainings,
        references=references,
        storage=storage,
        watch=watch or Silent(),
        time_limit=time_limit,
        weights=(request.folder / WEIGHTS).absolute(),  # workers may be anywhere
        latency_ms=request.latency_ms,
    )


def run_search(
    space: str | Space = "mobilenet_v3",
    *,
    watch: Watcher | None = None,
    time_limit: float | None = None,
    train: "TrainFunction | None" = None,
    **options: Unpack[SearchOptions],
) -> Run:
    """Search ``space`` under a budget; the options are those of ``request_search``. Continues where an earlier call
    stopped. ``train`` is a training function of your own (``nas.train.train`` shows the form)."""
    request = request_search(space, watch=watch, **options)
    return execute(request, watch=watch, time_limit=time_limit, train=train)
