"""Any folder of images becomes square RGB pixels; what was done is said, what cannot be done is named."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data import load
from nas.errors import NasError

MakeFolder = Callable[..., Path]
Picture = Callable[..., Image.Image]


def only(root: Path, image: Image.Image, name: str = "x.png", **how: object) -> np.ndarray:
    """The pixels [3, R, R] of one image put among plain ones, as the first of class "a"."""
    path = root / "train" / "a" / name
    image.save(path, **how)
    data = load("folder", data_dir=root, resolution=12)
    names = sorted(entry.name for entry in path.parent.iterdir())
    return data.images[names.index(name)]


@pytest.fixture
def plain(make_folder: MakeFolder) -> Path:
    return make_folder({"a": 6, "b": 6})


def test_pixels_labels_and_names_are_those_of_the_files(make_folder: MakeFolder) -> None:
    root = make_folder({"dog": 4, "cat": 7})
    data = load("folder", data_dir=root)
    assert data.classes == ("cat", "dog")
    assert data.labels.tolist() == [0] * 7 + [1] * 4
    paths = sorted((root / "train" / "cat").iterdir()) + sorted((root / "train" / "dog").iterdir())
    for pixels, path in zip(data.images, paths, strict=True):
        assert np.array_equal(pixels.transpose(1, 2, 0), np.asarray(Image.open(path)))
    assert (data.label, data.resolution, data.deployed_resolution, data.deployed_classes) == (
        "folder pets",
        12,
        12,
        2,
    )
    assert data.notes == ("1 of 2 classes have fewer images than there are folds: dog (4)",)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp", ".gif", ".tif", ".TIFF", ".JPG", ".jpeg", ".ppm"])
def test_images_of_many_formats_are_read(make_folder: MakeFolder, suffix: str) -> None:
    assert len(load("folder", data_dir=make_folder({"a": 5, "b": 5}, suffix=suffix))) == 10


def test_images_may_lie_deeper_inside_a_class(plain: Path, picture: Picture) -> None:
    (plain / "train" / "a" / "2024" / "june").mkdir(parents=True)
    picture(1).save(plain / "train" / "a" / "2024" / "june" / "x.png")
    assert load("folder", data_dir=plain).labels.tolist() == [0] * 7 + [1] * 6


def test_test_images_are_not_even_opened(plain: Path) -> None:
    (plain / "test" / "a").mkdir(parents=True)
    (plain / "test" / "a" / "broken.png").write_bytes(b"no image")
    assert len(load("folder", data_dir=plain)) == 12


def test_hidden_files_and_folders_are_no_images_and_no_classes(plain: Path) -> None:
    for name in (".git", "__MACOSX"):
        (plain / "train" / name).mkdir()
    (plain / "train" / "a" / ".hidden.png").write_bytes(b"no image")
    (plain / "train" / "a" / "Thumbs.db").write_bytes(b"")
    data = load("folder", data_dir=plain)
    assert (len(data), data.classes, data.notes) == (12, ("a", "b"), ())


def test_other_files_are_ignored_and_mentioned(plain: Path) -> None:
    (plain / "train" / "a" / "labels.CSV").write_text("")
    (plain / "train" / "b" / "README").write_text("")
    data = load("folder", data_dir=plain)
    assert (len(data), data.notes) == (12, ("2 files that are no images were ignored (.csv, no suffix)",))


def test_conversions_are_counted_in_one_note(plain: Path, picture: Picture) -> None:
    for number in range(3):
        picture(number, mode="L").save(plain / "train" / "a" / f"grey{number}.png")
    for number in range(2):
        picture(number, mode="RGBA").save(plain / "train" / "b" / f"alpha{number}.png")
    picture(0, mode="P").save(plain / "train" / "b" / "palette.gif")
    picture(0, mode="CMYK").save(plain / "train" / "b" / "print.jpg")
    data = load("folder", data_dir=plain)
    assert data.notes == ("7 images were converted to RGB (3 grey, 2 RGBA, 1 palette, 1 CMYK)",)


def test_grey_becomes_three_equal_channels(plain: Path, picture: Picture) -> None:
    image = picture(1, mode="L")
    assert np.array_equal(only(plain, image), np.stack([np.asarray(image)] * 3))


def test_sixteen_bit_grey_is_scaled_not_clipped(plain: Path) -> None:
    deep = np.linspace(0, 65535, 144).astype(np.uint16).reshape(12, 12)
    pixels = only(plain, Image.fromarray(deep))
    assert np.array_equal(pixels[0], deep // 256)


def test_palettes_with_transparency_are_read_without_a_warning(plain: Path, picture: Picture) -> None:
    image = picture(1, mode="P")
    pixels = only(plain, image, transparency=bytes(range(256)))
    assert np.array_equal(pixels.transpose(1, 2, 0), np.asarray(image.convert("RGB")))


def test_floating_point_pixels_are_refused_by_name(plain: Path, picture: Picture) -> None:
    with pytest.raises(NasError, match=r"x\.tif: cannot be read \(floating-point pixels"):
        only(plain, picture(1, mode="F"), "x.tif")


def test_images_are_turned_as_exif_says(plain: Path, picture: Picture) -> None:
    image = picture(1)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90° clockwise
    pixels = only(plain, image, exif=exif)
    assert np.array_equal(pixels.transpose(1, 2, 0), np.rot90(np.asarray(image), -1))


def test_the_first_picture_of_an_animation_is_taken(plain: Path, picture: Picture) -> None:
    frames = [picture(number, mode="L") for number in range(3)]
    pixels = only(plain, frames[0], "x.gif", save_all=True, append_images=frames[1:])
    assert np.array_equal(pixels[0], np.asarray(frames[0]))
    notes = load("folder", data_dir=plain, resolution=12).notes
    assert "of 1 files with several pictures the first was taken" in notes


def test_a_wide_image_is_cut_at_its_centre(plain: Path) -> None:
    wide = np.zeros((24, 72, 3), dtype=np.uint8)
    wide[:, 24:48] = 200
    pixels = only(plain, Image.fromarray(wide))
    assert np.all(pixels[:, :, 1:-1] == 200)
    assert np.all(pixels[:, :, [0, -1]] > 150)  # resized before it is cut: the edge has seen its neighbour


def test_squares_of_one_size_keep_it(make_folder: MakeFolder) -> None:
    data = load("folder", data_dir=make_folder({"a": 5, "b": 5}, size=(19, 19)))
    assert (data.resolution, data.notes) == (19, ())


def test_mixed_sizes_go_to_the_median_shorter_side(plain: Path, picture: Picture) -> None:
    for number, size in enumerate([(40, 30), (30, 50), (30, 30)] * 5):
        picture(number, size).save(plain / "train" / "a" / f"x{number}.png")
    data = load("folder", data_dir=plain)
    assert data.resolution == 30
    assert data.notes == ("22 images were resized and cut to 30x30 px",)


def test_large_photographs_are_taken_at_224(make_folder: MakeFolder) -> None:
    assert load("folder", data_dir=make_folder({"a": 5, "b": 5}, size=(400, 300), suffix=".jpg")).resolution == 224


@pytest.mark.parametrize("side", [96, 144, 640])
def test_large_photographs_keep_their_detail(make_folder: MakeFolder, side: int) -> None:
    """JPEG decoders may shrink while decoding, down to twice the size wanted: the result stays near a plain resize."""
    coarse = np.random.default_rng(0).integers(40, 215, (24, 24, 3), dtype=np.uint8)
    photograph = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
    pixels = only(make_folder({"a": 5, "b": 5}), photograph, "x.jpg", quality=95, subsampling=0)
    expected = np.asarray(photograph.resize((12, 12), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    assert np.abs(pixels.astype(int) - expected).max() <= 8  # shrunk by one step too many it is off by 26


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "truncated.png": lambda content: content[: len(content) // 2],
    "empty.jpg": lambda _: b"",
    "text.gif": lambda _: b"this is no image at all",
    "corrupt.png": lambda content: content[:50] + bytes(len(content) - 50),
}


@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.parametrize("resolution", [None, 12])
def test_a_damaged_image_is_named(plain: Path, name: str, resolution: int | None, picture: Picture) -> None:
    picture(1, (40, 40)).save(plain / "train" / "b" / "whole.png")
    content = (plain / "train" / "b" / "whole.png").read_bytes()
    path = plain / "train" / "b" / name
    path.write_bytes(DAMAGE[name](content))
    with pytest.raises(NasError, match=re.escape(str(path)) + ": cannot be read .* replace the file") as caught:
        load("folder", data_dir=plain, resolution=resolution)
    assert "\n" not in str(caught.value)


def test_a_truncated_jpeg_is_named(plain: Path, picture: Picture) -> None:
    path = plain / "train" / "b" / "x.jpg"
    picture(1, (64, 64)).save(path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(NasError, match=r"x\.jpg: cannot be read .*truncated"):
        load("folder", data_dir=plain)


def test_no_folder_given_is_answered_with_how_to_give_one() -> None:
    with pytest.raises(NasError, match="Give --data-dir, or set NAS_DATA_DIR"):
        load("folder")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NasError, match=r"--data-dir .*/nowhere: no such folder"):
        load("folder", data_dir=tmp_path / "nowhere")


def test_class_folders_without_train_around_them_are_recognised(plain: Path) -> None:
    with pytest.raises(NasError, match=r"the class folders \(a, b\) lie directly in it; move them into .*/train$"):
        load("folder", data_dir=plain / "train")


def test_a_folder_without_train_is_told_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(NasError, match="no train/ in it; put each class's images into"):
        load("folder", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ({}, "train: no classes"),
        ({"cat": 20}, "train: only one class, 'cat'"),
        ({"cat": 20, "dog": 0}, "train: class 'dog' has no images"),
        ({"cat": 20, "dog": 1}, "train: class 'dog' has 1 image; at least 2"),
        ({"cat": 4, "dog": 4}, "train: 8 images in all; at least 10"),
    ],
)
def test_too_little_to_divide_is_refused(make_folder: MakeFolder, classes: dict[str, int], message: str) -> None:
    root = make_folder(classes)
    (root / "train").mkdir(parents=True, exist_ok=True)
    with pytest.raises(NasError, match=message):
        load("folder", data_dir=root)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may list every folder")
def test_a_class_that_cannot_be_listed_is_named(plain: Path) -> None:
    (plain / "train" / "a").chmod(0)
    with pytest.raises(NasError, match="a: cannot be listed"):
        load("folder", data_dir=plain)
