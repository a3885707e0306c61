"""What holds for every registered data set, and the digits, which need no files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data import DATASETS, ImageSet, load
from nas.data.cifar10_identity import CLASSES
from nas.errors import NasError


@pytest.fixture(params=sorted(DATASETS))
def name_and_place(
    request: pytest.FixtureRequest, tmp_path: Path, picture: Callable[..., Image.Image]
) -> tuple[str, Path]:
    """Each registered data set, with a folder it can be read from."""
    classes = CLASSES if request.param == "cifar10" else ("cat", "dog")
    for name in classes:
        (tmp_path / "some" / "train" / name).mkdir(parents=True)
        for number in range(6):
            picture(number, (32, 32)).save(tmp_path / "some" / "train" / name / f"{number}.png")
    return request.param, tmp_path / "some"


def test_every_data_set_keeps_the_promises_of_an_image_set(name_and_place: tuple[str, Path]) -> None:
    name, place = name_and_place
    data = load(name, data_dir=place)
    count = len(data)
    assert data.name == name
    assert data.images.shape == (count, 3, data.resolution, data.resolution)
    assert (data.images.dtype, data.labels.dtype) == (np.uint8, np.int64)
    assert not data.images.flags.writeable
    assert not data.labels.flags.writeable
    assert data.images.flags.c_contiguous
    assert set(data.labels) == set(range(len(data.classes)))
    assert data.deployed_resolution >= data.resolution
    assert data.deployed_classes >= len(data.classes)


def test_the_fingerprint_is_that_of_the_arrays(name_and_place: tuple[str, Path]) -> None:
    """Hashed in chunks while decoding, or all at once: the same."""
    name, place = name_and_place
    data = load(name, data_dir=place)
    again = ImageSet.from_arrays(np.array(data.images), data.labels, classes=data.classes)
    assert again.fingerprint == data.fingerprint


def test_every_data_set_comes_in_the_resolution_asked_for(name_and_place: tuple[str, Path]) -> None:
    name, place = name_and_place
    assert load(name, data_dir=place, resolution=20).images.shape[2:] == (20, 20)


@pytest.mark.parametrize("resolution", [0, -1, 7, 1025])
def test_a_senseless_resolution_is_refused(resolution: int) -> None:
    with pytest.raises(NasError, match=f"--resolution {resolution}: images can be 8 to 1024 px"):
        load("digits", resolution=resolution)


def test_digits_are_the_real_ones_enlarged() -> None:
    from sklearn import datasets

    data = load("digits")
    original = datasets.load_digits()
    assert (len(data), data.resolution, data.label) == (1797, 32, "digits")
    assert (data.deployed_resolution, data.deployed_classes) == (224, 1000)
    assert data.labels.tolist() == original.target.tolist()
    small = data.images[:, 0, ::4, ::4]
    assert np.array_equal(small, np.round(original.images * 255 / 16 + 1e-9).astype(np.uint8))
    assert np.array_equal(data.images[:, :, ::4], data.images[:, :, 3::4])
    assert np.array_equal(data.images[:, 0], data.images[:, 2])


@pytest.mark.parametrize("resolution", [8, 20, 45])
def test_digits_show_the_whole_digit_at_any_resolution(resolution: int) -> None:
    small, large = load("digits", resolution=8), load("digits", resolution=resolution)
    for edge in (0, -1):
        assert np.array_equal(large.images[:, :, edge, edge], small.images[:, :, edge, edge])


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(NasError, match="--dataset cifar: there are cifar10, folder, digits; did you mean cifar10"):
        load("cifar")


def test_a_name_like_no_other_is_answered_with_all() -> None:
    with pytest.raises(NasError, match="there are cifar10, folder, digits; choose one"):
        load("xyz")


def test_nas_data_dir_is_looked_in_when_no_folder_is_given(
    make_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_DATA_DIR", str(make_folder({"cat": 6, "dog": 6})))
    assert load("folder").label == "folder pets"


def test_importing_costs_no_heavy_library() -> None:
    heavy = ("torch", "torchvision", "sklearn", "PIL", "scipy", "filelock", "rich")
    program = f"import sys, nas.data; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
