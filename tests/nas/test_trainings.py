"""Each training once, also where several run at a time; what stands for another's is copied."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pytest
from optuna.storages import InMemoryStorage

from nas import forecast
from nas.arch import ArchSpec
from nas.errors import NasError
from nas.executor import Job
from nas.plan import Task
from nas.record import Record
from nas.trainings import Trainings
from nas.trial import Trainer
from nas.watch import Silent
from tests.nas.fast import BUDGET, RECIPE, FakeTraining, noise, study_facts
from tests.nas.outside import task


@dataclass
class TwoAtATime:
    """Begins a second job before the first is done."""

    trainer: Trainer
    workers: int = 2

    def measure(self, specs: Sequence[ArchSpec]) -> list[float]:
        return [0.0 for _ in specs]

    def run(self, jobs: Iterator[Job | None]) -> Iterator[tuple[Job, Record]]:
        running: list[Job] = []
        while True:
            while len(running) < self.workers:
                job = next(jobs, None)
                if job is None:
                    break
                running.append(job)
            if not running:
                return
            done = running.pop(0)
            yield done, self.trainer.run(done.task)

    def close(self) -> None:
        return


def trained(*tasks: Task, fail_first: bool = False) -> tuple[FakeTraining, tuple[Record, ...]]:
    def before(call: int) -> None:
        if fail_first and call == 1:
            raise MemoryError

    fake = FakeTraining(before=before)
    trainer = Trainer(data=noise(), recipe=RECIPE, budget=BUDGET, train=fake)
    trainings = Trainings(
        name="run", facts=study_facts(), executor=TwoAtATime(trainer), storage=InMemoryStorage(), watch=Silent()
    )
    trainings.train_all(trainings.open("confirmation"), "confirmation", tasks)
    return fake, trainings.records("confirmation")


def twins() -> tuple[Task, Task]:
    """One network under two names."""
    one = task(number=0)
    return one, replace(one, number=1, title="trial 1")


def test_the_same_training_is_not_begun_twice_at_the_same_time() -> None:
    fake, records = trained(*twins(), task(number=2))
    assert len(fake.calls) == 2
    assert sorted((record.number, record.title) for record in records) == [
        (0, "trial 0"),
        (1, "trial 1"),
        (2, "trial 2"),
    ]
    by_number = {record.number: record for record in records}
    assert by_number[0].curve == by_number[1].curve


def test_where_the_first_of_two_fails_the_second_is_trained() -> None:
    fake, records = trained(*twins(), fail_first=True)
    assert len(fake.calls) == 2
    assert [record.state for record in records] == ["failed", "complete"]


def test_too_little_memory_to_measure_is_an_error_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes.")

    monkeypatch.setattr(forecast, "train", full)
    trainer = Trainer(data=noise(), recipe=RECIPE, budget=BUDGET)
    with pytest.raises(NasError, match=r"out of memory on cpu while .* measured: fewer --workers"):
        forecast.measure(trainer, task().spec)


def test_other_errors_of_measuring_come_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(forecast, "train", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        forecast.measure(Trainer(data=noise(), recipe=RECIPE, budget=BUDGET), task().spec)
