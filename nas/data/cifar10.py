"""CIFAR-10 (Krizhevsky 2009): 50,000 training images of ten classes, 32x32 px, however they lie."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from nas.data.cache import cached
from nas.data.check import check_classes
from nas.data.cifar10_batches import ARCHIVE, FOLDER, Published, read_archive, read_batch_folder
from nas.data.cifar10_identity import CLASSES, RESOLUTION, Moments, label_of
from nas.data.decode import Seen, conversion_notes, decode_all, images_were, square
from nas.data.download import Patience, download
from nas.data.folder import listing_key
from nas.data.image_set import PUBLISHED_FORM, ImageSet, Labels, Pixels
from nas.data.listing import Listing, class_names, list_images
from nas.data.request import Request, Say
from nas.data.source import Decoding, Description, Source
from nas.errors import NasError


def load_cifar10(
    request: Request,
    *,
    published: Published | None = None,
    mirrors: Sequence[str] | None = None,
    patience: Patience | None = None,
) -> ImageSet:
    """CIFAR-10 from ``data_dir``, from an earlier download, or from a mirror.

    Looked for, in this order: ``cifar-10-batches-py/``, ``cifar-10-python.tar.gz``, ``train/<class>/`` with
    the ten classes. The keyword arguments are there for tests.

    Raises:
        DatasetUnavailable: it is nowhere and cannot be downloaded.
        NasError: what is there is damaged, or is another data set.
    """
    published = published or Published()
    downloads = request.cache_dir / "downloads"
    for place in (request.data_dir, downloads):
        source = _find(place, request.resolution, published) if place is not None else None
        if source is not None:
            return cached(source, request.cache_dir, request.say)

    target = downloads
    if request.data_dir is not None:
        _refuse_a_slip(request.data_dir, by_hand=request.data_dir_given)
        if request.data_dir_given:
            target = request.data_dir
    archive = download(target / ARCHIVE, published, mirrors=mirrors, patience=patience or Patience(), say=request.say)
    return cached(_archive_source(archive, request.resolution, published), request.cache_dir, request.say)


def _refuse_a_slip(data_dir: Path, *, by_hand: bool) -> None:
    """A folder that is not there, or one named by hand that holds other images, is no reason to download 170 MB.

    NAS_DATA_DIR may hold other images: it is set once for all data sets.
    """
    where = f"--data-dir {data_dir}" if by_hand else f"NAS_DATA_DIR {data_dir}"
    if not data_dir.is_dir():
        raise NasError(f"{where}: no such folder; create it, or leave it out to download CIFAR-10")
    if by_hand and (data_dir / "train").is_dir():
        found = class_names(data_dir / "train")
        shown = ", ".join(found[:3]) + (", …" if len(found) > 3 else "")
        raise NasError(f"{where}: its classes ({shown}) are not CIFAR-10's; use --dataset folder")


def _find(place: Path, resolution: int | None, published: Published) -> Source | None:
    for folder in (place / FOLDER, place):
        files = [folder / name for name in published.batch_md5]
        if any(file.exists() for file in files):
            return _published_source(files, resolution, partial(read_batch_folder, folder, published))
    for archive in (place / ARCHIVE, place):
        if archive.name == ARCHIVE and archive.is_file():
            return _archive_source(archive, resolution, published)
    if (place / "train").is_dir() and class_names(place / "train") == CLASSES:
        return _image_source(list_images(place), resolution)
    return None


def _archive_source(archive: Path, resolution: int | None, published: Published) -> Source:
    return _published_source([archive], resolution, partial(read_archive, archive, published))


def _published_source(
    files: Sequence[Path], wanted: int | None, read: Callable[[], Iterator[tuple[Pixels, Labels]]]
) -> Source:
    """The batches, whose checksums say that they are the original."""
    resolution = wanted or RESOLUTION

    def decode(say: Say) -> Decoding:
        say("cifar10: reading the published files, once")
        batches = list(read())  # 150 MB; the labels are inside and are needed first
        labels = np.concatenate([labels for _, labels in batches])
        resized = resolution != RESOLUTION
        notes = (f"{images_were(len(labels))} resized to {resolution}x{resolution} px",) if resized else ()
        label = "CIFAR-10 (modified)" if resized else "CIFAR-10"
        chunks = (_resized(pixels, resolution) for pixels, _ in batches)
        return _decoding(labels, resolution, chunks, lambda: Description(label=label, notes=notes))

    digest = hashlib.sha256(f"cifar10 {resolution}".encode())
    for file in files:
        stat = file.stat() if file.exists() else None  # a missing one is complained about when it is read
        digest.update(
            f"{file.resolve()} {stat and (stat.st_size, stat.st_mtime_ns)}\n".encode(errors="surrogateescape")
        )
    return Source(name="cifar10", key=digest.hexdigest(), decode=decode)


def _image_source(listing: Listing, wanted: int | None) -> Source:
    """An image folder, which may hold the original pixels or anything made of them: they decide."""
    resolution = wanted or RESOLUTION
    check_classes(listing.labels, listing.classes, where=str(listing.root / "train"))

    def decode(_: Say) -> Decoding:
        seen: Seen = Counter()
        moments = Moments()

        def chunks() -> Iterator[Pixels]:
            for chunk in decode_all(listing.paths, resolution, seen):
                moments.add(chunk)
                yield chunk

        def describe() -> Description:
            all_jpeg = seen["format JPEG"] == len(listing.paths)
            resized = seen["resized"] > 0
            label = label_of(moments, listing.labels, all_jpeg=all_jpeg, resized=resized)
            return Description(label=label, notes=listing.notes + conversion_notes(seen, resolution))

        return _decoding(listing.labels, resolution, chunks(), describe)

    return Source(name="cifar10", key=listing_key("cifar10", listing, resolution), decode=decode)


def _decoding(
    labels: Labels, resolution: int, chunks: Iterator[Pixels], describe: Callable[[], Description]
) -> Decoding:
    return Decoding(
        classes=CLASSES,
        labels=labels,
        resolution=resolution,
        deployed_resolution=PUBLISHED_FORM[0],
        deployed_classes=PUBLISHED_FORM[1],
        chunks=chunks,
        describe=describe,
    )


def _resized(pixels: Pixels, resolution: int) -> Pixels:
    if pixels.shape[-1] == resolution:
        return pixels
    from PIL import Image

    out = np.empty((len(pixels), 3, resolution, resolution), dtype=np.uint8)
    for row, image in zip(out, pixels, strict=True):
        picture = Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0)))
        row[:] = np.asarray(square(picture, resolution)).transpose(2, 0, 1)
    return out
