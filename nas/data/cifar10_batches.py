"""The files CIFAR-10 is published as: five training batches, in a folder or in their archive.

The test batch stays shut.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from nas.data.image_set import Labels, Pixels
from nas.errors import NasError

FOLDER = "cifar-10-batches-py"
ARCHIVE = "cifar-10-python.tar.gz"
LARGEST_BATCH = 64 << 20  # bytes; a real one has 31 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What the published files are known by: MD5, as the authors give it."""

    archive_md5: str = "c58f30108f718f92721af3b95e74349a"
    archive_bytes: int = 170_498_071
    batch_md5: Mapping[str, str] = field(
        default_factory=lambda: {
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        }
    )


def md5_of(file: BinaryIO) -> str:
    """MD5 in hex of a file opened for reading; also on machines that forbid MD5 for security."""
    digest = hashlib.md5(usedforsecurity=False)
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def read_batch_folder(folder: Path, published: Published) -> Iterator[tuple[Pixels, Labels]]:
    """Images uint8 [n, 3, 32, 32] and labels int64 [n] of each training batch.

    Raises:
        NasError: a batch is missing or is not the published one.
    """
    for name, md5 in published.batch_md5.items():
        path = folder / name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise NasError(f"{path}: {error.strerror}; unpack {ARCHIVE} again") from error
        yield _batch(content, md5, str(path))


def read_archive(path: Path, published: Published) -> Iterator[tuple[Pixels, Labels]]:
    """The same from the archive, of which nothing is written to disk.

    Raises:
        NasError: it is not the published archive.
    """
    try:
        with path.open("rb") as file:
            found = md5_of(file)
    except OSError as error:
        raise NasError(f"{path}: {error.strerror}; check its permissions") from error
    if found != published.archive_md5:
        raise NasError(
            f"{path}: not the published archive (MD5 {found}, should be {published.archive_md5}); "
            "delete it and try again"
        )
    batches: dict[str, bytes] = {}
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            # Known names only, and only their content: where a member says it wants to be written does not
            # matter.
            folder, _, name = member.name.partition("/")
            if folder == FOLDER and name in published.batch_md5 and member.size <= LARGEST_BATCH:
                content = archive.extractfile(member)
                if content is not None:
                    batches[name] = content.read()
    for name, md5 in published.batch_md5.items():
        if name not in batches:
            raise NasError(f"{path}: {FOLDER}/{name} is not in it; delete it and try again")
        yield _batch(batches[name], md5, f"{path}: {FOLDER}/{name}")


def _batch(content: bytes, md5: str, place: str) -> tuple[Pixels, Labels]:
    found = md5_of(io.BytesIO(content))
    if found != md5:  # checked before a single byte is unpickled
        raise NasError(f"{place}: not the published file (MD5 {found}, should be {md5}); unpack {ARCHIVE} again")
    fields = _Unpickler(io.BytesIO(content), encoding="bytes").load()  # written by Python 2
    pixels: Pixels = fields[b"data"].reshape(-1, 3, 32, 32)
    return pixels, np.array(fields[b"labels"], dtype=np.int64)


class _Unpickler(pickle.Unpickler):
    """Makes arrays and nothing else, should something else ever pass the checksums."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("numpy.core.multiarray", "_reconstruct"):
            return lambda kind, shape, dtype: np.ndarray.__new__(kind, shape, dtype)
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a CIFAR-10 batch")
