"""A table comes back from its file as it was, and a file that is none is said to be none."""

import json
from pathlib import Path

import pytest

from nas.blocks import Classifier, Convolution, DenseLayer, InvertedResidual, Shape
from nas.errors import LatencyError
from nas.latency.table import FORMAT, Placed, Table, path_of, read, timed_as
from nas.latency.value import Latency
from tests.nas.fast import tiny_space
from tests.nas.latency.fakes import calibration, specs_of, table_of
from tests.networks import random_specs


@pytest.fixture
def full() -> Table:
    """Blocks of every space, networks measured and with their blocks, and two calibrations."""
    specs = [*specs_of(tiny_space, 4), *(spec.at(resolution=64) for spec in random_specs("densenet", 1))]
    found = table_of(specs, measured=specs[:3])
    found.networks[specs[3]] = Latency(1.5, 1.25, 1.75, measured=True, blocks=(0.5, 1.0))
    found.calibrations = {"tiny (0123) at 16 px": calibration(), "other": calibration(slope=1 / 3, constant=-0.01)}
    return found


def test_a_table_comes_back_from_its_file(full: Table, tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "table.json"
    full.save(path)
    assert read(path) == full
    assert list(path.parent.iterdir()) == [path]


def test_an_empty_table_too(tmp_path: Path) -> None:
    empty = Table(name="phone", fingerprint="a phone")
    empty.save(tmp_path / "table.json")
    assert read(tmp_path / "table.json") == empty


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no table of latencies"),
        (b"\xff\xfe", "no table of latencies"),
        (b'{"format": 1', "no table of latencies"),
        (b"[]", "no table of latencies"),
        (b"{}", r"no table of latencies \(format: "),
    ],
)
def test_a_file_that_is_no_table(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_bytes(content)
    with pytest.raises(LatencyError, match=f"^{path}: {message}") as refused:
        read(path)
    assert len(str(refused.value).splitlines()) == 1


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(LatencyError, match=f"^{tmp_path / 'none.json'}: cannot be read"):
        read(tmp_path / "none.json")
    with pytest.raises(LatencyError, match=f"^{tmp_path}: cannot be read"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (("blocks", 0, 2), "fast", r"blocks\.0\.2"),
        (("blocks", 0, 0, "kind"), "nothing", r"blocks\.0\.0"),
        (("blocks", 0, 1), [3, 16], r"blocks\.0\.1"),
        (("networks", 0, 0, "blocks"), [], r"networks\.0\.0"),
        (("calibrations", "other", "slope"), None, r"calibrations\.other\.slope"),
    ],
)
def test_a_damaged_table_is_refused_with_the_place(
    full: Table, tmp_path: Path, path: tuple[str | int, ...], value: object, place: str
) -> None:
    file = tmp_path / "table.json"
    full.save(file)
    document = json.loads(file.read_text())
    part = document
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    file.write_text(json.dumps(document))
    with pytest.raises(LatencyError, match=rf"^{file}: no table of latencies \({place}") as refused:
        read(file)
    assert len(str(refused.value).splitlines()) == 1


def test_a_table_of_another_format_is_refused(full: Table, tmp_path: Path) -> None:
    file = tmp_path / "table.json"
    full.save(file)
    document = json.loads(file.read_text())
    assert document["format"] == FORMAT
    file.write_text(json.dumps({**document, "format": 99}))
    with pytest.raises(LatencyError, match=f"^{file}: a table of format 99, written by another version of nas$"):
        read(file)


def test_a_table_is_saved_whole_or_not_at_all(full: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What dies while it writes leaves the old table."""
    path = tmp_path / "table.json"
    full.save(path)
    real = Path.write_bytes

    def dies(self: Path, data: bytes) -> int:
        real(self, data[: len(data) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", dies)
    with pytest.raises(KeyboardInterrupt):
        Table(name="onnxruntime-cpu", fingerprint="other").save(path)
    assert read(path) == full


def test_a_folder_that_cannot_be_written_is_one_line(full: Table, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(LatencyError, match=f"^{tmp_path / 'file' / 'table.json'}: cannot be written"):
        full.save(tmp_path / "file" / "table.json")


def test_what_takes_no_time_does_not_make_another_block() -> None:
    usual = InvertedResidual(kernel=3, mid=16, out=8)
    assert timed_as(InvertedResidual(kernel=3, mid=16, out=8, norm_eps=1e-3, norm_momentum=0.01)) == timed_as(usual)
    assert timed_as(Classifier(classes=3, hidden=8, dropout=0.5)) == timed_as(Classifier(classes=3, hidden=8))
    assert timed_as(DenseLayer(growth=4, dropout=0.2)) == timed_as(DenseLayer(growth=4))
    assert timed_as(InvertedResidual(kernel=5, mid=16, out=8)) != timed_as(usual)
    assert timed_as(InvertedResidual(kernel=3, mid=16, out=8, activation="hardswish")) != timed_as(usual)


def test_a_table_knows_a_block_whatever_takes_no_time() -> None:
    block, shape = Convolution(kernel=3, out=8, norm_eps=1e-3), Shape(3, 16, 16)
    table = Table(name="phone", fingerprint="a phone", blocks={Placed(timed_as(block), shape): 0.25})
    assert table.milliseconds(block, shape) == 0.25
    assert table.milliseconds(Convolution(kernel=3, out=8), shape) == 0.25
    assert table.milliseconds(Convolution(kernel=3, out=16), shape) is None
    assert table.milliseconds(block, Shape(3, 8, 8)) is None


def test_tables_of_two_machines_lie_beside_each_other_and_a_device_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path))
    here, there = (Table(name="onnxruntime-cpu", fingerprint=fingerprint) for fingerprint in ("one", "other"))
    assert path_of(here) != path_of(there)
    assert path_of(here) == path_of(Table(name="onnxruntime-cpu", fingerprint="one"))
    assert path_of(here).parent == tmp_path / "latency"
    assert path_of(Table(name="phone", fingerprint="x"), device=True) == tmp_path / "latency" / "phone.json"
