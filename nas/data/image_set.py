"""A data set as the rest of the project sees it: decoded square images, labels, and what to call them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from nas.data.check import check_classes
from nas.errors import NasError

if TYPE_CHECKING:
    from hashlib import _Hash

Pixels = npt.NDArray[np.uint8]  # [N, 3, R, R]
Labels = npt.NDArray[np.int64]  # [N]
T = TypeVar("T", bound=np.generic)

PUBLISHED_FORM = (224, 1000)  # px and classes at which published networks have their known cost


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageSet:
    """Training images of one data set, decoded and square. A test set is never in here.

    ``images`` and ``labels`` are read-only; images that come from the cache are memory-mapped.
    """

    name: str  # "cifar10" | "folder" | "digits" | "memory"
    label: str  # what people are shown: "CIFAR-10", "CIFAR-10 (JPEG)", "folder pets"
    classes: tuple[str, ...]
    images: Pixels  # uint8 [N, 3, R, R]
    labels: Labels  # int64 [N]
    fingerprint: str  # SHA-256 in hex over class names, labels and pixels
    deployed_resolution: int  # px; what a budget is counted at unless the user says otherwise
    deployed_classes: int
    notes: tuple[str, ...] = ()  # things to say once: "3 images were converted to RGB (2 grey, 1 RGBA)"

    @property
    def resolution(self) -> int:
        """Side of the images in px."""
        return int(self.images.shape[-1])

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def from_arrays(
        cls,
        images: Any,
        labels: Any,
        *,
        classes: Sequence[str] | None = None,
        name: str = "memory",
        label: str | None = None,
    ) -> ImageSet:
        """The user's own images: NumPy arrays or torch tensors.

        ``images`` is uint8 [N, 3, R, R] or [N, R, R, 3], ``labels`` whole numbers [N] from 0 to classes - 1.
        Arrays that already have the right layout are not copied: do not change them afterwards.

        Raises:
            NasError: wrong type, shape or range; a class with fewer than two images; fewer than ten images.
        """
        pixels = _pixels(_numpy(images))
        numbers = _labels(_numpy(labels), count=len(pixels))
        names = tuple(classes) if classes is not None else tuple(map(str, range(int(numbers.max()) + 1)))
        check_classes(numbers, names, where="labels")
        digest = start_fingerprint(numbers, names, resolution=pixels.shape[-1])
        digest.update(pixels.reshape(-1).data)
        return cls(
            name=name,
            label=name if label is None else label,
            classes=names,
            images=read_only(pixels),
            labels=read_only(numbers),
            fingerprint=digest.hexdigest(),
            deployed_resolution=pixels.shape[-1],
            deployed_classes=len(names),
        )


def start_fingerprint(labels: Labels, classes: Sequence[str], *, resolution: int) -> _Hash:
    """A SHA-256 of everything but the pixels; feed it the images in order, uint8 [3, R, R] each."""
    facts = json.dumps({"classes": list(classes), "resolution": resolution, "count": len(labels)})
    digest = hashlib.sha256(facts.encode())
    digest.update(labels.astype("<i8").tobytes())  # the same on a big-endian machine
    return digest


def read_only(array: npt.NDArray[T]) -> npt.NDArray[T]:
    """A view that cannot be written through; the caller's own array stays as it is."""
    view = array.view()
    view.flags.writeable = False
    return view


def _numpy(array: Any) -> npt.NDArray[Any]:
    # A torch tensor is known by its method, so that this module needs no torch.
    if hasattr(array, "detach"):
        array = array.detach().cpu().numpy()
    return np.asarray(array)


def _pixels(images: npt.NDArray[Any]) -> Pixels:
    shape = images.shape
    if images.ndim != 4 or 3 not in (shape[1], shape[3]):
        raise NasError(f"images: shape {list(shape)}; give colour images as [N, 3, R, R] or [N, R, R, 3]")
    if images.dtype != np.uint8:
        raise NasError(f"images: type {images.dtype}; give uint8 in 0..255 (floats in 0..1: multiply by 255 first)")
    if shape[1] != 3:
        images = images.transpose(0, 3, 1, 2)
    height, width = images.shape[2:]
    if height != width:
        raise NasError(f"images: {width}x{height} px; crop or resize them to squares")
    return np.ascontiguousarray(images)


def _labels(labels: npt.NDArray[Any], *, count: int) -> Labels:
    if labels.ndim != 1 or len(labels) != count:
        raise NasError(f"labels: shape {list(labels.shape)} for {count:,} images; give one whole number an image")
    if labels.dtype.kind not in "iu":
        raise NasError(f"labels: type {labels.dtype}; give whole numbers from 0 to classes - 1")
    if count == 0:
        raise NasError("images: there are none")
    return np.ascontiguousarray(labels, dtype=np.int64)
