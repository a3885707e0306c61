"""What workers train with in tests: functions that other processes can import, and what a test needs to ask for them.

What ``train`` does beside training nothing is said by the recipe's name: a word, and the path of a file or folder.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import optuna
import torch
from optuna.storages import InMemoryStorage
from torch import nn

from nas.batches import TrainData
from nas.blocks import InvertedResidual
from nas.errors import NasError
from nas.executor import Job
from nas.plan import Task
from nas.recipe import Recipe
from nas.train import Report, Result
from nas.trial import Trainer, TrainFunction
from tests.nas.fast import BUDGET, RECIPE, FakeTraining, network, noise

HANG_AFTER = "NAS_TEST_HANG_AFTER"  # "3 FOLDER": the fourth training begun hangs; each leaves its process id there
LONG = 600.0  # seconds no test waits


# ---- in the worker


def train(model: nn.Module, data: TrainData, recipe: Recipe, seed: int, *, report: Report | None = None) -> Result:
    kind, _, place = recipe.name.partition(" ")
    if HANG_AFTER in os.environ:
        _count_and_hang(*os.environ[HANG_AFTER].split(" "))
    if kind in BEFORE:
        BEFORE[kind](Path(place), seed)
    if kind == "dies_once" and not Path(place).exists():
        report = _dying(Path(place), report)
    return FakeTraining()(model, data, recipe, seed, report=report)


def train_by_recipe(
    model: nn.Module, data: TrainData, recipe: Recipe, seed: int, *, report: Report | None = None
) -> Result:
    """What ``tests.studies.tiny.Training`` does."""
    from tests.studies.tiny import best_in_the_middle

    fake = FakeTraining(accuracy=lambda spec, seed: best_in_the_middle(spec, recipe, seed))
    return fake(model, data, recipe, seed, report=report)


class Unpicklable(Exception):
    """Cannot be made again from what it was made of."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: {why}")


class Refused(NasError):
    """One that only this module knows."""


def _dying(marker: Path, report: Report | None) -> Report:
    """Tells of the first epoch, then dies."""

    def telling(epoch: int, accuracy: float) -> bool:
        assert report is not None
        report(epoch, accuracy)
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
        return False

    return telling


def _count_and_hang(limit: str, folder: str) -> None:
    (Path(folder) / f"{os.getpid()} {time.monotonic_ns()}").touch()
    if len(list(Path(folder).iterdir())) > int(limit):
        time.sleep(LONG)


def _die(_: Path, seed: int) -> None:
    print("these were its last words", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def _meet(folder: Path, seed: int) -> None:
    """Two of these end only if they run at the same time."""
    (folder / str(seed)).touch()
    deadline = time.monotonic() + LONG / 10
    while len(list(folder.iterdir())) < 2:
        assert time.monotonic() < deadline, "nobody came"
        time.sleep(0.01)


def _print(_: Path, seed: int) -> None:
    for _batch in range(3):
        print("loss 0.5" * 10_000, flush=True)
        os.write(1, b"\x00\xff" * 10_000)
    print("not flushed")
    assert sys.stdin.read() == ""
    assert os.read(0, 1) == b""


def _hang(folder: Path, seed: int) -> None:
    (folder / str(os.getpid())).touch()
    time.sleep(LONG)


def _tell(file: Path, seed: int) -> None:
    maps = Path("/proc/self/maps")
    told = {
        "pid": os.getpid(),
        "threads": torch.get_num_threads(),
        "mapped": [line.split()[-1] for line in maps.read_text().splitlines() if line.endswith(".npy")],
    }
    file.write_text(json.dumps(told))


def _refuse(_: Path, seed: int) -> None:
    raise Refused("seed 7: refused")


def _break(_: Path, seed: int) -> None:
    raise RuntimeError("shapes do not match")


def _break_strangely(_: Path, seed: int) -> None:
    raise Unpicklable("something", "somehow")


BEFORE: dict[str, Callable[[Path, int], None]] = {
    "dies": _die,
    "meets": _meet,
    "prints": _print,
    "hangs": _hang,
    "tells": _tell,
    "refuses": _refuse,
    "breaks": _break,
    "breaks_strangely": _break_strangely,
}


# ---- in the driver


def trainer(function: TrainFunction = train) -> Trainer:
    return Trainer(data=noise(), recipe=RECIPE, budget=BUDGET, train=function)


def task(does: str = "nothing", place: object = "", *, number: int = 0, seed: int = 0, epochs: int = 2) -> Task:
    """One whose training does that; another network for another number."""
    return Task(
        spec=network(8, InvertedResidual(kernel=3, mid=16 + number, out=8)),
        seed=seed,
        fold=0,
        title=f"trial {number}",
        origin="draw",
        number=number,
        recipe=replace(RECIPE, name=f"{does} {place}", epochs=epochs),
    )


def go_on(epoch: int, accuracy: float) -> bool:
    return False


@cache
def _study() -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(storage=InMemoryStorage())


def job(task: Task, report: Report = go_on) -> Job:
    return Job(task=task, trial=_study().ask(), report=report)


def jobs(*tasks: Task) -> Iterator[Job | None]:
    return iter([job(task) for task in tasks])


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_for(happened: Callable[[], object], seconds: float = LONG) -> None:
    """On a busy machine the imports of one process may take minutes; a test is not about that."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def ended(pids: Sequence[int]) -> bool:
    return not any(alive(pid) for pid in pids)
