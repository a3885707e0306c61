"""What every executor does, one after the other in this process or several at a time in others."""

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nas import machine, workers
from nas.blocks import InvertedResidual
from nas.executor import Executor, InProcess, Job
from nas.machine import available_memory, cores
from nas.recipe import Recipe
from nas.record import Record
from nas.workers import Workers, default_workers, memory_a_worker
from tests.nas.fast import formula, network, what_counts
from tests.nas.outside import job, jobs, task, trainer

FIT = Recipe(name="fit", epochs=1, train_images=None, val_images=None, resolution=32, batch=64)


def in_process() -> Executor:
    return InProcess(trainer())


def two_workers() -> Executor:
    return Workers(trainer(), 2)


@pytest.fixture(scope="module", params=[in_process, two_workers])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    made: Executor = request.param()
    yield made
    made.close()
    made.close()


def by_number(found: Iterator[tuple[Job, Record]]) -> list[Record]:
    return sorted((record for _, record in found), key=lambda record: record.number or 0)


def test_every_job_is_done_once_and_recorded_as_in_this_process(executor: Executor) -> None:
    tasks = [task(number=number, seed=number % 2) for number in range(7)]
    found = by_number(executor.run(jobs(*tasks)))
    expected = [trainer().run(one) for one in tasks]
    assert [what_counts(one) for one in found] == [what_counts(one) for one in expected]
    assert [one.val_accuracy for one in found] == [formula(trainer().form(one.spec), one.seed) for one in tasks]


def test_a_record_is_that_of_its_job(executor: Executor) -> None:
    for done, record in executor.run(jobs(*(task(number=number) for number in range(5)))):
        assert (record.number, record.spec, record.recipe) == (done.task.number, done.task.spec, done.task.recipe)


def test_without_jobs_nothing_is_done(executor: Executor) -> None:
    assert list(executor.run(jobs())) == []


def test_a_job_is_taken_only_when_it_can_begin(executor: Executor) -> None:
    taken, done, ahead = 0, 0, []

    def asking() -> Iterator[Job | None]:
        nonlocal taken
        for number in range(6):
            taken += 1
            ahead.append(taken - done)
            yield job(task(number=number))

    for _ in executor.run(asking()):
        done += 1
    assert done == 6
    assert max(ahead) == executor.workers


def test_a_job_may_depend_on_all_that_was_yielded_before(executor: Executor) -> None:
    """``None`` says that nothing can begin before something else is done."""
    done: list[Record] = []
    asked = 0

    def asking() -> Iterator[Job | None]:
        nonlocal asked
        yield job(task(number=1))
        while not done:
            asked += 1
            yield None
        yield job(task(number=10 + (done[0].number or 0)))

    for _, record in executor.run(asking()):
        done.append(record)
    assert [record.number for record in done] == [1, 11]
    assert asked > 0 or executor.workers == 1


def test_epochs_are_told_in_order_in_this_very_thread(executor: Executor) -> None:
    here = (os.getpid(), threading.get_ident())
    told: dict[int, list[tuple[int, float]]] = {0: [], 1: [], 2: []}

    def one(number: int) -> Job:
        def report(epoch: int, accuracy: float) -> bool:
            assert (os.getpid(), threading.get_ident()) == here
            told[number].append((epoch, accuracy))
            return False

        return job(task(number=number, epochs=3), report)

    for done, record in executor.run(iter([one(number) for number in told])):
        curve = [(epoch, point.val_accuracy) for epoch, point in enumerate(record.curve, 1)]
        assert told[done.task.number or 0] == curve
        assert len(curve) == 3


def test_a_training_ends_when_its_report_says_so(executor: Executor) -> None:
    def report(epoch: int, accuracy: float) -> bool:
        return epoch == 2

    [(_, record)] = executor.run(iter([job(task(epochs=4), report)]))
    assert (record.state, len(record.curve), record.val_accuracy) == ("pruned", 2, None)


def test_what_a_report_raises_ends_the_run_and_nothing_else(executor: Executor) -> None:
    def report(epoch: int, accuracy: float) -> bool:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        list(executor.run(iter([job(task(), report)])))
    [(_, record)] = executor.run(jobs(task(number=3)))
    assert record.number == 3


def test_what_a_training_raises_comes_through(executor: Executor) -> None:
    with pytest.raises(RuntimeError, match="shapes do not match"):
        list(executor.run(jobs(task("breaks"))))
    [(_, record)] = executor.run(jobs(task(number=3)))
    assert record.number == 3


def test_a_run_may_be_left_in_the_middle(executor: Executor) -> None:
    started = executor.run(jobs(*(task(number=number) for number in range(6))))
    next(started)
    del started
    assert [record.number for record in by_number(executor.run(jobs(task(number=7), task(number=8))))] == [7, 8]


def test_measured_seconds_stand_in_the_order_of_the_networks(executor: Executor) -> None:
    short, long = task().spec, network(24, *(InvertedResidual(kernel=7, mid=96, out=24) for _ in range(6)))
    for_long, for_short = executor.measure([long, short])
    assert 0 < for_short < for_long


def test_what_was_never_begun_can_be_closed_twice() -> None:
    for make in (in_process, two_workers):
        executor = make()
        executor.close()
        executor.close()


# ---- which executor


def test_one_worker_is_this_process() -> None:
    assert isinstance(workers.executor(trainer(), 1), InProcess)
    several = workers.executor(trainer(), 3)
    assert isinstance(several, Workers)
    assert several.workers == 3


def test_as_many_as_fit_the_machine_unless_the_training_function_is_the_users_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "default_workers", lambda device, recipe: 5)
    assert workers.executor(trainer(), None).workers == 5
    assert workers.executor(trainer(), None, own=True).workers == 1
    assert workers.executor(trainer(), 2, own=True).workers == 2


def fits(monkeypatch: pytest.MonkeyPatch, device: str, count: int, memory: float | None, recipe: Recipe = FIT) -> int:
    """``memory``: in workers of the default recipe."""
    monkeypatch.setattr(workers, "cores", lambda: count)
    known = None if memory is None else int(memory * memory_a_worker(FIT))
    monkeypatch.setattr(workers, "available_memory", lambda: known)
    return default_workers(device, recipe)


def test_a_cpu_has_one_worker_a_core_and_fewer_where_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fits(monkeypatch, "cpu", 8, 100) == 8
    assert fits(monkeypatch, "cpu", 8, 3.9) == 3
    assert fits(monkeypatch, "cpu", 8, 0.1) == 1
    assert fits(monkeypatch, "cpu", 8, None) == 8  # unknown
    assert fits(monkeypatch, "cpu", 8, 8, replace(FIT, batch=2 * FIT.batch)) < 8
    assert fits(monkeypatch, "cpu", 8, 8, replace(FIT, resolution=224)) == 1


def test_anything_but_a_cpu_has_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fits(monkeypatch, "cuda", 8, 100) == 1
    assert fits(monkeypatch, "mps", 8, 100) == 1


def test_cores_are_those_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("only Linux says")
    monkeypatch.setattr(machine, "CGROUP", Path("/nowhere"))
    before = os.sched_getaffinity(0)
    assert cores() == len(before)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, before)


def test_available_memory_is_bytes_and_less_than_there_is() -> None:
    memory = available_memory()
    if memory is None:
        pytest.skip("only Linux says")
    assert 1 << 20 < memory < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("max 100000", 64), ("250000 100000", 2), ("50000 100000", 1), ("", 64), ("9900000 100000", 64)],
)
def test_a_containers_share_of_time_counts(
    quota: str, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    (tmp_path / "cpu.max").write_text(quota + "\n")
    assert cores() == expected


def test_a_containers_memory_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    whole = available_memory()
    if whole is None:
        pytest.skip("only Linux says")
    (tmp_path / "memory.current").write_text("60000000\n")
    (tmp_path / "memory.max").write_text("100000000\n")
    assert available_memory() == 40_000_000
    (tmp_path / "memory.max").write_text("50000000\n")
    assert available_memory() == 0
    (tmp_path / "memory.max").write_text("max\n")
    assert available_memory() is not None
    assert available_memory() > 100_000_000
