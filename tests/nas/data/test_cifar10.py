"""CIFAR-10 is found in each of its forms, read safely, and called by its name only if it is the original."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nas.data import DatasetUnavailable, ImageSet, load
from nas.data import cifar10_identity as identity
from nas.data.cifar10 import load_cifar10
from nas.data.cifar10_batches import ARCHIVE, FOLDER, _Unpickler
from nas.data.request import request
from nas.errors import NasError

CIFAR = os.environ.get("NAS_DATA_DIR", "")
needs_cifar = pytest.mark.skipif(not CIFAR, reason="set NAS_DATA_DIR to a folder that holds CIFAR-10")


def loaded(tiny: Any, data_dir: Path, resolution: int | None = None) -> ImageSet:
    asked = request(data_dir=data_dir, resolution=resolution, cache_dir=None, say=lambda _: None)
    return load_cifar10(asked, published=tiny.published)


def as_folder(tiny: Any, root: Path, suffix: str = ".png") -> Path:
    for number, (image, label) in enumerate(zip(tiny.images, tiny.labels, strict=True)):
        folder = root / "train" / identity.CLASSES[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.transpose(1, 2, 0)).save(folder / f"{number:04}{suffix}")
    return root


@pytest.fixture
def tiny_is_the_original(tiny_cifar: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the published moments be those of the tiny set."""
    pixels = tiny_cifar.images.astype(np.int64)
    monkeypatch.setattr(identity, "CHANNEL_SUMS", tuple(pixels.sum(axis=(0, 2, 3)).tolist()))
    monkeypatch.setattr(identity, "CHANNEL_SQUARES", tuple((pixels**2).sum(axis=(0, 2, 3)).tolist()))
    monkeypatch.setattr(identity, "IMAGES_A_CLASS", 2)


@pytest.mark.parametrize("form", ["unpack_to", "archive_to"])
def test_published_files_give_the_original_in_its_own_order(tiny_cifar: Any, tmp_path: Path, form: str) -> None:
    data = loaded(tiny_cifar, getattr(tiny_cifar, form)(tmp_path / "data"))
    assert np.array_equal(data.images, tiny_cifar.images)
    assert np.array_equal(data.labels, tiny_cifar.labels)
    assert (data.label, data.notes) == ("CIFAR-10", ())
    assert (data.deployed_resolution, data.deployed_classes) == (224, 1000)


def test_archive_batches_and_png_folder_have_the_same_labels(tiny_cifar: Any, tmp_path: Path) -> None:
    def by_content(data: ImageSet) -> dict[bytes, str]:
        return {image.tobytes(): data.classes[label] for image, label in zip(data.images, data.labels, strict=True)}

    batches = loaded(tiny_cifar, tiny_cifar.unpack_to(tmp_path / "one"))
    folder = loaded(tiny_cifar, as_folder(tiny_cifar, tmp_path / "two"))
    assert batches.classes == folder.classes == identity.CLASSES
    assert by_content(batches) == by_content(folder)


def test_classes_are_in_the_order_of_torchvision() -> None:
    assert list(identity.CLASSES) == sorted(identity.CLASSES)
    assert (identity.CLASSES[0], identity.CLASSES[3], identity.CLASSES[9]) == ("airplane", "cat", "truck")


@pytest.mark.parametrize("inside", [FOLDER, ARCHIVE])
def test_the_very_file_or_folder_may_be_named(tiny_cifar: Any, tmp_path: Path, inside: str) -> None:
    tiny_cifar.unpack_to(tmp_path / "data")
    (tmp_path / "data" / ARCHIVE).write_bytes(tiny_cifar.archive)
    assert len(loaded(tiny_cifar, tmp_path / "data" / inside)) == 20


def test_a_batch_that_is_not_the_published_one_is_not_unpickled(tiny_cifar: Any, tmp_path: Path) -> None:
    root = tiny_cifar.unpack_to(tmp_path / "data")
    (root / FOLDER / "data_batch_3").write_bytes(pickle.dumps(Explosive(tmp_path / "exploded")))
    with pytest.raises(NasError, match="data_batch_3: not the published file"):
        loaded(tiny_cifar, root)
    assert not (tmp_path / "exploded").exists()


class Explosive:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_even_with_the_right_checksum_only_arrays_are_unpickled(tmp_path: Path) -> None:
    content = pickle.dumps(Explosive(tmp_path / "exploded"))
    with pytest.raises(pickle.UnpicklingError, match="has no place in a CIFAR-10 batch"):
        _Unpickler(io.BytesIO(content)).load()
    assert not (tmp_path / "exploded").exists()


def test_a_missing_batch_is_named(tiny_cifar: Any, tmp_path: Path) -> None:
    root = tiny_cifar.unpack_to(tmp_path / "data")
    (root / FOLDER / "data_batch_5").unlink()
    with pytest.raises(NasError, match="data_batch_5: No such file"):
        loaded(tiny_cifar, root)


def test_a_cut_off_archive_is_named(tiny_cifar: Any, tmp_path: Path) -> None:
    root = tiny_cifar.archive_to(tmp_path / "data")
    (root / ARCHIVE).write_bytes(tiny_cifar.archive[:-100])
    with pytest.raises(NasError, match=r"cifar-10-python\.tar\.gz: not the published archive .* delete it"):
        loaded(tiny_cifar, root)


def test_nothing_of_an_archive_is_written_to_disk(tiny_cifar: Any, tmp_path: Path) -> None:
    loaded(tiny_cifar, tiny_cifar.archive_to(tmp_path / "data"))
    assert [path.name for path in (tmp_path / "data").iterdir()] == [ARCHIVE]
    assert not list(tmp_path.rglob("escaped"))


def test_an_archive_without_a_batch_is_refused(tiny_cifar: Any, tmp_path: Path) -> None:
    shorter = type(tiny_cifar)()
    del shorter.batches["data_batch_2"]
    shorter.archive = shorter.pack(shorter.batches)
    shorter.batches = tiny_cifar.batches
    with pytest.raises(NasError, match="data_batch_2 is not in it"):
        loaded(shorter, shorter.archive_to(tmp_path / "data"))


@pytest.mark.usefixtures("tiny_is_the_original")
def test_a_png_folder_with_the_published_moments_is_the_original(tiny_cifar: Any, tmp_path: Path) -> None:
    assert loaded(tiny_cifar, as_folder(tiny_cifar, tmp_path)).label == "CIFAR-10"


@pytest.mark.usefixtures("tiny_is_the_original")
@pytest.mark.parametrize("changes", [(1,), (-1,), (1, -1)])
def test_a_changed_value_makes_it_modified_even_if_the_mean_stays(
    tiny_cifar: Any, tmp_path: Path, changes: tuple[int, ...]
) -> None:
    root = as_folder(tiny_cifar, tmp_path)
    path = next((root / "train" / "cat").iterdir())
    pixels = np.array(Image.open(path))
    middling = np.argwhere((pixels[:, :, 1] > 0) & (pixels[:, :, 1] < 255))
    for (row, column), change in zip(middling, changes, strict=False):
        pixels[row, column, 1] = int(pixels[row, column, 1]) + change
    Image.fromarray(pixels).save(path)
    assert loaded(tiny_cifar, root).label == "CIFAR-10 (modified)"


@pytest.mark.usefixtures("tiny_is_the_original")
def test_the_right_pixels_in_uneven_classes_are_modified(tiny_cifar: Any) -> None:
    moments = identity.Moments()
    moments.add(tiny_cifar.images)
    labels = np.sort(tiny_cifar.labels)
    assert identity.label_of(moments, labels, all_jpeg=False, resized=False) == "CIFAR-10"
    labels[0] = 1
    assert identity.label_of(moments, labels, all_jpeg=False, resized=False) == "CIFAR-10 (modified)"


@pytest.mark.usefixtures("tiny_is_the_original")
def test_jpeg_files_are_called_so(tiny_cifar: Any, tmp_path: Path) -> None:
    assert loaded(tiny_cifar, as_folder(tiny_cifar, tmp_path, ".jpg")).label == "CIFAR-10 (JPEG)"


@pytest.mark.usefixtures("tiny_is_the_original")
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_another_resolution_is_modified(tiny_cifar: Any, tmp_path: Path, suffix: str) -> None:
    data = loaded(tiny_cifar, as_folder(tiny_cifar, tmp_path, suffix), resolution=64)
    assert (data.label, data.resolution) == ("CIFAR-10 (modified)", 64)


def test_published_files_at_another_resolution_are_modified(tiny_cifar: Any, tmp_path: Path) -> None:
    data = loaded(tiny_cifar, tiny_cifar.unpack_to(tmp_path / "data"), resolution=16)
    assert (data.label, data.resolution) == ("CIFAR-10 (modified)", 16)
    assert data.notes == ("20 images were resized to 16x16 px",)


def test_published_means_and_deviations_are_these_integers() -> None:
    """Back from sums to the figures everybody normalises with, to all the digits they are published with."""
    count = 50_000 * 32 * 32
    means = np.array(identity.CHANNEL_SUMS) / count / 255
    stds = np.sqrt(np.array(identity.CHANNEL_SQUARES) / count / 255**2 - means**2)
    assert means.round(17).tolist() == pytest.approx(
        [0.49139967861519607, 0.48215840839460783, 0.44653091444546567], rel=1e-15
    )
    assert stds.tolist() == pytest.approx([0.2470322324632819, 0.24348512800005573, 0.26158784172796434], rel=1e-14)
    assert means.round(8).tolist() == [0.49139968, 0.48215841, 0.44653091]
    assert stds.round(8).tolist() == [0.24703223, 0.24348513, 0.26158784]


def test_a_folder_of_other_classes_is_not_taken_for_it(make_folder: Callable[..., Path]) -> None:
    root = make_folder({"cat": 6, "dog": 6})
    with pytest.raises(NasError, match=r"its classes \(cat, dog\) are not CIFAR-10's; use --dataset folder"):
        load("cifar10", data_dir=root)


def test_a_folder_that_is_not_there_is_no_reason_to_download(tmp_path: Path) -> None:
    with pytest.raises(NasError, match="no such folder; create it, or leave it out"):
        load("cifar10", data_dir=tmp_path / "nowhere")


def test_a_mistyped_environment_variable_is_no_reason_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAS_DATA_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(NasError, match=r"NAS_DATA_DIR .*nowhere: no such folder"):
        load("cifar10")


def test_with_downloads_switched_off_it_says_where_to_put_the_archive(tmp_path: Path) -> None:
    with pytest.raises(DatasetUnavailable, match="NAS_CIFAR10_MIRRORS is empty") as caught:
        load("cifar10", say=lambda _: None)
    message = str(caught.value)
    assert "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz" in message
    assert "NAS_DATA_DIR" in message
    assert str(tmp_path / "cache" / "downloads") in message
    assert "\n" not in message


@needs_cifar
def test_the_real_images_are_all_there_and_told_from_the_original() -> None:
    """On the images re-encoded as JPEG (or the original, where that is what NAS_DATA_DIR holds)."""
    data = load("cifar10", data_dir=Path(CIFAR))
    assert np.bincount(data.labels).tolist() == [5000] * 10
    assert data.resolution == 32
    moments = identity.Moments()
    moments.add(data.images)
    assert (data.label == "CIFAR-10") == moments.are_cifar10()
    # JPEG at quality 75 moves the mean of a channel by far less than a grey level
    means = data.images.mean(axis=(0, 2, 3)) / 255
    assert means == pytest.approx([0.49139968, 0.48215841, 0.44653091], abs=1 / 255)
