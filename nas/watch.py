"""What a run tells whoever watches it."""

from typing import Protocol

from nas.plan import Task
from nas.record import Record


class Watcher(Protocol):
    """A progress display, a log, or nothing."""

    def say(self, text: str) -> None:
        """Something a person should know."""

    def stage(self, title: str, total: int, done: int) -> None:
        """References, search, confirmation or another part of a run begins, with so many trainings, of which some are
        done."""

    def training(self, task: Task) -> None:
        """A training begins; others may be running."""

    def epoch(self, task: Task, epoch: int, epochs: int, accuracy: float) -> None:
        """An epoch of a training ended; the accuracy is a fraction."""

    def trained(self, record: Record) -> None:
        """A training ended, and is stored."""

    def remaining(self, seconds: float) -> None:
        """How long the rest of the run is expected to take."""


class Silent:
    """Watches nothing."""

    def say(self, text: str) -> None:
        return

    def stage(self, title: str, total: int, done: int) -> None:
        return

    def training(self, task: Task) -> None:
        return

    def epoch(self, task: Task, epoch: int, epochs: int, accuracy: float) -> None:
        return

    def trained(self, record: Record) -> None:
        return

    def remaining(self, seconds: float) -> None:
        return
