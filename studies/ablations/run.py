"""Ablations from Python: ``run_ablation`` does what the command does."""

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from optuna.storages import BaseStorage, InMemoryStorage

from nas.lock import only_driver
from nas.record import AblationRecords
from nas.storage import ensure_folder, ensure_usable, open_existing, open_storage, read_ablation, study_names
from nas.watch import Silent, Watcher
from studies.ablation import Ablation
from studies.ablations.latency import latencies
from studies.ablations.past import Elsewhere, is_there, trained_elsewhere
from studies.ablations.request import AblationOptions, AblationRequest, request_ablation

if TYPE_CHECKING:
    from nas.trial import TrainFunction
    from studies.ablations.driver import AblationDriver


def run_ablation(
    name: str | Ablation | None = None,
    *,
    watch: Watcher | None = None,
    train: "TrainFunction | None" = None,
    **options: Unpack[AblationOptions],
) -> AblationRecords:
    """Run an ablation; the options are those of ``request_ablation``. Continues where an earlier call stopped."""
    return execute(request_ablation(name, watch=watch, **options), watch=watch, train=train)


def execute(
    request: AblationRequest, *, watch: Watcher | None = None, train: "TrainFunction | None" = None
) -> AblationRecords:
    """Run a requested ablation to its end, or continue it. Raises ``NasError``; an interruption loses nothing."""
    ensure_folder(request.runs, "--runs")
    ensure_usable(request.storage, request.name, request.facts)
    with only_driver(request.folder):
        storage = open_storage(request.storage)
        request = replace(request, facts=latencies(request, watch or Silent()))
        driver = make_driver(request, storage, beside=storage, watch=watch, train=train)
        with closing(driver.executor):
            driver.run()
        return read_ablation(storage, request.name)


def make_driver(
    request: AblationRequest,
    storage: BaseStorage,
    *,
    beside: BaseStorage | None,
    watch: Watcher | None = None,
    train: "TrainFunction | None" = None,
) -> "AblationDriver":
    """``beside``: the storage whose other studies may have made the same trainings; what a function of the caller's own
    trains is trained anew."""
    from nas.train import train as own_train
    from nas.trial import Trainer, device_name
    from nas.workers import executor
    from studies.ablations.driver import AblationDriver

    facts = request.facts
    trainer = Trainer(
        data=request.data, recipe=facts.recipe, budget=None, device=request.device, train=train or own_train
    )
    elsewhere: Elsewhere = lambda task: None  # noqa: E731
    if beside is not None and train is None:
        elsewhere = trained_elsewhere(
            beside,
            request.name,
            fingerprint=facts.data.fingerprint,
            recipes=[facts.recipe, *([facts.long] if facts.long else [])],
            device=device_name(request.device),
        )
    return AblationDriver(
        request=request,
        executor=executor(trainer, request.workers, own=train is not None),
        storage=storage,
        elsewhere=elsewhere,
        watch=watch or Silent(),
    )


def dry_driver(request: AblationRequest, *, train: "TrainFunction | None" = None) -> "AblationDriver":
    """A driver that knows what is there already and writes nothing."""
    there = open_existing(request.storage) if is_there(request.storage) else None
    driver = make_driver(request, InMemoryStorage(), beside=there, train=train)
    if there is not None and request.name in study_names(there, "ablation"):
        driver.known = read_ablation(there, request.name)
    return driver
