"""``python -m tests.nas.killed FOLDER SAMPLER KILLS SEED``: a search in processes that are killed.

Prints one JSON document: how many kills hit, and the tables of the killed search and of one left in peace. Children are
forked, since importing torch anew each time would take longer than all else.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import optuna

import nas.executor
import nas.run
from nas.references import reference_tasks
from nas.run import Run, run_search
from nas.storage import counted, open_existing
from tests.nas.fast import BUDGET, LARGE, RECIPE, SMALL, FakeTraining, noise, tiny_space, what_counts

KNOWN: dict[str, Any] = {known.name: known for known in (SMALL, LARGE)}


def search(runs: Path, sampler: str, told: int) -> Run:
    """``told``: a pipe that gets a byte for each training that begins."""
    return run_search(
        tiny_space,
        budget=BUDGET,
        dataset=noise(),
        recipe=RECIPE,
        trials=13,
        confirm=1,
        sampler=sampler,
        device="cpu",
        study="run",
        runs=runs,
        train=FakeTraining(before=lambda _: _tell(told)),
    )


def _tell(told: int) -> None:
    os.write(told, b".")
    time.sleep(0.005)


def child(runs: Path, sampler: str) -> tuple[int, int]:
    """Its process id, and the pipe's other end."""
    heard, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            search(runs, sampler, told)
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


def kill_until(runs: Path, sampler: str, kills: int, rng: random.Random) -> int:
    """Start, kill, start again; after so many kills the search is left to finish. Returns how many kills hit."""
    for hit in range(kills):
        pid, heard = child(runs, sampler)
        # every third time before any training, when files and tables are made; else in a training or the writes after
        trainings = 0 if hit % 3 == 0 else rng.randrange(1, 4)
        if all(os.read(heard, 1) for _ in range(trainings)):
            time.sleep(rng.random() * (0.03 if trainings else 0.3))
        os.kill(pid, signal.SIGKILL)
        os.close(heard)
        if ended(pid):
            return hit
    assert ended(child(runs, sampler)[0])
    return kills


def table(runs: Path) -> dict[str, Any]:
    records = Run.load("run", runs=runs).records
    parts = {"trials": records.trials, "references": records.references, "confirmations": records.confirmations}
    return {part: [what_counts(record).to_json() for record in those] for part, those in parts.items()}


def main(folder: Path, sampler: str, kills: int, seed: int) -> None:
    nas.run.held_against = lambda space: (list(KNOWN.values()), [])
    nas.executor.measure = lambda *_: 0.01
    reference_tasks(KNOWN.values(), tiny_space, BUDGET, seed=0)  # costs are now known to every child
    assert ended(child(folder / "peace", sampler)[0])
    hit = kill_until(folder / "war", sampler, kills, random.Random(seed))
    storage = open_existing(f"sqlite:///{folder / 'war' / 'nas.db'}")
    cut_off = 0
    for name in optuna.get_all_study_names(storage):
        study = optuna.load_study(study_name=name, storage=storage)
        cut_off += len(study.trials) - len(counted(study))
    print(json.dumps({"hit": hit, "cut_off": cut_off, "war": table(folder / "war"), "peace": table(folder / "peace")}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
