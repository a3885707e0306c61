"""The user's own arrays: taken as they are, or refused with what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nas.data import ImageSet
from nas.errors import NasError

LABELS = np.arange(20) % 4


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_channels_may_come_first_or_last() -> None:
    first = noise(20, 3, 8, 8)
    one = ImageSet.from_arrays(first, LABELS)
    other = ImageSet.from_arrays(first.transpose(0, 2, 3, 1), LABELS)
    assert one.images.shape == other.images.shape == (20, 3, 8, 8)
    assert one.fingerprint == other.fingerprint


def test_torch_tensors_are_taken() -> None:
    torch = pytest.importorskip("torch")
    pixels = noise(20, 3, 8, 8)
    from_torch = ImageSet.from_arrays(torch.from_numpy(pixels), torch.from_numpy(LABELS))
    assert from_torch.fingerprint == ImageSet.from_arrays(pixels, LABELS).fingerprint


def test_what_is_not_said_is_derived() -> None:
    data = ImageSet.from_arrays(noise(20, 3, 8, 8), LABELS)
    assert (data.name, data.label, data.classes) == ("memory", "memory", ("0", "1", "2", "3"))
    assert (data.resolution, data.deployed_resolution, data.deployed_classes) == (8, 8, 4)
    assert data.labels.dtype == np.int64
    assert len(data) == 20


def test_the_set_cannot_be_written_to_and_the_users_array_still_can() -> None:
    pixels = noise(20, 3, 8, 8)
    data = ImageSet.from_arrays(pixels, LABELS)
    with pytest.raises(ValueError, match="read-only"):
        data.images[0] = 0
    pixels[0] = 0


def changed_pixel(pixels: np.ndarray, labels: np.ndarray, names: list[str]) -> None:
    pixels[3, 1, 2, 2] ^= 1


def changed_label(pixels: np.ndarray, labels: np.ndarray, names: list[str]) -> None:
    labels[[0, 1]] = labels[[1, 0]]


def changed_name(pixels: np.ndarray, labels: np.ndarray, names: list[str]) -> None:
    names[2] = "cow"


@pytest.mark.parametrize("change", [changed_pixel, changed_label, changed_name])
def test_the_fingerprint_covers_pixels_labels_and_names(change: Any) -> None:
    pixels, labels, names = noise(20, 3, 8, 8), LABELS.copy(), ["cat", "dog", "elk", "fox"]
    before = ImageSet.from_arrays(pixels, labels, classes=names).fingerprint
    assert before == ImageSet.from_arrays(pixels.copy(), labels.astype(np.int16), classes=names).fingerprint
    change(pixels, labels, names)
    assert ImageSet.from_arrays(pixels, labels, classes=names).fingerprint != before


@pytest.mark.parametrize(
    ("images", "labels", "classes", "message"),
    [
        (noise(20, 8, 8), LABELS, None, r"images: shape \[20, 8, 8\]; give colour images"),
        (noise(20, 1, 8, 8), LABELS, None, r"images: shape \[20, 1, 8, 8\]; give colour images"),
        (noise(20, 3, 8, 9), LABELS, None, "images: 9x8 px; crop or resize"),
        (noise(20, 3, 8, 8) / 255, LABELS, None, "images: type float64; give uint8"),
        (noise(0, 3, 8, 8), LABELS[:0], None, "images: there are none"),
        (noise(20, 3, 8, 8), LABELS[:19], None, r"labels: shape \[19\] for 20 images"),
        (noise(20, 3, 8, 8), LABELS[:, None], None, r"labels: shape \[20, 1\]"),
        (noise(20, 3, 8, 8), LABELS / 2, None, "labels: type float64"),
        (noise(20, 3, 8, 8), LABELS - 1, None, "labels run from -1 to 2"),
        (noise(20, 3, 8, 8), LABELS + 1, None, "class '0' has no images"),
        (noise(20, 3, 8, 8), LABELS, ["a", "b", "c"], "labels run from 0 to 3; with 3 classes give 0 to 2"),
        (noise(20, 3, 8, 8), LABELS, ["a", "b", "c", "a"], "two classes are named 'a'"),
        (noise(20, 3, 8, 8), LABELS * 0, None, "only one class"),
        (noise(20, 3, 8, 8), np.array([0] * 19 + [1]), None, "class '1' has 1 image; at least 2 are needed"),
        (noise(9, 3, 8, 8), np.arange(9) % 2, None, "9 images in all; at least 10"),
    ],
)
def test_what_cannot_be_used_is_refused(images: Any, labels: Any, classes: Any, message: str) -> None:
    with pytest.raises(NasError, match=message) as caught:
        ImageSet.from_arrays(images, labels, classes=classes)
    assert "\n" not in str(caught.value)
