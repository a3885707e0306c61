"""Small image folders and a CIFAR-10 of twenty images, made for each test."""

from __future__ import annotations

import hashlib
import io
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data.cifar10_batches import ARCHIVE, FOLDER, Published
from nas.data.cifar10_identity import CLASSES

MakeFolder = Callable[..., Path]


@pytest.fixture(autouse=True)
def own_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the developer's data, fills the developer's cache, or downloads anything."""
    monkeypatch.delenv("NAS_DATA_DIR", raising=False)
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("NAS_CIFAR10_MIRRORS", "")


Picture = Callable[..., Image.Image]


def _picture(seed: int, size: tuple[int, int] = (12, 12), mode: str = "RGB") -> Image.Image:
    """Noise, so that no two pictures are alike."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


@pytest.fixture(scope="session")
def picture() -> Picture:
    """``picture(seed, size, mode)``"""
    return _picture


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """``make_folder({"cat": 6, "dog": 5})`` writes PNG files and returns the folder that holds ``train/``."""

    def make(classes: dict[str, int], *, suffix: str = ".png", size: tuple[int, int] = (12, 12)) -> Path:
        root = tmp_path / "pets"
        for name, count in classes.items():
            folder = root / "train" / name
            folder.mkdir(parents=True)
            for number in range(count):
                path = folder / f"{number:04}{suffix}"
                _picture(hash_of(f"{name} {number}"), size).save(path)
        return root

    return make


def hash_of(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def python2_pickle(images: np.ndarray, labels: np.ndarray) -> bytes:
    """``{"data": uint8 [n, 3072], "labels": [...]}`` in the opcodes that Python 2 and NumPy 1 wrote.

    Their strings are bytes and their module is called numpy.core; Python 3 cannot be made to write either.
    """
    data = images.tobytes()
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01"
        + b"J" + struct.pack("<i", len(images)) + b"J" + struct.pack("<i", 3072) + b"\x86"
        + b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        + b"\x89T" + struct.pack("<i", len(data)) + data + b"tb"
    )  # fmt: skip
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(U\x04data" + array + b"U\x06labels" + numbers + b"u."


class TinyCifar:
    CLASSES = CLASSES

    """Five batches of four images, pickled as the real ones are, with checksums to match."""

    def __init__(self) -> None:
        generator = np.random.default_rng(0)
        self.images = generator.integers(0, 256, (20, 3, 32, 32), dtype=np.uint8)
        self.labels = np.arange(20) % 10
        self.batches: dict[str, bytes] = {}
        for number in range(5):
            rows = slice(4 * number, 4 * number + 4)
            self.batches[f"data_batch_{number + 1}"] = python2_pickle(self.images[rows], self.labels[rows])
        self.archive = self.pack(self.batches)

    @staticmethod
    def pack(batches: dict[str, bytes]) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz") as archive:
            # A test batch that cannot be read, and a member that would like to lie elsewhere.
            for name, content in {**batches, "test_batch": b"not a pickle", "../../escaped": b"!"}.items():
                member = tarfile.TarInfo(f"{FOLDER}/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return out.getvalue()

    @property
    def published(self) -> Published:
        return Published(
            archive_md5=hashlib.md5(self.archive).hexdigest(),
            archive_bytes=len(self.archive),
            batch_md5={name: hashlib.md5(content).hexdigest() for name, content in self.batches.items()},
        )

    def unpack_to(self, root: Path) -> Path:
        (root / FOLDER).mkdir(parents=True)
        for name, content in self.batches.items():
            (root / FOLDER / name).write_bytes(content)
        (root / FOLDER / "test_batch").write_bytes(b"not a pickle")
        return root

    def archive_to(self, root: Path) -> Path:
        root.mkdir(parents=True)
        (root / ARCHIVE).write_bytes(self.archive)
        return root


@pytest.fixture(scope="session")
def tiny_cifar() -> TinyCifar:
    return TinyCifar()
