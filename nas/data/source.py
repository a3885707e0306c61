"""Images that were found but not decoded yet: what stands between a loader and the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from nas.data.image_set import Labels, Pixels
from nas.data.request import Say


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What is only known once every image was seen."""

    label: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """A data set on its way: facts first, then its images in the order of its labels."""

    classes: tuple[str, ...]
    labels: Labels  # int64 [N]
    resolution: int  # px
    deployed_resolution: int  # px
    deployed_classes: int
    chunks: Iterator[Pixels]  # each uint8 [n, 3, R, R]; together N images
    describe: Callable[[], Description]  # to be called after the last chunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A found data set: finding is done on every load, ``decode`` only when the cache lacks ``key``."""

    name: str
    key: str  # hex; changes with anything that could change the decoded images
    decode: Callable[[Say], Decoding]
