"""Image sets to search on, and the fixed ways they are divided.

Training images only: no loader opens a test set. Importing this needs NumPy and nothing heavier.
"""

from __future__ import annotations

import difflib
from pathlib import Path

from nas.data.cifar10 import load_cifar10
from nas.data.digits import load_digits
from nas.data.download import DatasetUnavailable
from nas.data.folder import load_folder
from nas.data.folds import FOLDS, folds
from nas.data.image_set import PUBLISHED_FORM, ImageSet
from nas.data.request import Loader, Say, request, to_stderr
from nas.data.split import Split, split
from nas.errors import NasError

DATASETS: dict[str, Loader] = {
    "cifar10": load_cifar10,
    "folder": load_folder,
    "digits": load_digits,
}

# what a budget is counted at (px, classes), where that is known before the images are: a folder's is its own
DEPLOYED: dict[str, tuple[int, int]] = {"cifar10": PUBLISHED_FORM, "digits": PUBLISHED_FORM}


def load(
    name: str,
    *,
    data_dir: Path | None = None,
    resolution: int | None = None,
    cache_dir: Path | None = None,
    say: Say = to_stderr,
) -> ImageSet:
    """The training images of a data set by name.

    Decoded on the first call, memory-mapped from the cache afterwards.

    ``data_dir``: where it lies; None: NAS_DATA_DIR. ``resolution``: side in px; None: the images' own.
    ``cache_dir``: None: NAS_CACHE_DIR, or ~/.cache/nas. ``say`` gets progress, a line at a time.

    Raises:
        NasError: no such data set, or it cannot be read.
        DatasetUnavailable: it is not there and cannot be downloaded.
    """
    if name not in DATASETS:
        near = difflib.get_close_matches(name, DATASETS, n=1)
        hint = f"did you mean {near[0]}?" if near else "choose one of these"
        raise NasError(f"--dataset {name}: there are {', '.join(DATASETS)}; {hint}")
    return DATASETS[name](request(data_dir=data_dir, resolution=resolution, cache_dir=cache_dir, say=say))


__all__ = [
    "DATASETS",
    "DEPLOYED",
    "FOLDS",
    "DatasetUnavailable",
    "ImageSet",
    "Loader",
    "Split",
    "folds",
    "load",
    "split",
]
