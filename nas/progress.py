"""Progress on stderr: a live display in a terminal, a line a training in a log."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from nas.duration import duration
from nas.plan import UNTIL_TIME, Task
from nas.record import Record


class Display:
    """A ``Watcher`` for people: which training runs, how it is doing, and how long the rest will take."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("[bold]{task.description:>12}"),
            BarColumn(bar_width=12),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
        )
        self._bar: TaskID | None = None
        self._live = console.is_terminal
        self._done, self._of, self._title = 0, "", ""
        self._left = self._soon = ""
        self._now: dict[str, str] = {}  # what is being trained → how far it is
        self._best: float | None = None

    def __enter__(self) -> "Display":
        if self._live:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._bars.stop()

    def say(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True, markup=False)

    def stage(self, title: str, total: int, done: int) -> None:
        self._title, self._done, self._best = title, done, None
        self._of = "" if total == UNTIL_TIME else f"/{total}"
        if self._live:
            self._bar = self._bars.add_task(
                title, total=None if total == UNTIL_TIME else total, completed=done, note=""
            )

    def training(self, task: Task) -> None:
        self._now[task.title] = ""
        self._refresh()

    def epoch(self, task: Task, epoch: int, epochs: int, accuracy: float) -> None:
        self._now[task.title] = f" {epoch}/{epochs} {accuracy:.1%}"
        self._refresh()

    def trained(self, record: Record) -> None:
        self._done += 1
        self._now.pop(record.title, None)
        if record.val_accuracy is not None:
            self._best = max(self._best or 0.0, record.val_accuracy)
        if self._live and self._bar is not None:
            self._bars.update(self._bar, completed=self._done)
        if record.state == "complete":
            what = f"{record.val_accuracy:.1%}"
        else:
            what = f"{record.state}" + (f": {record.reason}" if record.reason else "")
        self.say(
            f"{self._title} {self._done}{self._of}  {record.title:<26} {record.macs / 1e6:7.1f} MFLOPs "
            f"({record.train_macs / 1e6:5.1f} trained)  {what}  {record.train_seconds:.0f} s"
            + (f"  {self._left}" if self._left and not self._live else "")
        )

    def remaining(self, seconds: float) -> None:
        finish = time.strftime("%H:%M", time.localtime(time.time() + seconds))
        self._left, self._soon = f"about {duration(seconds)} left, until {finish}", f"{duration(seconds)} left"
        self._refresh()

    def _refresh(self) -> None:
        if self._live and self._bar is not None:
            best = f"best {self._best:.1%} · " if self._best is not None else ""
            now = ", ".join(title + how for title, how in self._now.items())
            self._bars.update(self._bar, note=f"{self._soon} · {best}{now}")
