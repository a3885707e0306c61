"""Where trainings happen. The driver gives jobs, tells the storage what came of them, and knows no more than this."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import optuna

from nas.arch import ArchSpec
from nas.forecast import measure
from nas.plan import Task
from nas.record import Record
from nas.train import Report
from nas.trial import Trainer


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Job:
    """A task, the trial it is stored as, and who is told of its epochs (in the driver's own process)."""

    task: Task
    trial: optuna.Trial
    report: Report


class Executor(Protocol):
    """Trains jobs, some at a time."""

    @property
    def workers(self) -> int:
        """How many at a time."""

    def measure(self, specs: Sequence[ArchSpec]) -> list[float]:
        """Seconds a training of each would take, measured as they would run: as many beside each other.

        Not while trainings run. Raises ``NasError`` where not even a few steps can be trained.
        """

    def run(self, jobs: Iterator[Job | None]) -> Iterator[tuple[Job, Record]]:
        """Train all jobs and yield each as soon as it is done.

        A job is taken only when it can begin at once, so that it may depend on all that was yielded before. None
        means: nothing yet, ask again when one that is running is done. Raises what a training or ``jobs`` raises.
        """

    def paused(self) -> AbstractContextManager[None]:
        """A context in which nothing that it trains computes."""

    def close(self) -> None:
        """Stop what is running, and let go of everything."""


@dataclass(frozen=True, slots=True)
class InProcess:
    """One after the other, in this process, with torch's own threads."""

    trainer: Trainer
    workers: int = 1

    def measure(self, specs: Sequence[ArchSpec]) -> list[float]:
        return [measure(self.trainer, spec) for spec in specs]

    def run(self, jobs: Iterator[Job | None]) -> Iterator[tuple[Job, Record]]:
        for job in jobs:
            if job is not None:
                yield job, self.trainer.run(job.task, report=job.report)

    def paused(self) -> AbstractContextManager[None]:
        return nullcontext()  # while another line of this process runs, a training does not

    def close(self) -> None:
        return
