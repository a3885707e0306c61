"""Which image files lie in ``train/<class>/``: found by name, none of them opened."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nas.data.image_set import Labels
from nas.errors import NasError

IMAGE_SUFFIXES = frozenset({
    ".avif", ".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif",
    ".tiff", ".webp",
})  # fmt: skip
CLUTTER = frozenset({"__macosx", "thumbs.db", "desktop.ini"})  # left by archives and file managers; nobody's mistake


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The files of a training set in a fixed order: by class name, then by path."""

    root: Path  # the folder that holds train/
    classes: tuple[str, ...]  # sorted, as torchvision's ImageFolder has them
    paths: tuple[str, ...]  # [N]; strings, since 50,000 Path objects take longer than all else here
    labels: Labels  # int64 [N]
    stamp: str  # hex; changes when a file is added, removed, renamed, resized or rewritten
    notes: tuple[str, ...]


def list_images(root: Path) -> Listing:
    """The images under ``root/train/<class>/``, at any depth inside a class.

    Raises:
        NasError: there is no such folder, it has no ``train/``, or something in it cannot be listed.
    """
    train = root / "train"
    if not root.is_dir():
        raise NasError(f"--data-dir {root}: no such folder; give the folder that holds train/<class>/…")
    if not train.is_dir():
        raise NasError(_no_train(root))
    digest = hashlib.sha256(os.fsencode(root.resolve()))
    classes = class_names(train)
    paths: list[str] = []
    counts: list[int] = []
    ignored: Counter[str] = Counter()
    for name in classes:
        found = sorted(_walk(os.path.join(train, name), ignored))
        digest.update(os.fsencode("\n".join([f"{path}\0{size}\0{time}" for path, size, time in found])))
        paths += [path for path, _, _ in found]
        counts.append(len(found))
    return Listing(
        root=root,
        classes=classes,
        paths=tuple(paths),
        labels=np.repeat(np.arange(len(classes), dtype=np.int64), counts),
        stamp=digest.hexdigest(),
        notes=_ignored_note(ignored),
    )


def class_names(train: Path) -> tuple[str, ...]:
    """The class folders in ``train``, sorted; hidden ones are no classes."""
    return tuple(sorted(entry.name for entry in os.scandir(train) if entry.is_dir() and not _is_clutter(entry.name)))


def _walk(folder: str, ignored: Counter[str]) -> list[tuple[str, int, int]]:
    """(path, bytes, time stamp) of every visible image below ``folder``; other files are counted by suffix.

    Kept lean: it runs over 50,000 files on every load.
    """
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                stem, dot, ending = name.rpartition(".")
                suffix = (dot + ending).lower() if stem else ""
                if suffix in IMAGE_SUFFIXES and name[0] != "." and entry.is_file():
                    stat = entry.stat()
                    found.append((entry.path, stat.st_size, stat.st_mtime_ns))
                elif _is_clutter(name):
                    continue
                elif entry.is_dir(follow_symlinks=False):  # a link to a folder could lead round in a circle
                    found += _walk(entry.path, ignored)
                else:
                    ignored[suffix or "no suffix"] += 1
    except OSError as error:
        raise NasError(f"{folder}: cannot be listed ({error.strerror}); check its permissions") from error
    return found


def _is_clutter(name: str) -> bool:
    return name.startswith(".") or name.lower() in CLUTTER


def _no_train(root: Path) -> str:
    folders = [entry for entry in sorted(root.iterdir()) if entry.is_dir() and not _is_clutter(entry.name)]
    with_images = [folder.name for folder in folders if _has_images(folder)]
    if with_images:
        shown = ", ".join(with_images[:3]) + (", …" if len(with_images) > 3 else "")
        where = f"--data-dir {root}: the class folders ({shown}) lie directly in it"
        return f"{where}; move them into {root / 'train'}"
    return f"--data-dir {root}: no train/ in it; put each class's images into {root / 'train'}/<class>/"


def _has_images(folder: Path) -> bool:
    return any(path.suffix.lower() in IMAGE_SUFFIXES for path in folder.iterdir())


def _ignored_note(ignored: Counter[str]) -> tuple[str, ...]:
    total = ignored.total()
    if not total:
        return ()
    kinds = ", ".join(sorted(ignored))
    files = "1 file that is no image was" if total == 1 else f"{total:,} files that are no images were"
    return (f"{files} ignored ({kinds})",)
