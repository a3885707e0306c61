"""Many trainings for a benchmark: one process a core, one thread each; a second run goes on where the first stopped."""

import json
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from nas.arch import ArchSpec
from nas.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A training: ``key`` names it among all of its benchmark."""

    key: str
    spec: ArchSpec  # as published; it is trained in the recipe's form
    recipe: Recipe
    seed: int
    fold: int


def run_all(jobs: Iterable[Job], file: Path, *, workers: int) -> dict[str, dict[str, Any]]:
    """Key → ``val_accuracy``, ``curve``, ``loss``, processor ``seconds``; what ``file`` has is not run again."""
    jobs = list(jobs)
    done = dict(_read(file))
    todo = [job for job in jobs if job.key not in done]
    file.parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool, file.open("a") as out:
        for future in as_completed([pool.submit(_run, job) for job in todo]):
            result = future.result()
            out.write(json.dumps(result) + "\n")
            out.flush()
            done[result["key"]] = result
            print(
                f"{sum(job.key in done for job in jobs)}/{len(jobs)} {result['key']}: {result['val_accuracy']:.4f}",
                flush=True,
            )
    return {job.key: done[job.key] for job in jobs}


def _read(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if file.exists():
        for line in file.read_text().splitlines():
            result = json.loads(line)
            yield result["key"], result


@cache
def _data() -> Any:
    import torch

    from nas.data import load

    torch.set_num_threads(1)
    return load("cifar10")


def _run(job: Job) -> dict[str, Any]:
    from nas.model import build
    from nas.train import train
    from nas.trial import Trainer

    data = _data()
    trainer = Trainer(data=data, recipe=job.recipe, budget=None)
    model = build(trainer.form(job.spec), seed=job.seed)
    images = trainer.train_data(job.fold)
    begin, processor = time.perf_counter(), time.process_time()
    result = train(model, images, job.recipe, job.seed)
    return {
        "key": job.key,
        "val_accuracy": result.val_accuracy,
        "curve": [epoch.val_accuracy for epoch in result.curve],
        "loss": [epoch.train_loss for epoch in result.curve],
        "seconds": time.process_time() - processor,
        "wall": time.perf_counter() - begin,
        "pid": os.getpid(),
    }
