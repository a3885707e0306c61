"""CIFAR-10's archive from whichever mirror serves it in time.

Every mirror has the same file, byte for byte, and its checksum is known; so what one mirror began another
may finish, and
it does not matter whose the mirrors are.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from nas.data.cifar10_batches import ARCHIVE, Published, md5_of
from nas.data.mirrors import (
    ORIGINAL,
    ConnectionBroke,
    MirrorFailed,
    known_mirrors,
    open_mirror,
    reachable,
    read_some,
)
from nas.data.progress import EVERY_SECONDS, duration
from nas.data.request import Say
from nas.errors import NasError


class DatasetUnavailable(NasError):
    """A data set is neither on this machine nor to be had; the message says how to get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """When to leave a mirror for the next."""

    connect_seconds: float = 4.0  # for all mirrors together: without a network the answer comes after this
    silence_seconds: float = 15.0
    judge_seconds: float = 20.0  # the rate is looked at this often
    hopeless_seconds: float = 15 * 60.0  # more than this left: the next mirror may be faster
    last_resort_seconds: float = 60 * 60.0  # the fastest of the slow ones is used up to here


class _Hopeless(Exception):
    def __init__(self, seconds_left: float) -> None:
        super().__init__(f"too slow, {duration(seconds_left)} left")
        self.seconds_left = seconds_left


def download(
    archive: Path, published: Published, *, mirrors: Sequence[str] | None, patience: Patience, say: Say
) -> Path:
    """Fetch the archive to ``archive`` and return that path; continue what an interrupted call left.

    ``mirrors``: None: NAS_CIFAR10_MIRRORS if set (URLs with commas between; empty: never download), else the
    known ones.

    Raises:
        DatasetUnavailable: no mirror delivered the published file.
        NasError: it cannot be written to.
    """
    urls = known_mirrors() if mirrors is None else tuple(mirrors)
    if not urls:
        raise _unavailable(archive, ["downloads are switched off: NAS_CIFAR10_MIRRORS is empty"])
    try:
        return _download_locked(archive, urls, published, patience, say)
    except OSError as error:
        raise NasError(
            f"{archive.parent}: CIFAR-10 cannot be written there ({error.strerror or error}); "
            f"make {published.archive_bytes / 1e6:.0f} MB of room, or choose another folder with --data-dir"
        ) from error


def _download_locked(archive: Path, urls: Sequence[str], published: Published, patience: Patience, say: Say) -> Path:
    from filelock import FileLock

    archive.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(archive.with_name(archive.name + ".lock")):
        if archive.exists():  # another process was faster
            return archive
        size = f"{published.archive_bytes / 1e6:.0f} MB, once"
        say(f"CIFAR-10: not found, downloading it to {archive.parent} ({size})")
        failures = _try_all(archive, urls, published, patience, say)
    if failures:
        raise _unavailable(archive, failures)
    return archive


def _try_all(archive: Path, urls: Sequence[str], published: Published, patience: Patience, say: Say) -> list[str]:
    """What went wrong at each mirror; empty when the archive is there."""
    open_hosts = reachable(urls, seconds=patience.connect_seconds)
    failures: dict[str, str] = {url: "cannot be reached" for url in urls if url not in open_hosts}
    slow: list[tuple[float, str]] = []
    for url in open_hosts:
        try:
            _fetch(url, archive, published, patience, say, limit=patience.hopeless_seconds)
            return []
        except _Hopeless as error:
            slow.append((error.seconds_left, url))
            failures[url] = str(error)
        except MirrorFailed as error:
            failures[url] = str(error)
        say(f"CIFAR-10: {_host(url)}: {failures[url]}")
    if slow and min(slow)[0] <= patience.last_resort_seconds:
        seconds_left, url = min(slow)
        say(f"CIFAR-10: no faster mirror, so {_host(url)} after all: about {duration(seconds_left)}")
        try:
            _fetch(url, archive, published, patience, say, limit=patience.last_resort_seconds)
            return []
        except (_Hopeless, MirrorFailed) as error:
            failures[url] = str(error)
    return [f"{_host(url)}: {failures[url]}" for url in urls]


def _fetch(url: str, archive: Path, published: Published, patience: Patience, say: Say, *, limit: float) -> None:
    """Download, continuing a broken connection for as long as each attempt brings something, and verify."""
    part = archive.with_name(archive.name + ".part")
    begun_elsewhere = part.exists()
    while True:
        before = part.stat().st_size if part.exists() else 0
        if before > published.archive_bytes:
            part.unlink()
            before = 0
        try:
            if before < published.archive_bytes:
                _stream(url, part, published.archive_bytes, patience, say, limit=limit)
            broken = ""
        except ConnectionBroke as error:
            broken = str(error)
        after = part.stat().st_size if part.exists() else 0
        if after == published.archive_bytes:
            with part.open("rb") as file:
                right = md5_of(file) == published.archive_md5
            if right:
                part.replace(archive)
                return
            part.unlink()
            if not begun_elsewhere:
                raise MirrorFailed("its file has a wrong checksum")
            begun_elsewhere = False  # the wrong bytes may be those that were here before: once more, all from here
        elif after <= before:
            raise MirrorFailed(broken)


def _stream(url: str, part: Path, total: int, patience: Patience, say: Say, *, limit: float) -> None:
    have = part.stat().st_size if part.exists() else 0
    response, start = open_mirror(url, start=have, total=total, timeout=patience.silence_seconds)
    with response, part.open("ab" if start else "wb") as file:
        done = judged_bytes = said_bytes = start
        judged = said = time.monotonic()
        while done < total and (block := read_some(response, min(1 << 16, total - done))):
            file.write(block)
            done += len(block)
            now = time.monotonic()
            if now - judged >= patience.judge_seconds:
                seconds_left = (total - done) * (now - judged) / (done - judged_bytes)
                if seconds_left > limit:
                    raise _Hopeless(seconds_left)
                judged, judged_bytes = now, done
            if now - said >= EVERY_SECONDS:
                rate = (done - said_bytes) / (now - said)
                amount = f"{done / 1e6:.0f} of {total / 1e6:.0f} MB from {_host(url)}, {rate / 1e6:.2f} MB/s"
                say(f"CIFAR-10: {amount}, {duration((total - done) / rate)} left")
                said, said_bytes = now, done
    if done < total:
        raise ConnectionBroke("the connection ended early")


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _unavailable(archive: Path, failures: Sequence[str]) -> DatasetUnavailable:
    return DatasetUnavailable(
        f"--dataset cifar10: not on this machine and not to be had ({'; '.join(failures)}): "
        f"download {ORIGINAL} on any machine, put {ARCHIVE} into a folder and name it with "
        f"NAS_DATA_DIR or --data-dir (or into {archive.parent}); "
        "or use --dataset digits, which needs no download"
    )
