"""What a loader is asked for, and where it may look."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import NasError

if TYPE_CHECKING:
    from nas.data.image_set import ImageSet

Say = Callable[[str], None]  # gets one line for a person: progress, or what is being waited for

SMALLEST_RESOLUTION = 8  # px
LARGEST_RESOLUTION = 1024


def to_stderr(line: str) -> None:
    """The default ``say``: results go to stdout, everything else to stderr."""
    print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call of ``load``, with the environment already looked up."""

    data_dir: Path | None  # --data-dir, else NAS_DATA_DIR
    data_dir_given: bool  # by --data-dir: then downloads may go there too
    resolution: int | None  # px; None: the data set's own
    cache_dir: Path
    say: Say = field(default=to_stderr)


Loader = Callable[[Request], "ImageSet"]


def request(*, data_dir: Path | None, resolution: int | None, cache_dir: Path | None, say: Say) -> Request:
    """Fill in NAS_DATA_DIR and NAS_CACHE_DIR.

    Raises:
        NasError: a resolution outside 8..1024 px.
    """
    if resolution is not None and not SMALLEST_RESOLUTION <= resolution <= LARGEST_RESOLUTION:
        limits = f"{SMALLEST_RESOLUTION} to {LARGEST_RESOLUTION}"
        raise NasError(f"--resolution {resolution}: images can be {limits} px; choose a number in between")
    return Request(
        data_dir=_folder(data_dir, "NAS_DATA_DIR"),
        data_dir_given=data_dir is not None,
        resolution=resolution,
        cache_dir=find_cache_dir(cache_dir),
        say=say,
    )


def find_cache_dir(given: Path | None = None) -> Path:
    """``given``, else NAS_CACHE_DIR, else ~/.cache/nas."""
    return _folder(given, "NAS_CACHE_DIR") or Path("~/.cache/nas").expanduser()


def _folder(given: Path | None, variable: str) -> Path | None:
    text = str(given) if given is not None else os.environ.get(variable, "")
    return Path(text).expanduser() if text else None  # an empty variable counts as unset
