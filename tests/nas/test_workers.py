"""Trainings in other processes: several at once, and nothing lost or left behind whatever dies."""

import json
import os
import signal
import subprocess
import sys
import types
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import TrialState

from nas import workers
from nas.data import ImageSet
from nas.errors import NasError
from nas.executor import InProcess, Job
from nas.plan import Task
from nas.record import Record
from nas.storage import counted, open_storage, read_run, records
from nas.train import Result
from nas.trial import Trainer
from nas.watch import Silent
from nas.weights_file import read_about
from nas.workers import ALONE, Workers, ensure_importable
from tests.nas import outside
from tests.nas.fast import (
    BUDGET,
    RECIPE,
    FakeTraining,
    Log,
    driver,
    environment,
    four_networks,
    noise,
    study_facts,
    table,
    what_counts,
)
from tests.nas.outside import alive, ended, job, jobs, task, trainer, wait_for

LINUX = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux tells what a process maps")


@pytest.fixture(scope="module")
def crew() -> Iterator[Workers]:
    """Two workers, shared, for to begin one takes seconds."""
    with closing(Workers(trainer(), 2)) as executor:
        yield executor


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'nas.db'}"


def pids(executor: Workers) -> list[int]:
    return [worker.process.pid for worker in executor._crew]


def one(found: Iterator[tuple[Job, Record]]) -> Record:
    [(_, record)] = found
    return record


def told(executor: Workers, *files: Path) -> list[SimpleNamespace]:
    """What workers tell of themselves, as many as there are files; all are asked before one has answered."""
    list(executor.run(jobs(*(task("tells", file, number=number) for number, file in enumerate(files)))))
    return [SimpleNamespace(**json.loads(file.read_text())) for file in files]


# ---- at once


def test_two_trainings_run_at_the_same_time(crew: Workers, tmp_path: Path) -> None:
    found = crew.run(jobs(task("meets", tmp_path, seed=0), task("meets", tmp_path, seed=1)))
    assert [record.state for _, record in found] == ["complete", "complete"]


def test_each_worker_is_another_process_with_one_thread(crew: Workers, tmp_path: Path) -> None:
    assert one(crew.run(jobs(task()))).device == "cpu, 1 thread"
    found = told(crew, tmp_path / "one", tmp_path / "other")
    assert [worker.threads for worker in found] == [1, 1]
    assert sorted(worker.pid for worker in found) == sorted(pids(crew))
    assert os.getpid() not in pids(crew)


def test_workers_are_kept_and_are_no_more_than_asked_for(crew: Workers) -> None:
    list(crew.run(jobs(task(number=0), task(number=1))))
    before = pids(crew)
    assert len(before) == 2
    list(crew.run(jobs(*(task(number=number) for number in range(8)))))
    assert pids(crew) == before


def test_a_worker_leaves_the_trained_weights_where_the_task_wants_them(crew: Workers, tmp_path: Path) -> None:
    file = tmp_path / "weights" / "trial-0.safetensors"
    record = one(crew.run(jobs(replace(task(), weights=file))))
    assert record.weights == "weights/trial-0.safetensors"
    about = read_about(file)
    assert about is not None
    assert (about.name, about.val_accuracy) == ("trial 0", record.val_accuracy)


def test_what_can_never_begin_is_an_error_and_does_not_wait_for_ever(crew: Workers) -> None:
    with pytest.raises(RuntimeError, match="nothing can begin"):
        list(crew.run(iter([None])))


# ---- while something is measured


@LINUX
def test_workers_stand_still_while_they_are_paused_and_go_on_after(crew: Workers) -> None:
    def states() -> set[str]:
        stats = [Path(f"/proc/{pid}/stat").read_text() for pid in pids(crew)]
        return {stat.rpartition(")")[2].split()[0] for stat in stats}

    list(crew.run(jobs(task(number=0), task(number=1))))
    assert len(pids(crew)) == 2
    before = pids(crew)
    with suppress(KeyboardInterrupt), crew.paused():  # whatever happens meanwhile
        wait_for(lambda: states() == {"T"}, 10)
        raise KeyboardInterrupt
    wait_for(lambda: "T" not in states(), 10)
    assert one(crew.run(jobs(task()))).state == "complete"
    assert pids(crew) == before


def test_where_a_process_cannot_be_stopped_workers_go_on(crew: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(signal, "SIGSTOP")
    with crew.paused():
        assert one(crew.run(jobs(task()))).state == "complete"


# ---- deaths


def test_a_worker_that_dies_costs_its_attempt_only(crew: Workers, tmp_path: Path) -> None:
    epochs: list[int] = []

    def report(epoch: int, accuracy: float) -> bool:
        epochs.append(epoch)
        return False

    dying = job(task("dies_once", tmp_path / "died", number=5), report)
    found = {record.number: record for _, record in crew.run(iter([dying, job(task(number=6))]))}
    assert (tmp_path / "died").exists()
    assert {number: record.state for number, record in found.items()} == {5: "complete", 6: "complete"}
    assert what_counts(found[5]) == what_counts(trainer().run(dying.task))
    assert epochs == [1, 1, 2]


def test_a_task_that_kills_twice_is_a_failed_one_that_says_of_what(crew: Workers) -> None:
    found = {record.number: record for _, record in crew.run(jobs(task("dies", number=1), *map(numbered, range(2, 6))))}
    assert set(found) == {1, 2, 3, 4, 5}
    assert [number for number, record in found.items() if record.state != "complete"] == [1]
    assert found[1].state == "failed"
    assert found[1].reason == "a worker died (killed by signal 9: these were its last words), 2 times"
    assert found[1].spec == task(number=1).spec


def numbered(number: int) -> Task:
    return task(number=number)


def test_an_idle_worker_that_dies_is_replaced(crew: Workers) -> None:
    list(crew.run(jobs(task(number=0), task(number=1))))
    dead = pids(crew)[0]
    os.kill(dead, signal.SIGKILL)
    wait_for(lambda: not alive(dead))
    assert len(list(crew.run(jobs(*map(numbered, range(4)))))) == 4
    assert dead not in pids(crew)
    assert sorted(worker.number for worker in crew._crew) == [0, 1]


def test_a_worker_that_cannot_be_started_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with closing(Workers(trainer(), 2)) as executor, pytest.raises(NasError, match="/nowhere/python") as caught:
        list(executor.run(jobs(task())))
    assert ALONE in str(caught.value)


def test_a_worker_that_dies_before_its_first_training_says_of_what(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", np.zeros((20, 3, 8, 8), dtype=np.uint8))
    images = np.load(tmp_path / "images.npy", mmap_mode="r")
    lost = replace(trainer(), data=ImageSet.from_arrays(images, np.arange(20) % 2))
    (tmp_path / "images.npy").unlink()
    with closing(Workers(lost, 1)) as executor, pytest.raises(NasError) as caught:
        list(executor.run(jobs(task())))
    said = str(caught.value)
    assert "exit status 1: FileNotFoundError" in said
    assert "before its first training" in said
    assert ALONE in said


def test_an_heir_that_dies_before_it_is_ready_costs_an_attempt_too(
    crew: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where others have been ready before: what kills it may have nothing to do with how workers begin."""
    list(crew.run(jobs(task(number=0), task(number=1))))
    hired: list[int] = []
    hire = Workers._hire

    def hire_and_kill(self: Workers) -> workers.Worker:
        worker = hire(self)
        hired.append(worker.process.pid)
        os.kill(worker.process.pid, signal.SIGKILL)
        return worker

    monkeypatch.setattr(Workers, "_hire", hire_and_kill)
    found = {record.number: record for _, record in crew.run(jobs(task("dies_once", tmp_path / "died", number=2)))}
    assert len(hired) == 1
    assert found[2].state == "failed"
    assert found[2].reason == "a worker died (killed by signal 9), 2 times"


def measured(monkeypatch: pytest.MonkeyPatch, deaths: int) -> tuple[list[float], int]:
    """Seconds of two networks where so many workers are killed before they have measured; and how many began."""
    hired: list[int] = []
    hire = Workers._hire

    def hire_and_kill(self: Workers) -> workers.Worker:
        worker = hire(self)
        hired.append(worker.process.pid)
        if len(hired) > 1 and len(hired) <= 1 + deaths:  # the first is there to be ready
            os.kill(worker.process.pid, signal.SIGKILL)
        return worker

    monkeypatch.setattr(Workers, "_hire", hire_and_kill)
    with closing(Workers(real_trainer(), 2)) as executor:
        list(executor.run(jobs(task())))
        return executor.measure([task(number=0).spec, task(number=1).spec]), len(hired)


def real_trainer() -> Trainer:
    return Trainer(data=noise(), recipe=RECIPE, budget=BUDGET)


def test_a_death_while_steps_are_measured_costs_an_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds, hired = measured(monkeypatch, deaths=1)
    assert len(seconds) == 2
    assert min(seconds) > 0
    assert hired == 3


def test_two_deaths_while_steps_are_measured_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NasError, match=r"killed by signal 9.* while a few training steps were measured"):
        measured(monkeypatch, deaths=5)


def test_all_workers_measure_even_where_there_are_fewer_networks() -> None:
    with closing(Workers(real_trainer(), 3)) as executor:
        assert len(executor.measure([task().spec])) == 1
        assert len(executor._crew) == 3


def test_images_that_cannot_be_written_for_workers_are_an_error_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(workers, "share", full)
    with closing(Workers(trainer(), 2)) as executor, pytest.raises(NasError, match="No space left") as caught:
        list(executor.run(jobs(task())))
    assert ALONE in str(caught.value)


# ---- exceptions


def raised(executor: Workers, does: str) -> BaseException:
    with pytest.raises(Exception) as caught:  # which one it is, is what is tested
        list(executor.run(jobs(task(does), task(number=1))))
    return caught.value


def test_an_exception_keeps_its_type_and_tells_where_it_was_raised(crew: Workers) -> None:
    for does, kind in (("refuses", outside.Refused), ("breaks", RuntimeError)):
        error = raised(crew, does)
        assert type(error) is kind
        assert "\n" not in str(error)
        [note] = error.__notes__
        assert note.startswith("In a worker:\nTraceback")
        assert "outside.py" in note


def test_one_that_cannot_be_sent_is_told_in_words(crew: Workers) -> None:
    error = raised(crew, "breaks_strangely")
    assert type(error) is RuntimeError
    assert str(error) == "Unpicklable: something: somehow"


def test_a_task_that_a_worker_cannot_read_is_an_error_and_does_not_hang(
    crew: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = types.ModuleType("only_here")
    here.Title = type("Title", (str,), {"__module__": "only_here"})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "only_here", here)
    with pytest.raises(ModuleNotFoundError, match="only_here"):
        list(crew.run(jobs(replace(task(), title=here.Title("trial 0")))))


def test_after_an_exception_nothing_goes_on(crew: Workers, tmp_path: Path) -> None:
    list(crew.run(jobs(task(number=0), task(number=1))))
    before = pids(crew)
    started = crew.run(jobs(task("hangs", tmp_path), task(number=1)))
    next(started)
    wait_for(lambda: list(tmp_path.iterdir()))
    [hanging] = [int(file.name) for file in tmp_path.iterdir()]
    started.close()  # type: ignore[attr-defined]  # a generator
    wait_for(lambda: not alive(hanging))
    assert pids(crew) == [pid for pid in before if pid != hanging]


def test_what_a_training_prints_and_reads_does_not_get_between_the_messages(
    crew: Workers, capfd: pytest.CaptureFixture[str]
) -> None:
    found = list(crew.run(jobs(*(task("prints", number=number) for number in range(3)))))
    assert [record.state for _, record in found] == ["complete"] * 3
    assert "loss" not in "".join(capfd.readouterr())


# ---- images


@LINUX
def test_images_in_memory_are_written_once_and_mapped_by_all(crew: Workers, tmp_path: Path) -> None:
    list(crew.run(jobs(task(number=0), task(number=1))))
    assert crew._folder is not None
    [file] = Path(crew._folder.name).iterdir()
    for worker in told(crew, tmp_path / "one", tmp_path / "other"):
        assert set(worker.mapped) == {str(file)}


@LINUX
def test_closing_leaves_neither_processes_nor_files_and_the_next_run_begins_anew(tmp_path: Path) -> None:
    executor = Workers(trainer(), 1)
    [before] = told(executor, tmp_path / "before")
    executor.close()
    executor.close()
    assert not alive(before.pid)
    assert not any(Path(file).parent.exists() for file in before.mapped)
    with closing(executor):
        [after] = told(executor, tmp_path / "after")
        assert after.mapped != before.mapped
    assert not alive(after.pid)


# ---- training functions


def nested() -> object:
    def train() -> None:
        return

    return train


@pytest.fixture
def of_main(monkeypatch: pytest.MonkeyPatch) -> object:
    """A function as a script defines it."""

    def train(*_: object, **__: object) -> Result:
        raise AssertionError("nobody may call this")

    train.__module__, train.__qualname__ = "__main__", "train"
    monkeypatch.setattr(sys.modules["__main__"], "train", train, raising=False)
    return train


def test_functions_no_worker_could_import_are_refused_by_name(of_main: object) -> None:
    for function, name in (
        (lambda: None, "<lambda>"),
        (nested(), "nested.<locals>.train"),
        (of_main, "training function train:"),
        (partial(outside.train, report=of_main), "partial"),  # type: ignore[arg-type]  # what it is does not matter
        (FakeTraining(before=lambda _: None), "FakeTraining"),
    ):
        with pytest.raises(
            NasError, match="a worker cannot import it; put it into a module, or use workers=1"
        ) as caught:
            workers.executor(replace(trainer(), train=function), 2, own=True)  # type: ignore[arg-type]
        assert name in str(caught.value)
    ensure_importable(outside.train)
    ensure_importable(partial(outside.train, report=outside.go_on))


def test_where_no_number_is_given_they_train_in_this_process() -> None:
    """See also the training functions of all other tests."""
    function = FakeTraining(before=lambda _: None)
    executor = workers.executor(trainer(function), None, own=True)
    assert isinstance(executor, InProcess)
    assert one(executor.run(jobs(task()))).state == "complete"
    assert len(function.calls) == 1


# ---- scripts, and how they end

SCRIPT = """
import signal
import sys
from contextlib import closing, suppress

import beside
from nas.workers import Workers
from tests.nas.outside import jobs, task, trainer

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored
with closing(Workers(trainer(beside.train), 2)) as workers:
    done = workers.run(jobs(task(number=1), task(number=2)))
    print(sorted(record.number for _, record in done), flush=True)
    for _ in workers.run(jobs(task("hangs", sys.argv[1], number=1), task("hangs", sys.argv[1], number=2))):
        print("not to be reached")
"""

BESIDE = """
from tests.nas import outside


def train(model, data, recipe, seed, *, report=None):
    return outside.train(model, data, recipe, seed, report=report)
"""

SEARCH = """
import sys

from nas.storage import open_storage
from nas.workers import Workers
from tests.nas.fast import FakeTraining, driver, study_facts
from tests.nas.outside import trainer

facts = study_facts(trials=9, confirm=1)
driver(open_storage(sys.argv[1]), FakeTraining(), facts=facts, executor=Workers(trainer(), 2)).run()
"""


def start(script: Path, *words: object, cwd: Path, **extra: str) -> "subprocess.Popen[str]":
    """In a process group of its own, as a shell starts it."""
    return subprocess.Popen(
        [sys.executable, str(script), *map(str, words)],
        cwd=cwd,
        env=environment(**extra),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_a_script_needs_no_guard_and_ctrl_c_ends_all_of_it(tmp_path: Path) -> None:
    """Its training function is in a module beside it; where it is started lies something else of that name."""
    home, elsewhere, hanging = (tmp_path / name for name in ("home", "elsewhere", "hanging"))
    for folder in (home, elsewhere, hanging):
        folder.mkdir()
    (home / "script.py").write_text(SCRIPT)
    (home / "beside.py").write_text(BESIDE)
    (elsewhere / "beside.py").write_text("raise SystemExit('the wrong one')")
    process = start(home / "script.py", hanging, cwd=elsewhere)
    try:
        wait_for(lambda: len(list(hanging.iterdir())) == 2 or process.poll() is not None)
        os.killpg(process.pid, signal.SIGINT)
        out, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert out == "[1, 2]\n"
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert process.returncode == -signal.SIGINT
    assert ended([int(file.name) for file in hanging.iterdir()])


def test_a_killed_search_leaves_no_worker_and_goes_on_to_the_number_asked_for(
    crew: Workers, url: str, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    begun.mkdir()
    (tmp_path / "search.py").write_text(SEARCH)
    # five references and some trials are done when the first hangs
    process = start(tmp_path / "search.py", url, cwd=tmp_path, **{outside.HANG_AFTER: f"8 {begun}"})
    try:
        wait_for(lambda: (len(list(begun.iterdir())) >= 9 and len(running(url)) == 2) or process.poll() is not None)
        wait_for(lambda: len({file.name.split()[0] for file in begun.iterdir()}) == 2)
    finally:
        process.kill()
        process.communicate(timeout=60)
    at_work = {int(file.name.split()[0]) for file in begun.iterdir()}
    wait_for(lambda: ended(list(at_work)), seconds=10)
    cut_off = len(running(url))
    assert cut_off in (1, 2)  # where both began at once, both count as the ninth
    log = Log()
    facts = study_facts(trials=9, confirm=1)
    driver(storage := open_storage(url), FakeTraining(), facts=facts, executor=crew, watch=log).run()
    assert log.said[0].startswith(f"{cut_off} training")
    ensure_whole(storage, trials=9)
    study = optuna.load_study(study_name="run", storage=storage)
    assert len(study.trials) - len(counted(study)) == cut_off


# ---- whole runs


def running(url: str) -> list[int]:
    """Numbers of the search's trials that are being trained."""
    if not Path(url.removeprefix("sqlite:///")).exists():
        return []
    storage = open_storage(url)
    if "run" not in optuna.get_all_study_names(storage):
        return []
    study = optuna.load_study(study_name="run", storage=storage)
    return [trial.number for trial in study.get_trials(states=(TrialState.RUNNING,))]


def ensure_whole(storage: BaseStorage, *, trials: int, references: int = 5, confirm: int = 1) -> None:
    """All that one run in one process would have left, and nothing half done."""
    found = read_run(storage, "run")
    assert [record.number for record in found.trials] == list(range(trials))
    assert len({record.spec for record in found.trials}) == trials
    assert all(BUDGET.fits(record.spec) for record in found.trials)
    assert len({record.key for record in found.references}) == len(found.references) == references
    confirmed = Counter(record.key for record in found.confirmations)
    assert len(confirmed) >= 3
    assert set(confirmed.values()) == {confirm}
    assert {record.state for record in (*found.trials, *found.references, *found.confirmations)} == {"complete"}
    for name in optuna.get_all_study_names(storage):
        study = optuna.load_study(study_name=name, storage=storage)
        assert all(trial.state.is_finished() for trial in study.trials)
        assert len(records(study)) == len(counted(study))


def test_a_search_with_two_workers_is_whole(crew: Workers, url: str) -> None:
    facts = study_facts(trials=14, confirm=2)  # past the ten draws: the sampler's own are told apart too
    driver(storage := open_storage(url), FakeTraining(), facts=facts, executor=crew).run()
    ensure_whole(storage, trials=14, confirm=2)
    alone = InMemoryStorage()
    driver(alone, FakeTraining(), facts=facts).run()
    ours, theirs = table(storage), table(alone)
    in_order = sorted(ours["references"], key=lambda record: record.key)
    assert in_order == sorted(theirs["references"], key=lambda record: record.key)
    assert Counter(record.origin for record in ours["trials"]) == Counter(draw=10, tpe=4)


def test_an_exhausted_space_ends_the_search_and_keeps_what_is_running(crew: Workers, url: str) -> None:
    """Three networks fit. While two of them are trained and the third is done, a fourth is asked for."""
    log = Log()
    facts = study_facts(trials=10, confirm=1)
    started = driver(
        storage := open_storage(url),
        FakeTraining(),
        facts=facts,
        space=four_networks,
        known=(),
        executor=crew,
        watch=log,
    )
    started.run()
    ensure_whole(storage, trials=3, references=1)
    assert any("the search ends after 3 trials" in said for said in log.said)
    study = optuna.load_study(study_name="run", storage=storage)
    assert len(study.trials) - len(counted(study)) == 1
    assert read_run(storage, "run").facts.trials == 3


def test_baselines_check_families_beside_each_other_and_give_the_same_records() -> None:
    from tests.studies import tiny

    events: list[tuple[str, str]] = []

    class Noting(Silent):
        def training(self, task: Task) -> None:
            events.append(("begins", task.name or ""))

        def trained(self, record: Record) -> None:
            events.append(("ends", record.name or ""))

    storage, alone = InMemoryStorage(), InMemoryStorage()
    made = tiny.driver(storage, tiny.Training(), watch=Noting())
    recipe = made.request.facts.recipe
    alike = replace(trainer(outside.train_by_recipe), recipe=recipe, budget=None)
    with closing(Workers(alike, 2)) as executor:
        replace(made, executor=executor).run()
    tiny.driver(alone, tiny.Training()).run()
    assert [(what, name.split()[0]) for what, name in events[:2]] == [("begins", "left"), ("begins", "right")]
    at_once: set[str] = set()
    for what, name in events:
        family = name.split()[0]
        if what == "begins" and " " in name:
            assert family not in at_once  # a family's next rate follows from its last
            at_once.add(family)
        elif what == "ends":
            at_once.discard(family)
    for part, found in tiny.table(storage).items():
        expected = tiny.table(alone)[part]
        assert sorted(found, key=which) == sorted(expected, key=which)
        assert len(expected) == 6


def which(record: Record) -> tuple[str, int]:
    return record.key, record.seed
