"""The user's own images: ``train/<class>/*.jpg`` in a folder."""

from __future__ import annotations

import hashlib
import statistics
from collections import Counter
from collections.abc import Sequence

from nas.data.cache import cached
from nas.data.check import check_classes, small_class_notes
from nas.data.decode import Seen, conversion_notes, decode_all, sizes
from nas.data.folds import FOLDS
from nas.data.image_set import ImageSet
from nas.data.listing import Listing, list_images
from nas.data.request import SMALLEST_RESOLUTION, Request, Say
from nas.data.source import Decoding, Description, Source
from nas.errors import NasError

LARGEST_OWN_RESOLUTION = 224  # px; photographs beyond it are only taken at more when asked to


def load_folder(request: Request) -> ImageSet:
    """The images under ``train/`` in ``data_dir``; a ``test/`` beside it is not looked at.

    Raises:
        NasError: no folder given or found, no usable classes, or an unreadable image.
    """
    if request.data_dir is None:
        raise NasError(
            "--dataset folder: which folder? Give --data-dir, or set NAS_DATA_DIR, "
            "to the one that holds train/<class>/…"
        )
    listing = list_images(request.data_dir)
    check_classes(listing.labels, listing.classes, where=str(request.data_dir / "train"))
    key = listing_key("folder", listing, request.resolution)
    source = Source(name="folder", key=key, decode=lambda say: _decode(listing, request.resolution, say))
    return cached(source, request.cache_dir, request.say)


def listing_key(name: str, listing: Listing, resolution: int | None) -> str:
    """The cache key of files decoded at a resolution (None: their own)."""
    return hashlib.sha256(f"{name} {resolution} {listing.stamp}".encode()).hexdigest()


def own_resolution(paths: Sequence[str]) -> int:
    """Side in px: the one all images share, or the median of their shorter sides, at most 224."""
    found = sizes(paths)
    width, height = found[0]
    if width == height and len(set(found)) == 1:
        side = width
    else:
        side = min(int(statistics.median(min(size) for size in found)), LARGEST_OWN_RESOLUTION)
    return max(side, SMALLEST_RESOLUTION)


def _decode(listing: Listing, wanted: int | None, say: Say) -> Decoding:
    if wanted is None:
        say(f"folder {listing.root.resolve().name}: looking at the sizes of {len(listing.paths):,} images")
    resolution = own_resolution(listing.paths) if wanted is None else wanted
    seen: Seen = Counter()

    def describe() -> Description:
        small = small_class_notes(listing.labels, listing.classes, folds=FOLDS)
        return Description(
            label=f"folder {listing.root.resolve().name}",
            notes=listing.notes + conversion_notes(seen, resolution) + small,
        )

    return Decoding(
        classes=listing.classes,
        labels=listing.labels,
        resolution=resolution,
        deployed_resolution=resolution,
        deployed_classes=len(listing.classes),
        chunks=decode_all(listing.paths, resolution, seen),
        describe=describe,
    )
