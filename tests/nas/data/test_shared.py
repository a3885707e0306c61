"""Images for several processes: where they are mapped from, and the same images when they are opened there."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from nas.data import ImageSet, load
from nas.data.shared import NO_PIXELS, share
from tests.nas.data.conftest import MakeFolder

Pixels = npt.NDArray[np.uint8]


def pixels(count: int = 20) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (count, 3, 8, 8), dtype=np.uint8)


def image_set(images: Pixels) -> ImageSet:
    return ImageSet.from_arrays(images, np.arange(len(images)) % 2)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Twenty images in a file."""
    path = tmp_path / "images.npy"
    np.save(path, pixels())
    return path


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def reopened(data: ImageSet, folder: Path) -> ImageSet:
    return share(data, folder).open()


def test_images_in_memory_are_written_once_and_come_back(empty: Path) -> None:
    data = image_set(pixels())
    shared = share(data, empty)
    assert list(empty.iterdir()) == [shared.file]
    found = shared.open()
    assert np.array_equal(found.images, data.images)
    assert np.array_equal(found.labels, data.labels)
    for field in ("name", "label", "classes", "fingerprint", "deployed_resolution", "deployed_classes", "notes"):
        assert getattr(found, field) == getattr(data, field)


def test_images_from_the_cache_are_not_written_again(make_folder: MakeFolder, empty: Path, tmp_path: Path) -> None:
    data = load("folder", data_dir=make_folder({"cat": 8, "dog": 7}), cache_dir=tmp_path / "cache")
    shared = share(data, empty)
    assert (tmp_path / "cache") in shared.file.parents
    assert list(empty.iterdir()) == []
    assert np.array_equal(shared.open().images, data.images)


def test_all_who_open_them_see_one_copy(file: Path, empty: Path) -> None:
    shared = share(image_set(np.load(file, mmap_mode="r")), empty)
    one, other = shared.open(), shared.open()
    before = int(one.images[3, 2, 1, 0])
    np.load(file, mmap_mode="r+")[3, 2, 1, 0] = 255 - before
    assert one.images[3, 2, 1, 0] == other.images[3, 2, 1, 0] == 255 - before


def test_nobody_can_write_to_them(file: Path, empty: Path) -> None:
    for data in (image_set(np.load(file, mmap_mode="r")), image_set(pixels())):
        with pytest.raises(ValueError, match="read-only"):
            reopened(data, empty).images[0] = 0


def test_what_is_sent_is_small(file: Path, empty: Path) -> None:
    data = image_set(np.load(file, mmap_mode="r"))
    message = pickle.dumps(share(data, empty))
    assert len(message) < len(pickle.dumps(replace(data, images=NO_PIXELS))) + 1000
    assert np.array_equal(pickle.loads(message).open().images, data.images)


@pytest.mark.parametrize("rows", [slice(None), slice(5, 15), slice(0, 10), slice(10, None)], ids=str)
def test_rows_of_a_map_are_found_where_they_lie(file: Path, empty: Path, rows: slice) -> None:
    shared = share(image_set(np.load(file, mmap_mode="r")[rows]), empty)
    assert np.array_equal(shared.open().images, pixels()[rows])
    assert shared.file == file
    assert list(empty.iterdir()) == []


def views(file: Path) -> dict[str, Pixels]:
    """What is mapped, but does not lie in the file as it is seen."""
    mapped = np.load(file, mmap_mode="r")
    changed = np.load(file, mmap_mode="c")
    changed[:] = 255 - changed
    return {
        "reversed": mapped[::-1],
        "every other": mapped[::2],
        "a crop": mapped[:, :, :4, :4],
        "rows and columns exchanged": mapped.transpose(0, 1, 3, 2),
        "changed in memory only": changed,
    }


@pytest.mark.parametrize("name", ["reversed", "every other", "a crop", "rows and columns exchanged"])
def test_any_other_view_of_a_map_is_written_as_it_is_seen(file: Path, empty: Path, name: str) -> None:
    """Not even the constructor's copy stands between: this image set holds the view itself."""
    view = views(file)[name]
    data = replace(image_set(np.ascontiguousarray(view)), images=view)
    assert np.array_equal(reopened(data, empty).images, np.array(view))
    assert len(list(empty.iterdir())) == 1


def test_what_was_changed_in_memory_only_is_written(file: Path, empty: Path) -> None:
    view = views(file)["changed in memory only"]
    found = reopened(image_set(view), empty)
    assert np.array_equal(found.images, 255 - pixels())
    assert np.array_equal(np.load(file), pixels())


def test_a_map_that_begins_anywhere_in_its_file_is_found(tmp_path: Path, empty: Path) -> None:
    path = tmp_path / "raw"
    path.write_bytes(b"x" * 4567 + pixels().tobytes())
    shared = share(image_set(np.memmap(path, np.uint8, "r", 4567, (20, 3, 8, 8))), empty)
    assert (shared.file, shared.offset) == (path, 4567)
    assert np.array_equal(shared.open().images, pixels())
