"""One driver a run: a lock in its folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from nas.errors import NasError


@contextmanager
def only_driver(folder: Path) -> Iterator[None]:
    """Make the run's folder and hold its lock. Raises ``NasError`` where another process holds it."""
    lock = FileLock(folder / "lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise NasError(
            f"study {folder.name}: is being run by another process; wait for it, or choose --study"
        ) from None
    except OSError as error:
        raise NasError(f"--runs {folder.parent}: cannot be written ({error.strerror})") from None
    with lock:  # counted: the inner release is not the last one
        try:
            yield
        finally:
            lock.release()
