"""What a trial costs beside its training: asking, checking, building, recording, with so many trials in the study.

    python -m benchmarks.overhead [--sampler tpe] [--sizes 0 300 1000] [--trial-seconds 30] [--json]

A search of mobilenet_v3 under 60 MFLOPs as the command runs it (driver, sampler, SQLite storage), in which everything
happens but training: networks are built, and validated at random, the larger the better. Between the sizes the study is
filled with random draws. The first ten trials of any search are draws too, so that 0 is cheaper than the sampler.
Medians, in this process; a few minutes.
"""

import argparse
import json
import math
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from optuna.storages import BaseStorage
from torch import nn

from nas.arch import ArchSpec
from nas.batches import TrainData
from nas.command import mended_by_user
from nas.data import ImageSet
from nas.driver import Driver
from nas.executor import Job
from nas.forecast import Forecast
from nas.machine import machine, versions
from nas.recipe import Recipe
from nas.record import Record
from nas.request import Request, request_search
from nas.samplers import SAMPLERS, InsideSampler
from nas.storage import open_storage
from nas.train import Epoch, Report, Result
from nas.trial import Trainer

MFLOPS = 60
ALL = 10**9  # more trials than there are: all of them are draws


@dataclass(frozen=True, kw_only=True)
class Spent:
    """Seconds of one trial, without training."""

    ask: float  # suggestion, check against the budget and earlier trials, what is told about the time left
    build: float  # the network in its trained form, and its costs
    record: float  # epochs reported, record stored, trial told

    @property
    def total(self) -> float:
        return self.ask + self.build + self.record


@dataclass(frozen=True)
class NoTraining:
    """A training function that makes up its accuracies: the larger the network the better, with noise."""

    rng: random.Random

    def __call__(
        self, model: nn.Module, data: TrainData, recipe: Recipe, seed: int, *, report: Report | None = None
    ) -> Result:
        size = math.log10(sum(parameter.numel() for parameter in model.parameters()))
        curve = []
        for epoch in range(1, recipe.epochs + 1):
            accuracy = min(1.0, max(0.0, 0.05 * size + 0.05 * epoch + self.rng.gauss(0, 0.02)))
            curve.append(Epoch(train_loss=1.0, val_accuracy=accuracy, seconds=0.0))
            if report is not None:
                report(epoch, accuracy)
        return Result(curve=tuple(curve))


@dataclass
class Timed:
    """An executor in this process that notes what each trial took."""

    trainer: Trainer
    workers: int = 1
    spent: list[Spent] = field(default_factory=list)

    def measure(self, specs: Sequence[ArchSpec]) -> list[float]:
        return [0.0 for _ in specs]

    def run(self, jobs: Iterator[Job | None]) -> Iterator[tuple[Job, Record]]:
        while True:
            begin = time.perf_counter()
            job = next(jobs, None)
            if job is None:  # the end: with one worker there is never anything to wait for
                return
            asked = time.perf_counter()
            reporting = 0.0

            def report(epoch: int, accuracy: float, *, report: Report = job.report) -> bool:
                nonlocal reporting
                begin = time.perf_counter()
                stop = report(epoch, accuracy)
                reporting += time.perf_counter() - begin
                return stop

            record = self.trainer.run(job.task, report=report)
            built = time.perf_counter()
            yield job, record
            build = built - asked - reporting
            stored = time.perf_counter() - built
            self.spent.append(Spent(ask=asked - begin, build=build, record=reporting + stored))

    def close(self) -> None:
        return


def summary(spent: Iterable[Spent]) -> dict[str, float]:
    """Medians in milliseconds. Those of the parts need not add up to that of the whole."""
    spent = list(spent)
    return {
        "ms_per_trial": 1e3 * median(one.total for one in spent),
        "ask_ms": 1e3 * median(one.ask for one in spent),
        "build_ms": 1e3 * median(one.build for one in spent),
        "record_ms": 1e3 * median(one.record for one in spent),
    }


def request(sampler: str, runs: Path) -> Request:
    """A search on a few images of noise, with the budget counted as CIFAR-10's is. Raises ``NasError``."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (100, 3, 32, 32), dtype=np.uint8)
    return request_search(
        budget_mflops=MFLOPS,
        budget_resolution=224,
        budget_classes=1000,
        dataset=ImageSet.from_arrays(noise, np.arange(100) % 10, name="noise"),
        sampler=sampler,
        confirm=0,
        device="cpu",
        precision="fp32",  # nothing is computed
        workers=1,
        runs=runs,
    )


def search_to(asked: Request, storage: BaseStorage, trials: int, *, startup: int | None = None) -> list[Spent]:
    """Continue the search until it has so many trials; ``startup``: of which so many are draws."""
    facts = replace(asked.facts, trials=trials)
    sampler = InsideSampler(
        asked.space,
        facts.budget,
        seed=facts.seed,
        make_inner=asked.make_inner,
        name=facts.sampler,
        **({} if startup is None else {"startup": startup}),
    )
    trainer = Trainer(
        data=asked.data, recipe=facts.recipe, budget=facts.budget, train=NoTraining(random.Random(trials))
    )
    trainer.train_data(0)  # a search has it ready from the second trial on
    executor = Timed(trainer)
    Driver(
        name=asked.name,
        facts=facts,
        space=asked.space,
        sampler=sampler,
        limits=facts.budget,
        trainer=trainer,
        executor=executor,
        references=[],
        storage=storage,
        forecast=Forecast(fixed=30.0, per_mac=0.0),
    ).run()
    return executor.spent


def measure(
    sampler: str, sizes: Sequence[int], repeats: int, folder: Path, say: Callable[[str], None]
) -> dict[str, dict[str, float]]:
    """Trials in the study → medians over the next ``repeats`` trials."""
    asked = request(sampler, folder)
    storage = open_storage(asked.storage)
    found: dict[str, dict[str, float]] = {}
    done = 0
    for size in sorted(sizes):
        if size > done:
            say(f"filling the study with random draws: {done} to {size}")
            search_to(asked, storage, size, startup=ALL)
        spent = search_to(asked, storage, max(size, done) + repeats)
        found[str(max(size, done))] = summary(spent)
        done = max(size, done) + repeats
        say(f"{size} trials: {found[str(done - repeats)]['ms_per_trial']:.0f} ms")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sampler", choices=tuple(SAMPLERS), default="tpe")
    parser.add_argument("--sizes", type=int, nargs="+", default=[0, 300, 1000], metavar="TRIALS")
    parser.add_argument("--repeats", type=int, default=10, help="trials that are timed at each size")
    parser.add_argument("--trial-seconds", type=float, help="of a whole trial: its share is shown too")
    parser.add_argument("--folder", type=Path, help="where the storage lies; default: the system's temporary folder")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with mended_by_user(), tempfile.TemporaryDirectory(dir=options.folder) as folder:
        rows = measure(
            options.sampler,
            options.sizes,
            options.repeats,
            Path(folder),
            lambda text: print(text, file=sys.stderr, flush=True),
        )
    if options.trial_seconds:
        for row in rows.values():
            row["share_of_trial"] = row["ms_per_trial"] / 1e3 / options.trial_seconds
    if options.json:
        document: dict[str, Any] = {
            "sampler": options.sampler,
            "ms_per_trial": {trials: row["ms_per_trial"] for trials, row in rows.items()},
            "after_trials": rows,
            "trial_seconds": options.trial_seconds,
            "repeats": options.repeats,
            "machine": machine(),
            "versions": versions(),
        }
        print(json.dumps(document, indent=2))
        return
    for trials, row in rows.items():
        print(
            f"{options.sampler} after {trials:>4} trials: {row['ms_per_trial']:6.0f} ms (ask {row['ask_ms']:.0f}, "
            f"build {row['build_ms']:.0f}, record {row['record_ms']:.0f})"
            + (f", {row['share_of_trial']:.2%} of a trial" if "share_of_trial" in row else "")
        )


if __name__ == "__main__":
    main()
