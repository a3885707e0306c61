"""Decoded once, read back for nothing, and never believed when damaged."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from nas.data import ImageSet, cache, decode, load

MakeFolder = Callable[..., Path]
Picture = Callable[..., Image.Image]


@pytest.fixture
def root(make_folder: MakeFolder) -> Path:
    return make_folder({"a": 8, "b": 8})


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of all images that were decoded so far."""
    paths: list[str] = []
    original = decode.decode_one

    def watched(path: str, resolution: int, seen: decode.Seen) -> np.ndarray:
        paths.append(path)
        return original(path, resolution, seen)

    monkeypatch.setattr(decode, "decode_one", watched)
    return paths


def only_file(cache_dir: Path, suffix: str) -> Path:
    (path,) = (cache_dir / "images").glob(f"*{suffix}")
    return path


def same(one: ImageSet, other: ImageSet) -> bool:
    facts = ("name", "label", "classes", "fingerprint", "deployed_resolution", "deployed_classes", "notes")
    return (
        np.array_equal(one.images, other.images)
        and np.array_equal(one.labels, other.labels)
        and all(getattr(one, fact) == getattr(other, fact) for fact in facts)
    )


def test_the_second_load_decodes_nothing_and_maps_the_file(root: Path, decoded: list[str]) -> None:
    first = load("folder", data_dir=root)
    assert len(decoded) == 16
    second = load("folder", data_dir=root)
    assert len(decoded) == 16
    assert isinstance(second.images, np.memmap)
    assert same(first, second)


def test_nothing_but_the_entry_is_left_behind(root: Path, cache_dir: Path) -> None:
    load("folder", data_dir=root)
    suffixes = sorted(path.name.partition(".")[2] for path in (cache_dir / "images").iterdir())
    assert suffixes in (["images.npy", "json", "labels.npy"], ["images.npy", "json", "labels.npy", "lock"])


def add(root: Path) -> None:
    shutil.copy(root / "train" / "a" / "0000.png", root / "train" / "a" / "new.png")


def remove(root: Path) -> None:
    (root / "train" / "a" / "0000.png").unlink()


def rename(root: Path) -> None:
    (root / "train" / "a" / "0000.png").rename(root / "train" / "a" / "zero.png")


def rewrite(root: Path) -> None:
    path = root / "train" / "a" / "0000.png"
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))


def rename_class(root: Path) -> None:
    (root / "train" / "a").rename(root / "train" / "c")


@pytest.mark.parametrize("change", [add, remove, rename, rewrite, rename_class])
def test_a_changed_folder_is_decoded_again(root: Path, decoded: list[str], change: Callable[[Path], None]) -> None:
    load("folder", data_dir=root)
    change(root)
    decoded.clear()
    data = load("folder", data_dir=root)
    assert len(decoded) == len(data)


def test_every_resolution_has_its_own_entry(root: Path, decoded: list[str]) -> None:
    for resolution in (None, 8, 16, None, 8, 16):
        assert load("folder", data_dir=root, resolution=resolution).resolution == (resolution or 12)
    assert len(decoded) == 3 * 16


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def delete(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("suffix", [".images.npy", ".labels.npy", ".json"])
@pytest.mark.parametrize("damage", [truncate, flip_a_bit, empty, delete])
def test_a_damaged_entry_is_noticed_and_made_again(
    root: Path, cache_dir: Path, decoded: list[str], damage: Callable[[Path], None], suffix: str
) -> None:
    whole = load("folder", data_dir=root)
    pixels = np.array(whole.images)
    path = only_file(cache_dir, suffix)
    if suffix == ".json" and damage is flip_a_bit:
        path.write_text(path.read_text().replace("classes", "clasess"))
    else:
        damage(path)
    decoded.clear()
    again = load("folder", data_dir=root)
    assert len(decoded) == 16
    assert np.array_equal(again.images, pixels)
    decoded.clear()
    load("folder", data_dir=root)
    assert decoded == []


def test_a_copied_entry_is_believed_after_hashing_it(root: Path, cache_dir: Path, decoded: list[str]) -> None:
    """A copy has new time stamps; its pixels are still right."""
    load("folder", data_dir=root)
    for path in (cache_dir / "images").glob("*.npy"):
        os.utime(path, ns=(0, 0))
    decoded.clear()
    assert len(load("folder", data_dir=root)) == 16
    assert decoded == []


def test_an_unwritable_cache_costs_a_note_and_not_the_run(root: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the cache folder should be")
    data = load("folder", data_dir=root, cache_dir=blocked)
    assert not isinstance(data.images, np.memmap)
    assert not data.images.flags.writeable
    (note,) = data.notes
    assert note.startswith(f"{blocked}/images cannot be written (Not a directory): images are kept in memory")
    assert np.array_equal(data.images, load("folder", data_dir=root).images)
    assert data.fingerprint == load("folder", data_dir=root).fingerprint


def test_a_disk_that_fills_up_costs_a_note_and_leaves_no_litter(
    root: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    data = load("folder", data_dir=root)
    assert "No space left on device" in data.notes[0]
    assert not [path for path in (cache_dir / "images").iterdir() if path.suffix != ".lock"]


def test_a_cache_made_by_another_version_is_left_alone(
    root: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load("folder", data_dir=root)
    monkeypatch.setattr(cache, "FORMAT", cache.FORMAT + 1)
    load("folder", data_dir=root)
    assert len(decoded) == 32


def test_nas_cache_dir_is_where_entries_go(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path / "elsewhere"))
    load("folder", data_dir=root)
    assert only_file(tmp_path / "elsewhere", ".json").exists()


def _load_and_tell(root: Path, cache_dir: Path, answers: multiprocessing.Queue) -> None:
    answers.put(load("folder", data_dir=root, cache_dir=cache_dir).fingerprint)


def test_several_processes_at_once_agree(root: Path, tmp_path: Path) -> None:
    start = multiprocessing.get_context("spawn")
    answers = start.Queue()
    processes = [start.Process(target=_load_and_tell, args=(root, tmp_path / "shared", answers)) for _ in range(3)]
    for process in processes:
        process.start()
    fingerprints = {answers.get(timeout=60) for _ in processes}
    for process in processes:
        process.join()
    assert len(fingerprints) == 1
    assert json.loads(only_file(tmp_path / "shared", ".json").read_text())["facts"]["fingerprint"] in fingerprints


def test_what_another_process_decoded_meanwhile_is_not_decoded_again(
    root: Path, tmp_path: Path, decoded: list[str]
) -> None:
    load("folder", data_dir=root, cache_dir=tmp_path / "theirs")
    decoded.clear()
    ours = tmp_path / "ours" / "images"
    ours.mkdir(parents=True)
    stem = only_file(tmp_path / "theirs", ".json").name.removesuffix(".json")
    said: list[str] = []
    results: list[ImageSet] = []

    def wait_and_load() -> None:
        results.append(load("folder", data_dir=root, cache_dir=tmp_path / "ours", say=said.append))

    with FileLock(ours / f"{stem}.lock"):
        thread = threading.Thread(target=wait_and_load)
        thread.start()
        while not said:
            time.sleep(0.01)
        assert said == ["folder: waiting for another process that is decoding the same images"]
        for suffix in (".images.npy", ".labels.npy", ".json"):
            shutil.copy2(only_file(tmp_path / "theirs", suffix), ours)
    thread.join()
    assert len(results[0]) == 16
    assert decoded == []


def test_progress_is_said_while_decoding_takes_long(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.data.progress.EVERY_SECONDS", 0.0)
    monkeypatch.setattr(decode, "IMAGES_A_TASK", 4)
    lines: list[str] = []
    load("folder", data_dir=root, resolution=8, say=lines.append)
    assert lines[0].startswith("decoding folder, once: 4 of 16, ")
    assert len(lines) == 3  # the last step needs no forecast
