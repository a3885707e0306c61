"""The baselines from Python: ``run_baselines`` does what the command does."""

from contextlib import closing
from typing import TYPE_CHECKING, Unpack

from optuna.storages import BaseStorage, InMemoryStorage

from nas.lock import only_driver
from nas.record import BaselineRecords
from nas.storage import ensure_folder, ensure_usable, open_storage, read_baselines
from nas.watch import Silent, Watcher
from studies.baselines import BaselineOptions, BaselineRequest, request_baselines

if TYPE_CHECKING:
    from nas.trial import TrainFunction
    from studies.baseline_driver import BaselineDriver


def run_baselines(
    *, watch: Watcher | None = None, train: "TrainFunction | None" = None, **options: Unpack[BaselineOptions]
) -> BaselineRecords:
    """Train the baselines; the options are those of ``request_baselines``. Continues where an earlier call stopped."""
    return execute(request_baselines(watch=watch, **options), watch=watch, train=train)


def execute(
    request: BaselineRequest, *, watch: Watcher | None = None, train: "TrainFunction | None" = None
) -> BaselineRecords:
    """Run requested baselines to their end, or continue them. Raises ``NasError``; an interruption loses nothing."""
    ensure_folder(request.runs, "--runs")
    ensure_usable(request.storage, request.name, request.facts)
    with only_driver(request.folder):
        storage = open_storage(request.storage)
        driver = _driver(request, storage, watch, train)
        with closing(driver.executor):
            driver.run()
        return read_baselines(storage, request.name)


def expected_seconds(request: BaselineRequest, *, train: "TrainFunction | None" = None) -> float:
    """How long all of it would take on this machine, from a few measured steps; nothing is written."""
    driver = _driver(request, InMemoryStorage(), None, train)
    with closing(driver.executor):
        return driver.remaining_seconds()


def _driver(
    request: BaselineRequest, storage: BaseStorage, watch: Watcher | None, train: "TrainFunction | None"
) -> "BaselineDriver":
    from nas.train import train as own_train
    from nas.trial import Trainer
    from nas.workers import executor
    from studies.baseline_driver import BaselineDriver

    trainer = Trainer(
        data=request.data,
        recipe=request.facts.recipe,
        budget=None,
        device=request.device,
        train=train or own_train,
    )
    return BaselineDriver(
        request=request,
        executor=executor(trainer, request.workers, own=train is not None),
        storage=storage,
        watch=watch or Silent(),
    )
