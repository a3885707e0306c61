"""Trainings in local processes, one thread each: several networks at a time instead of several threads a network.

One process a core, with one thread, trains more than one process with as many threads (docs/performance.md). Workers
are processes of their own (``python -m nas.worker``), so that scripts need no ``if __name__ == "__main__"`` and
notebooks work. They know nothing of the study: a task goes in, epochs and a record come out. When the driver dies, its
end of the pipe closes and they stop.
"""

import logging
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import fmean
from typing import IO, Any

from nas.arch import SMALL_IMAGE, ArchSpec
from nas.data.shared import share
from nas.errors import NasError
from nas.executor import Executor, InProcess, Job
from nas.machine import available_memory, cores
from nas.messages import receive, send
from nas.recipe import Recipe
from nas.record import Record
from nas.trial import Trainer

log = logging.getLogger(__name__)  # without further ado, warnings go to stderr

ATTEMPTS = 2  # times a task is begun: a worker may die of what has nothing to do with it
MEMORY_A_WORKER = 1 << 29  # bytes before the first image
# bytes of activations and gradients a pixel of a batch, as MobileNetV3 large and V2 need (docs/performance.md); small
# images pass networks whose first strides are left out
MEMORY_A_PIXEL = 2 << 10
MEMORY_A_SMALL_PIXEL = 12 << 10
# kernels that torch and oneDNN keep: each network needs a hundred or two and no other needs the same, so that their own
# limits of 1,024 only fill memory, some 10 MB a trial
FEW_KERNELS = {"LRU_CACHE_CAPACITY": "128", "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "256"}
PATIENCE = 5.0  # seconds to end after being told to
ALONE = "--workers 1 trains in this process"


@dataclass(slots=True, eq=False)
class Worker:
    """The driver's side of one process: what it is training, and how often it was begun."""

    number: int
    process: "subprocess.Popen[bytes]"
    errors: IO[bytes]
    job: Job | None = None
    attempt: int = 0

    def send(self, message: object) -> None:
        assert self.process.stdin is not None
        try:
            send(self.process.stdin, message)
        except OSError:  # it died; its reader says so
            return

    def last_words(self) -> str:
        """The last line it wrote to its standard error."""
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def let_go(self) -> None:
        """Of a process that has ended."""
        assert self.process.stdin is not None
        with suppress(OSError):  # what it was sent last may never have reached it
            self.process.stdin.close()
        self.errors.close()


@dataclass(slots=True, eq=False)
class Workers:
    """An executor of ``workers`` processes, begun when there is something for them to do.

    Raises ``NasError`` where a worker cannot begin at all, and whatever a training raised.
    """

    trainer: Trainer
    workers: int
    _crew: list[Worker] = field(default_factory=list, init=False)
    _inbox: "queue.SimpleQueue[tuple[Worker, bytes | None]]" = field(default_factory=queue.SimpleQueue, init=False)
    _folder: "tempfile.TemporaryDirectory[str] | None" = field(default=None, init=False)
    _setup: bytes = field(default=b"", init=False)
    _any_ready: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        ensure_importable(self.trainer.train)

    def run(self, jobs: Iterator[Job | None]) -> Iterator[tuple[Job, Record]]:
        try:
            yield from self._run(jobs)
        finally:  # after an exception, nobody waits for the others' results
            self._dismiss([worker for worker in self._crew if worker.job is not None])

    def _run(self, jobs: Iterator[Job | None]) -> Iterator[tuple[Job, Record]]:
        more = True
        while True:
            while more and sum(worker.job is not None for worker in self._crew) < self.workers:
                try:
                    job = next(jobs)
                except StopIteration:
                    more = False
                    break
                if job is None:
                    break
                worker = self._free()
                worker.job, worker.attempt = job, 0
                self._begin(worker)
            if not any(worker.job for worker in self._crew):
                if more:
                    raise RuntimeError("nothing is running and nothing can begin")
                return
            done = self._next_done()
            if done is not None:
                yield done

    def measure(self, specs: Sequence[ArchSpec]) -> list[float]:
        if any(worker.job is not None for worker in self._crew):
            raise RuntimeError("nothing can be measured while trainings run")
        seconds: list[list[float]] = [[] for _ in specs]
        measuring: dict[Worker, int] = {}  # → position in specs
        # each as often as makes all workers busy, as they will be
        left = list(range(len(specs))) * max(1, -(-self.workers // max(1, len(specs))))
        deaths = 0
        try:
            while left or measuring:
                while left and len(measuring) < self.workers:
                    worker = next((one for one in self._crew if one not in measuring), None) or self._hire()
                    measuring[worker] = left.pop(0)
                    worker.send(("measure", specs[measuring[worker]]))
                worker, kind, content = self._hear()
                if kind == "died":
                    how = self._bury(worker)
                    if worker in measuring:
                        left.append(measuring.pop(worker))
                        deaths += 1
                        if deaths >= ATTEMPTS:
                            raise NasError(f"{how} while a few training steps were measured; {ALONE}")
                elif kind == "measured":
                    seconds[measuring.pop(worker)].append(content)
        finally:
            self._dismiss([worker for worker in self._crew if worker in measuring])
        return [fmean(found) for found in seconds]

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The workers stand still where the system can do that; otherwise they go on."""
        stop, go_on = (getattr(signal, name, None) for name in ("SIGSTOP", "SIGCONT"))
        still = [] if stop is None or go_on is None else list(self._crew)
        for worker in still:
            worker.process.send_signal(stop)  # type: ignore[arg-type]  # None where there are none
        try:
            yield
        finally:
            for worker in still:
                worker.process.send_signal(go_on)  # type: ignore[arg-type]

    def close(self) -> None:
        """Also called when the driver is interrupted: a training that is running is worth nothing half done."""
        self._dismiss(list(self._crew))
        self._setup = b""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _dismiss(self, workers: list[Worker]) -> None:
        for worker in workers:
            self._crew.remove(worker)
            worker.process.kill()
        for worker in workers:
            worker.process.wait(PATIENCE)
            worker.let_go()

    def _free(self) -> Worker:
        """One that does nothing; a new one where all are busy."""
        for worker in self._crew:
            if worker.job is None:
                return worker
        return self._hire()

    def _hire(self) -> Worker:
        if not self._setup:
            self._folder = tempfile.TemporaryDirectory(prefix="nas-workers-")
            try:
                shared = share(self.trainer.data, Path(self._folder.name))
            except OSError as error:
                raise NasError(f"images could not be shared with workers ({error}); {ALONE}") from None
            self._setup = pickle.dumps(self.trainer.setup(shared))
        number = next(n for n in count() if all(worker.number != n for worker in self._crew))
        # what this process can import, the worker can, and from the same place: -P keeps the working folder out, which
        # belongs there only where the path has an empty entry for it
        path = os.pathsep.join(place or os.getcwd() for place in sys.path)
        errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the worker
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "nas.worker", str(number)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**FEW_KERNELS, **os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            )
        except OSError as error:
            errors.close()
            raise NasError(f"a worker could not be started ({error}); {ALONE}") from None
        worker = Worker(number=number, process=process, errors=errors)
        self._crew.append(worker)
        threading.Thread(target=self._listen, args=(worker,), daemon=True).start()
        worker.send(self._setup)
        return worker

    def _listen(self, worker: Worker) -> None:
        assert worker.process.stdout is not None
        with worker.process.stdout as pipe:
            while (message := receive(pipe)) is not None:
                self._inbox.put((worker, message))
        self._inbox.put((worker, None))

    def _hear(self) -> tuple[Worker, str, Any]:
        """The next message of one of the crew, its kind and content. Raises what the worker raised."""
        while True:
            worker, message = self._inbox.get()
            if worker not in self._crew:  # dismissed meanwhile
                continue
            if message is None:
                return worker, "died", None
            kind, content = pickle.loads(message)
            if kind == "raised":
                worker.job = None
                raise content
            if kind != "ready":
                return worker, kind, content
            self._any_ready = True

    def _begin(self, worker: Worker) -> None:
        assert worker.job is not None
        worker.attempt += 1
        worker.send(("task", worker.job.task))

    def _next_done(self) -> tuple[Job, Record] | None:
        """Handle one message; what is done, if that is what it says."""
        worker, kind, content = self._hear()
        job = worker.job
        if kind == "died":
            return self._died(worker)
        if kind == "epoch" and job is not None:
            worker.send(("stop", job.report(*content)))
        elif kind == "record" and job is not None:
            worker.job = None
            return job, content
        return None

    def _bury(self, worker: Worker) -> str:
        """How it died. Raises ``NasError`` where none ever was ready: the next one would not be either."""
        self._crew.remove(worker)
        code, words = worker.process.wait(), worker.last_words()
        worker.let_go()
        how = f"killed by signal {-code}" if code < 0 else f"exit status {code}"
        what = f"a worker died ({how}{f': {words}' if words else ''})"
        if not self._any_ready:
            raise NasError(f"{what} before its first training; {ALONE}")
        return what

    def _died(self, worker: Worker) -> tuple[Job, Record] | None:
        """Its task is begun again by another; a task that kills two is a failed one."""
        what = self._bury(worker)
        if worker.job is None:
            return None
        if worker.attempt >= ATTEMPTS:
            return worker.job, self.trainer.failed(worker.job.task, f"{what}, {ATTEMPTS} times")
        log.warning("%s; its training of %s begins again", what, worker.job.task.title)
        heir = self._hire()
        heir.job, heir.attempt = worker.job, worker.attempt
        self._begin(heir)
        return None


def executor(trainer: Trainer, workers: int | None, *, own: bool = False) -> Executor:
    """So many workers, or this process for one; None: as many as fit this machine.

    A training function of the user's ``own`` stays in this process unless a number is given: it may be one that no
    other process can import. Raises ``NasError`` for one that cannot and a number above one.
    """
    number = workers if workers is not None else 1 if own else default_workers(trainer.device, trainer.recipe)
    return InProcess(trainer) if number == 1 else Workers(trainer, number)


def default_workers(device: str, recipe: Recipe) -> int:
    """On a CPU one a core, fewer where memory is short for trainings by this recipe; one on a GPU."""
    if device != "cpu":
        return 1
    memory = available_memory()
    room = cores() if memory is None else memory // memory_a_worker(recipe)
    return max(1, min(cores(), room))


def memory_a_worker(recipe: Recipe) -> int:
    """Bytes, with room to spare for all but the widest networks."""
    a_pixel = MEMORY_A_SMALL_PIXEL if recipe.resolution < SMALL_IMAGE else MEMORY_A_PIXEL
    return MEMORY_A_WORKER + a_pixel * recipe.batch * recipe.resolution**2


def ensure_importable(function: object) -> None:
    """Raises ``NasError`` for a training function that another process could not import."""
    try:
        if b"__main__" not in pickle.dumps(function):  # nor may an argument of a partial be the script's own
            return
    except Exception:  # there is no one error for what cannot be pickled
        pass
    name = getattr(function, "__qualname__", function)
    raise NasError(f"training function {name}: a worker cannot import it; put it into a module, or use workers=1")
