"""What a search takes of memory, whether it grows with its trials, and how long it takes to begin.

    NAS_DATA_DIR=... python -m benchmarks.memory [--trials 50] [--workers 2] [--json]

``python -m nas.search`` on CIFAR-10 with very short trials, in a folder of its own; memory of the driver and all its
workers every half second, the report's writing included. RSS counts what processes share once for each of them, PSS
divides it among them: PSS is what the machine loses. Growth is the slope of PSS over finished trials, from the tenth to
the last. Start-up is of a second search, when images are cached: from the command until its first training
begins, the estimate of its duration and the workers' start included. Linux only; some minutes.
"""

import argparse
import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from scipy.stats import linregress

from nas.command import mended_by_user
from nas.errors import NasError
from nas.machine import machine, versions
from nas.record import RECORD

STUDY = "memory"
SETTLED = 10  # trials after which everything that is kept should be there
EVERY = 0.5  # seconds between two samples
PATIENCE = 30.0  # seconds to end after Ctrl-C
MB = 1e6


class Memory(NamedTuple):
    """Bytes, of one process or several."""

    pss: int
    rss: int


@dataclass(frozen=True, kw_only=True)
class Sample:
    """All processes at one moment."""

    trials: int  # of the search, finished by then
    driver: Memory
    workers: tuple[Memory, ...]

    def total(self, what: str) -> int:
        return sum(getattr(one, what) for one in (self.driver, *self.workers))


def of_process(pid: int) -> Memory | None:
    """None for one that has ended, or may not be looked at."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return None
    kib = {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines()[1:]}
    return Memory(pss=1024 * kib["Pss"], rss=1024 * kib["Rss"])


def descendants(pid: int) -> list[int]:
    """Children of a process, and theirs."""
    children: dict[int, list[int]] = {}
    for place in Path("/proc").iterdir():
        if not place.name.isdigit():
            continue
        try:
            after_name = (place / "stat").read_text().rpartition(")")[2].split()  # a name may hold spaces
        except OSError:  # it ended meanwhile
            continue
        children.setdefault(int(after_name[1]), []).append(int(place.name))
    found, look = [], [pid]
    while look:
        below = children.get(look.pop(), [])
        found += below
        look += below
    return found


def query(file: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a storage that another process writes; none while it is not there yet."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=1)) as connection:
            return connection.execute(sql).fetchall()
    except sqlite3.OperationalError:
        return []


def finished_trials(file: Path) -> int:
    """Of the search itself, without its references."""
    sql = (
        "SELECT count(*) FROM trials JOIN studies USING (study_id) "
        f"WHERE study_name = '{STUDY}' AND state NOT IN ('RUNNING', 'WAITING')"
    )
    rows = query(file, sql)
    return int(rows[0][0]) if rows else 0


def command(folder: Path, trials: int, workers: int, further: Sequence[str]) -> list[str]:
    """The search that is watched: trials of a second or two, most of them validation."""
    words = f"--budget-mflops 60 --dataset cifar10 --epochs 1 --train-images 256 --trials {trials} --confirm 0"
    place = ["--workers", str(workers), "--study", STUDY, "--runs", str(folder), "--json"]
    return [sys.executable, "-m", "nas.search", *words.split(), *place, *further]


def watch_search(words: Sequence[str], folder: Path, trials: int, say: Callable[[str], None]) -> list[Sample]:
    """Run it to its end. Raises ``NasError`` with its last line if it fails."""
    samples: list[Sample] = []
    shown = -1
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=errors)
        try:
            while process.poll() is None:
                done = finished_trials(folder / "nas.db")
                driver = of_process(process.pid)
                below = [of_process(pid) for pid in descendants(process.pid)]
                if driver is not None:
                    crew = tuple(one for one in below if one is not None)
                    samples.append(Sample(trials=done, driver=driver, workers=crew))
                if done != shown and done % 10 == 0:
                    say(f"{done} of {trials} trials")
                    shown = done
                time.sleep(EVERY)
        finally:
            stop(process)
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip().splitlines()
    if process.returncode:
        raise NasError(f"the search ended with status {process.returncode}: {said[-1] if said else 'it said nothing'}")
    return samples


def startup_seconds(words: Sequence[str], folder: Path) -> float:
    """From the command to the beginning of its first training: when that was told, less what it took itself."""
    file = folder / "nas.db"
    begin = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not query(file, "SELECT trial_id FROM trial_values"):
            if process.poll() is not None:
                raise NasError(f"the second search ended with status {process.returncode} before its first training")
            time.sleep(0.02)
        told = time.perf_counter() - begin
        rows = query(file, f"SELECT value_json FROM trial_user_attributes WHERE key = '{RECORD}' LIMIT 1")
    finally:
        stop(process)
    return told - float(json.loads(rows[0][0])["train_seconds"])


def stop(process: "subprocess.Popen[bytes]") -> None:
    """As Ctrl-C would; nothing where it has ended."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Growth(NamedTuple):
    """MB a trial, and the slope's standard error."""

    mb_per_trial: float
    error: float


def growth(points: Iterable[tuple[int, float]], *, first: int, last: int) -> Growth | None:
    """Slope of memory (bytes) over trials from ``first`` to ``last``; None with fewer than three numbers of trials.

    The median of all samples with the same number of trials is one point: within a trial memory goes up and down.
    """
    at: dict[int, list[float]] = {}
    for trials, value in points:
        if first <= trials <= last:
            at.setdefault(trials, []).append(value)
    if len(at) < 3:
        return None
    line = linregress(sorted(at), [median(at[trials]) / MB for trials in sorted(at)])
    return Growth(float(line.slope), float(line.stderr))


def figures(samples: Sequence[Sample], trials: int) -> dict[str, Any]:
    """Peaks in MB, and growth. Once the last trial is done the report is written: a peak, but no growth."""
    found = growth(
        ((sample.trials, sample.total("pss")) for sample in samples), first=min(SETTLED, trials // 2), last=trials - 1
    )
    return {
        "peak_pss_mb": max(sample.total("pss") for sample in samples) / MB,
        "peak_rss_mb": max(sample.total("rss") for sample in samples) / MB,
        "driver_peak_pss_mb": max(sample.driver.pss for sample in samples) / MB,
        "worker_peak_pss_mb": max((one.pss for sample in samples for one in sample.workers), default=0) / MB,
        "training_peak_pss_mb": max((s.total("pss") for s in samples if s.trials < trials), default=0) / MB,
        "mb_per_trial": None if found is None else found.mb_per_trial,
        "mb_per_trial_error": None if found is None else found.error,
        "samples": len(samples),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options, further = parser.parse_known_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the search ends too

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    with mended_by_user(), tempfile.TemporaryDirectory() as temporary:
        first, second = Path(temporary) / "first", Path(temporary) / "second"
        samples = watch_search(command(first, options.trials, options.workers, further), first, options.trials, say)
        say("a second search, until its first training")
        startup = startup_seconds(command(second, 1, options.workers, further), second)
    document = {
        "trials": options.trials,
        "workers": options.workers,
        "further_options": further,
        **figures(samples, options.trials),
        "startup_seconds": startup,
        "machine": machine(),
        "versions": versions(),
    }
    if options.json:
        print(json.dumps(document, indent=2))
        return
    print(f"{options.trials} trials, {options.workers} workers, {document['samples']} samples")
    print(
        f"peak of all processes: PSS {document['peak_pss_mb']:.0f} MB (RSS {document['peak_rss_mb']:.0f}); "
        f"while trials run {document['training_peak_pss_mb']:.0f}; driver {document['driver_peak_pss_mb']:.0f}, "
        f"a worker {document['worker_peak_pss_mb']:.0f}"
    )
    if document["mb_per_trial"] is not None:
        print(
            f"growth: {document['mb_per_trial']:+.2f} MB a trial (standard error {document['mb_per_trial_error']:.2f})"
        )
    print(f"from the command until the first training begins: {startup:.1f} s")


if __name__ == "__main__":
    main()
