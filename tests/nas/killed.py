"""``python -m tests.nas.killed FOLDER SAMPLER KILLS SEED [CONTROL]``: a search in processes that are killed.

Prints one JSON document: how many kills hit and in which stage, how many trials of each study they cut off, and the
tables of the killed search and of one left in peace. Children are forked, since importing torch anew each time would
take longer than all else.
"""

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import optuna

import nas.executor
import nas.run
from nas.references import reference_tasks
from nas.run import Run, run_search
from nas.storage import counted, open_existing
from nas.watch import Silent
from tests.nas.fast import BUDGET, LARGE, RECIPE, SMALL, FakeTraining, noise, tiny_space, what_counts

KNOWN: dict[str, Any] = {known.name: known for known in (SMALL, LARGE)}


START, TRAINING = "start", "training"


def search(runs: Path, sampler: str, control: str | None, told: int) -> Run:
    """``told``: a pipe that gets a line for each stage and for each training that begins."""
    return run_search(
        tiny_space,
        budget=BUDGET,
        dataset=noise(),
        recipe=RECIPE,
        trials=13,
        confirm=1,
        sampler=sampler,
        control=control,
        device="cpu",
        study="run",
        runs=runs,
        watch=Telling(told),
        train=FakeTraining(before=lambda _: _begins(told)),
    )


class Telling(Silent):
    def __init__(self, told: int) -> None:
        self._told = told

    def stage(self, title: str, total: int, done: int) -> None:
        os.write(self._told, f"{title}\n".encode())


def _begins(told: int) -> None:
    os.write(told, f"{TRAINING}\n".encode())
    time.sleep(0.005)


def child(runs: Path, sampler: str, control: str | None) -> tuple[int, int]:
    """Its process id, and the pipe's other end."""
    heard, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            search(runs, sampler, control, told)
            status = 0
        finally:
            os._exit(status)
    os.close(told)
    return pid, heard


def ended(pid: int) -> bool:
    """Wait for a child; whether it ended by itself, and then well."""
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return not os.WIFSIGNALED(status)


def kill_until(runs: Path, sampler: str, control: str | None, kills: int, rng: random.Random) -> list[str]:
    """Start, kill, start again; after so many kills the search is left to finish. Returns the stages that were hit."""
    hit: list[str] = []
    for kill in range(kills):
        pid, heard = child(runs, sampler, control)
        # every third time before any training, when files and tables are made; else in a training or the writes after
        trainings = 0 if kill % 3 == 0 else rng.randrange(1, 4 if control is None else 6)
        with os.fdopen(heard) as lines:
            said = [line for _ in range(trainings) for line in up_to_training(lines)]
            if said.count(TRAINING) == trainings:
                time.sleep(rng.random() * (0.03 if trainings else 0.3))
            os.kill(pid, signal.SIGKILL)
            said += lines.read().splitlines()
        if ended(pid):
            return hit
        hit.append(next((line for line in reversed(said) if line != TRAINING), START))
    assert ended(child(runs, sampler, control)[0])
    return hit


def up_to_training(lines: TextIO) -> Iterator[str]:
    """What is told until the next training begins, that included; fewer where the child ends before."""
    for line in lines:
        yield line.rstrip()
        if line.rstrip() == TRAINING:
            return


def table(runs: Path) -> dict[str, Any]:
    records = Run.load("run", runs=runs).records
    parts = {"trials": records.trials, "references": records.references, "confirmations": records.confirmations}
    parts["control"] = records.control
    return {part: [what_counts(record).to_json() for record in those] for part, those in parts.items()}


def main(folder: Path, sampler: str, kills: int, seed: int, control: str | None = None) -> None:
    nas.run.held_against = lambda space: (list(KNOWN.values()), [])
    nas.executor.measure = lambda *_: 0.01
    reference_tasks(KNOWN.values(), tiny_space, BUDGET, seed=0)  # costs are now known to every child
    assert ended(child(folder / "peace", sampler, control)[0])
    hit = kill_until(folder / "war", sampler, control, kills, random.Random(seed))
    storage = open_existing(f"sqlite:///{folder / 'war' / 'nas.db'}")
    cut_off = {}
    for name in optuna.get_all_study_names(storage):
        study = optuna.load_study(study_name=name, storage=storage)
        cut_off[name] = len(study.trials) - len(counted(study))
    tables = {"war": table(folder / "war"), "peace": table(folder / "peace")}
    print(json.dumps({"hit": Counter(hit), "cut_off": cut_off, **tables}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:])
