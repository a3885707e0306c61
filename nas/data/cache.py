"""Decode once, then memory-map.

A cache that cannot be written (read-only, full, no locks) costs time, not the run: the images then stay in
memory, and a
note says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from nas.data.cache_entry import Entry, image_set
from nas.data.image_set import ImageSet, Pixels, start_fingerprint
from nas.data.progress import Progress
from nas.data.request import Say
from nas.data.source import Decoding, Source

FORMAT = 1  # raise it when decoding or the files change: entries of before are then not found


def cached(source: Source, cache_dir: Path, say: Say) -> ImageSet:
    """The decoded images of ``source``, from the cache if they are there, else into it.

    Raises:
        NasError: an image cannot be decoded (from ``source.decode``).
    """
    folder = cache_dir / "images"
    entry = Entry(folder / f"{source.name}-{FORMAT}-{source.key[:32]}")
    found = entry.read()
    if found is not None:
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _decode_into(entry, source, say)
    except (OSError, NotImplementedError) as error:  # filelock raises the latter where a disk has no locks
        reason = getattr(error, "strerror", None) or str(error)
    note = f"{folder} cannot be written ({reason}): images are kept in memory; set NAS_CACHE_DIR to keep them"
    in_memory = _decode_in_memory(source, say)
    return replace(in_memory, notes=(*in_memory.notes, note))


def _decode_into(entry: Entry, source: Source, say: Say) -> ImageSet:
    from filelock import FileLock, Timeout

    lock = FileLock(entry.file(".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(f"{source.name}: waiting for another process that is decoding the same images")
        lock.acquire()
    try:
        # The process waited for may have done the work. What else lies here is incomplete or damaged.
        return entry.read() or _write(entry, source, say)
    finally:
        lock.release()


def _write(entry: Entry, source: Source, say: Say) -> ImageSet:
    decoding = source.decode(say)
    hashed = _Hashed(decoding, source.name, say)
    side = decoding.resolution
    entry.write_images(hashed.chunks(), shape=(len(decoding.labels), 3, side, side))
    entry.write_rest(decoding.labels, _facts(source, decoding, hashed))
    written = entry.read()
    if written is None:
        raise OSError("what was written does not read back")
    return written


def _decode_in_memory(source: Source, say: Say) -> ImageSet:
    decoding = source.decode(say)
    hashed = _Hashed(decoding, source.name, say)
    images = np.empty((len(decoding.labels), 3, decoding.resolution, decoding.resolution), dtype=np.uint8)
    start = 0
    for chunk in hashed.chunks():
        images[start : start + len(chunk)] = chunk
        start += len(chunk)
    return image_set(_facts(source, decoding, hashed), images, decoding.labels)


class _Hashed:
    """The chunks of a decoding, hashed and counted as they pass."""

    def __init__(self, decoding: Decoding, name: str, say: Say) -> None:
        self._chunks = decoding.chunks
        self._progress = Progress(say, f"decoding {name}, once", len(decoding.labels))
        self._digest = start_fingerprint(decoding.labels, decoding.classes, resolution=decoding.resolution)

    def chunks(self) -> Iterator[Pixels]:
        for chunk in self._chunks:
            pixels = np.ascontiguousarray(chunk)
            self._digest.update(pixels.reshape(-1).data)
            self._progress.advance(len(pixels))
            yield pixels

    def fingerprint(self) -> str:
        return self._digest.hexdigest()


def _facts(source: Source, decoding: Decoding, hashed: _Hashed) -> dict[str, object]:
    """Every field of the image set but its arrays; to be called after the last chunk."""
    described = decoding.describe()
    return {
        "name": source.name,
        "label": described.label,
        "classes": decoding.classes,
        "fingerprint": hashed.fingerprint(),
        "deployed_resolution": decoding.deployed_resolution,
        "deployed_classes": decoding.deployed_classes,
        "notes": described.notes,
    }
