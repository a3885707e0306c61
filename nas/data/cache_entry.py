"""One decoded image set on disk: three files beside each other.

``KEY.json`` is written last, so where it is, the other two are whole. It holds the size and time stamp of
both: as long
as they fit, loading costs nothing; if not, the pixels are hashed again before they are believed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from nas.data.image_set import ImageSet, Labels, Pixels, read_only, start_fingerprint

IMAGES_A_READ = 4096  # hashed at a time


@dataclass(frozen=True, slots=True)
class Entry:
    """The files that begin with ``stem``."""

    stem: Path

    def file(self, suffix: str) -> Path:
        """The file of this entry that ends in ``suffix``."""
        return self.stem.with_name(self.stem.name + suffix)

    def read(self) -> ImageSet | None:
        """The image set, its pixels memory-mapped; None where the entry is absent, incomplete or damaged."""
        try:
            stored = json.loads(self.file(".json").read_text(encoding="utf-8"))
            images: Pixels = np.load(self.file(".images.npy"), mmap_mode="r")
            labels: Labels = np.load(self.file(".labels.npy"))
            found = image_set(stored["facts"], images, labels)
            if images.shape != (len(labels), 3, found.resolution, found.resolution):
                return None
            intact = stored["stamps"] == self._stamps() or _fingerprint(found) == found.fingerprint
        except (OSError, ValueError, KeyError, TypeError, IndexError, EOFError):
            return None
        return found if intact else None

    def write_images(self, chunks: Iterator[Pixels], shape: tuple[int, ...]) -> None:
        """The pixels, chunk by chunk.

        Ordinary writes, since in a memory map a full disk is not an error but a SIGBUS.
        """
        with self._whole(".images.npy") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for chunk in chunks:
                file.write(chunk.data)

    def write_rest(self, labels: Labels, facts: dict[str, object]) -> None:
        """Labels, then what makes the entry valid. The images must be there."""
        with self._whole(".labels.npy") as file:
            np.save(file, labels)
        stored = {"facts": facts, "stamps": self._stamps()}
        with self._whole(".json") as file:
            file.write(json.dumps(stored, indent=1).encode())

    @contextmanager
    def _whole(self, suffix: str) -> Iterator[BinaryIO]:
        """A file that gets its name once all of it is on the disk. One process writes at a time."""
        part = self.file(suffix + ".part")
        try:
            with part.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.file(suffix))
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def _stamps(self) -> list[list[int]]:
        stats = [self.file(suffix).stat() for suffix in (".images.npy", ".labels.npy")]
        return [[stat.st_size, stat.st_mtime_ns] for stat in stats]


def image_set(facts: dict[str, object], images: Pixels, labels: Labels) -> ImageSet:
    """The image set of facts as ``Entry.write_rest`` stores them; lists become tuples again."""
    named = {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()}
    return ImageSet(images=read_only(images), labels=read_only(labels), **named)  # type: ignore[arg-type]  # from JSON


def _fingerprint(images: ImageSet) -> str:
    digest = start_fingerprint(images.labels, images.classes, resolution=images.resolution)
    for start in range(0, len(images), IMAGES_A_READ):
        digest.update(np.ascontiguousarray(images.images[start : start + IMAGES_A_READ]).tobytes())
    return digest.hexdigest()
