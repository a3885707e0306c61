"""Images that several processes read without each having a copy: by the file they are mapped from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from mmap import mmap
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nas.data.image_set import ImageSet, Pixels, read_only

NO_PIXELS: Pixels = np.empty((0, 3, 0, 0), dtype=np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedImages:
    """An image set whose pixels lie in a file; small, to be sent to another process."""

    file: Path
    offset: int  # bytes from the file's beginning
    shape: tuple[int, ...]
    rest: ImageSet  # everything but the pixels

    def open(self) -> ImageSet:
        """The image set, its pixels memory-mapped: all processes that open it share one copy."""
        pixels: Pixels = np.memmap(self.file, np.uint8, "r", self.offset, self.shape)
        return replace(self.rest, images=read_only(pixels))


def share(data: ImageSet, folder: Path) -> SharedImages:
    """Where ``data`` is mapped from; images that are in memory only are written to ``folder`` first."""
    place = _mapped_from(data.images)
    if place is None:
        file = folder / f"{data.fingerprint[:16]}.npy"
        np.save(file, data.images)
        mapped = np.load(file, mmap_mode="r")
        place = (file, mapped.offset)
    return SharedImages(file=place[0], offset=place[1], shape=data.images.shape, rest=replace(data, images=NO_PIXELS))


def _mapped_from(images: Pixels) -> tuple[Path, int] | None:
    """File and offset of a memory map or of rows of one; None for anything else."""
    base: object = images
    while base is not None:
        # a slice of a map is a map too, with the offset of the whole one: only the whole one can be trusted
        if isinstance(base, np.memmap) and isinstance(base.base, mmap):
            # "c": what was written to the map is not in the file
            usable = images.flags.c_contiguous and base.mode != "c" and base.filename is not None
            return (Path(base.filename), base.offset + _address(images) - _address(base)) if usable else None
        base = getattr(base, "base", None)
    return None


def _address(array: npt.NDArray[Any]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
