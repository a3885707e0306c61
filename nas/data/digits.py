"""Handwritten digits that come with scikit-learn (Alpaydin and Kaynak 1998, UCI): no download."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from nas.data.cache import cached
from nas.data.image_set import PUBLISHED_FORM, ImageSet, Pixels
from nas.data.request import Request, Say
from nas.data.source import Decoding, Description, Source

RESOLUTION = 32  # px, unless asked otherwise; the images themselves have 8
BRIGHTEST = 16  # pixels are 0..16


def load_digits(request: Request) -> ImageSet:
    """1,797 grey digits of 8x8 px, enlarged to ``resolution`` (32) as RGB; all are training images."""
    resolution = request.resolution or RESOLUTION

    def decode(_: Say) -> Decoding:
        from sklearn import datasets

        found = datasets.load_digits()
        return Decoding(
            classes=tuple(str(digit) for digit in range(10)),
            labels=found.target.astype(np.int64),
            resolution=resolution,
            deployed_resolution=PUBLISHED_FORM[0],
            deployed_classes=PUBLISHED_FORM[1],
            chunks=_enlarged(found.images, resolution),
            describe=lambda: Description(label="digits"),
        )

    key = hashlib.sha256(f"digits {resolution}".encode()).hexdigest()
    return cached(Source(name="digits", key=key, decode=decode), request.cache_dir, request.say)


def _enlarged(images: np.ndarray, resolution: int) -> Iterator[Pixels]:
    """Nearest neighbour: repeated pixels are the same with every version of every library."""
    grey = ((images.astype(np.int64) * 255 + BRIGHTEST // 2) // BRIGHTEST).astype(np.uint8)  # [N, 8, 8]
    nearest = np.arange(resolution) * grey.shape[-1] // resolution
    for start in range(0, len(grey), 256):
        large = grey[start : start + 256][:, nearest][:, :, nearest]
        yield np.repeat(large[:, None], 3, axis=1)
