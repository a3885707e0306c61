"""To another device and back: a pack, what its runner leaves, and the table that this becomes."""

import csv
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from nas.arch import ArchSpec
from nas.blocks import InvertedResidual
from nas.errors import LatencyError
from nas.latency import runner, turns
from nas.latency.bring import bring
from nas.latency.build import possible_blocks, some_networks
from nas.latency.pack import pack
from nas.latency.predict import Predictor
from nas.latency.runner import COLUMNS
from nas.latency.table import placed_json, read
from nas.space import Pick
from tests.nas.fast import four_networks, network
from tests.nas.latency.fakes import block_ms, native, total

KEY = "ten (01234567) at 16 px, 3 classes"

# so that the runner takes no time and never says that this machine does not settle: what it finds here means nothing
HASTY = {"ROUNDS = 31": "ROUNDS = 6", "ROUND_SECONDS = 0.003": "ROUND_SECONDS = 1e-5", "DRIFT = 0.1": "DRIFT = 1e9"}
HASTY |= {"LEVEL = 0.5": "LEVEL = 1e9", "READING_SECONDS = 0.03": "READING_SECONDS = 0.0", "AWAY = 0.03": "AWAY = 1e9"}


def ten_networks(pick: Pick) -> ArchSpec:
    return network(8, InvertedResidual(kernel=3, mid=pick("mid", tuple(range(48, 58))), out=24))


BLOCKS, NETWORKS = possible_blocks(ten_networks, native), some_networks(ten_networks, native, 48)
Row = dict[str, str]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("packed") / "pack.zip"
    assert pack(ten_networks, native, path, key=KEY, say=lambda text: None) == len(BLOCKS)
    return path


@pytest.fixture(scope="module")
def hasty(packed: Path) -> Path:
    """The same pack with a runner that does not take its time."""
    path = packed.with_name("hasty.zip")
    with zipfile.ZipFile(packed) as before, zipfile.ZipFile(path, "w") as after:
        for name in before.namelist():
            content = before.read(name)
            if name == "turns.py":
                for usual, other in HASTY.items():
                    assert usual in content.decode()
                    content = content.replace(usual.encode(), other.encode())
            after.writestr(name, content)
    return path


def run(path: Path, out: Path, *, also: str = "") -> "subprocess.CompletedProcess[str]":
    """``python pack.zip out.csv`` as a device has it: none of this project's folders on its path; ``also`` after it."""
    words = [str(path), str(out)]
    if also:
        begin = f"import runpy, sys; sys.argv = {words!r}; runpy.run_path({words[0]!r}, run_name='__main__')"
        words = ["-c", f"{begin}; {also}"]
    return subprocess.run([sys.executable, "-I", *words], capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def left(hasty: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """What a real runner leaves, and says; at the end, which modules it has loaded."""
    out = tmp_path_factory.mktemp("device") / "device.csv"
    also = "print(sorted({name.partition('.')[0] for name in sys.modules}))"
    done = run(hasty, out, also=also)
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def rows_of(path: Path) -> list[Row]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


# ---- the pack


def test_a_pack_has_the_runner_its_clock_and_every_block_and_network(packed: Path) -> None:
    with zipfile.ZipFile(packed) as found:
        assert found.read("__main__.py").decode() == Path(runner.__file__).read_text()
        assert found.read("turns.py").decode() == Path(turns.__file__).read_text()
        manifest = json.loads(found.read("manifest.json"))
        assert manifest["key"] == KEY
        files = manifest["files"]
        names = {"__main__.py", "turns.py", "manifest.json", manifest["reference"], *(one["name"] for one in files)}
        assert sorted(names) == sorted(found.namelist())
        assert len(names) == 4 + len(files)
    kinds = [one["kind"] for one in files]
    assert (kinds.count("overhead"), kinds.count("block"), kinds.count("network")) == (1, len(BLOCKS), len(NETWORKS))
    blocks = [placed_json().validate_json(json.dumps(one["what"])) for one in files if one["kind"] == "block"]
    assert blocks == BLOCKS
    networks = [ArchSpec.from_json(json.dumps(one["what"])) for one in files if one["kind"] == "network"]
    assert networks == NETWORKS


def test_every_graph_is_of_its_block_with_weights_that_are_not_zero(packed: Path) -> None:
    with zipfile.ZipFile(packed) as found:
        files = json.loads(found.read("manifest.json"))["files"]
        graphs = [onnx.load_from_string(found.read(one["name"])).graph for one in files if one["kind"] == "block"]
    for one, graph in zip(BLOCKS, graphs, strict=True):
        enters, leaves = (
            [size.dim_value for size in value.type.tensor_type.shape.dim] for value in (graph.input[0], graph.output[0])
        )
        assert enters == [1, *one.shape]
        # a classifier's scores have no height
        assert leaves == [1, *one.block.out_shape(one.shape)][: len(leaves)]
        kernels = [numpy_helper.to_array(value) for value in graph.initializer if len(value.dims) > 1]
        assert all((kernel != 0).all() and np.isfinite(kernel).all() for kernel in kernels)


def test_a_pack_is_known_by_what_is_in_it(packed: Path, tmp_path: Path) -> None:
    def known(path: Path) -> str:
        with zipfile.ZipFile(path) as found:
            return str(json.loads(found.read("manifest.json"))["pack"])

    def again(key: str, space: Callable[[Pick], ArchSpec] = ten_networks) -> str:
        pack(space, native, tmp_path / "again.zip", key=key, say=lambda text: None)
        return known(tmp_path / "again.zip")

    assert again(KEY) == known(packed)
    assert again("another key") != known(packed)
    assert again(KEY, four_networks) != known(packed)


def test_a_pack_that_cannot_be_written_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(LatencyError, match="cannot be written"):
        pack(four_networks, native, tmp_path / "none" / "pack.zip", key=KEY, say=lambda text: None)
    (tmp_path / "folder").mkdir()
    with pytest.raises(LatencyError, match="cannot be written"):
        pack(four_networks, native, tmp_path / "folder", key=KEY, say=lambda text: None)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


# ---- the runner


def test_the_runner_needs_onnxruntime_and_nothing_of_this_project(left: tuple[Path, str]) -> None:
    loaded = set(json.loads(left[1].strip().splitlines()[-1].replace("'", '"')))
    assert {"onnxruntime", "numpy", "turns"} <= loaded
    assert not loaded & {"nas", "search_spaces", "reports", "studies", "torch", "pydantic", "optuna", "scipy"}


def test_the_runner_says_how_far_it_is_and_where_its_file_lies(left: tuple[Path, str]) -> None:
    out, said = left
    assert f"blocks: {len(BLOCKS)} of {len(BLOCKS)}" in said
    assert f"done: {out}" in said


def test_the_runner_writes_a_row_for_each_file_and_what_it_ran_on(left: tuple[Path, str]) -> None:
    rows = rows_of(left[0])
    meta = {row["name"]: row["what"] for row in rows if row["kind"] == "meta"}
    assert meta["key"] == KEY
    assert set(meta) == {"pack", "key", "files", "processor", "system", "runtime"}
    assert meta["runtime"].startswith("onnxruntime ")
    measured = [row for row in rows if row["kind"] in ("overhead", "block", "network")]
    assert len(measured) == len({row["name"] for row in measured}) == int(meta["files"])
    assert [row["kind"] for row in rows].count("reference") == 1
    for row in measured:
        assert 0 < float(row["low"]) <= float(row["ms"]) <= float(row["high"])


def test_a_runner_that_has_all_measures_nothing(hasty: Path, left: tuple[Path, str]) -> None:
    before = left[0].read_bytes()
    assert run(hasty, left[0]).returncode == 0
    assert left[0].read_bytes() == before


@pytest.mark.parametrize("cut", ["begun", "between rows", "in a row", "in the first row", "before the first row"])
def test_a_runner_that_was_interrupted_goes_on(hasty: Path, left: tuple[Path, str], tmp_path: Path, cut: str) -> None:
    whole = left[0].read_bytes()
    lines = whole.splitlines(keepends=True)
    at = {
        "begun": sum(map(len, lines[:7])),  # all that is known before the first is measured
        "between rows": sum(map(len, lines[:15])),
        "in a row": sum(map(len, lines[:15])) + 20,
        "in the first row": 3,
        "before the first row": 0,
    }[cut]
    out = tmp_path / "device.csv"
    out.write_bytes(whole[:at])
    done = run(hasty, out)
    assert done.returncode == 0, done.stderr
    kept = whole[: whole.rfind(b"\n", 0, at) + 1]
    assert out.read_bytes().startswith(kept)
    found, expected = rows_of(out), rows_of(left[0])
    same = ("kind", "name", "what")
    assert sorted(tuple(row[name] for name in same) for row in found) == sorted(
        tuple(row[name] for name in same) for row in expected
    )


def test_a_file_that_was_measured_with_another_pack_is_refused(
    hasty: Path, left: tuple[Path, str], tmp_path: Path
) -> None:
    out = tmp_path / "device.csv"
    lines = left[0].read_text().splitlines(keepends=True)
    out.write_text("".join(line.replace("meta,pack,,,,", "meta,pack,,,,x") for line in lines))
    before = out.read_bytes()
    done = run(hasty, out)
    assert done.returncode == 1
    assert done.stderr.strip() == f"{out}: measured with another pack; give another name"
    assert out.read_bytes() == before


# ---- the table


@pytest.fixture
def rows(left: tuple[Path, str]) -> list[Row]:
    """What the runner left, with milliseconds of a device that is a formula."""
    found = []
    for row in rows_of(left[0]):
        if row["kind"] != "meta":
            ms = _formula(row)
            row = {**row, "ms": repr(ms), "low": repr(0.99 * ms), "high": repr(1.01 * ms)}
        found.append(row)
    return found


def _formula(row: Row) -> float:
    if row["kind"] == "block":
        return block_ms(placed_json().validate_json(row["what"]))
    if row["kind"] == "network":
        return 0.9 * total(ArchSpec.from_json(row["what"])) + 0.01
    return {"overhead": 0.002, "reference": 1.25}[row["kind"]]


def written(rows: list[Row], folder: Path) -> Path:
    path = folder / "device.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_what_was_measured_becomes_a_table_that_predicts(rows: list[Row], tmp_path: Path) -> None:
    table = bring(written(rows, tmp_path), "phone")
    assert (table.name, table.level, table.overhead_ms) == ("phone", 1.25, 0.002)
    assert table.blocks == pytest.approx({one: block_ms(one) for one in BLOCKS})
    assert list(table.networks) == NETWORKS
    assert list(table.calibrations) == [KEY]
    meta = {row["name"]: row["what"] for row in rows if row["kind"] == "meta"}
    assert table.fingerprint == f"{meta['processor']}, {meta['system']}, {meta['runtime']}"
    fit = table.calibrations[KEY]
    assert (fit.fitted, fit.checked) == (5, 5)
    assert (fit.slope, fit.constant) == pytest.approx((0.9, 0.01), rel=1e-3)
    table.networks.clear()
    spec = NETWORKS[0]
    assert Predictor(table=table, calibration=fit)(spec).ms == pytest.approx(0.9 * total(spec) + 0.01, rel=1e-3)


def test_the_order_of_rows_does_not_matter_to_what_is_known(rows: list[Row], tmp_path: Path) -> None:
    table, turned = (bring(written(one, tmp_path), "phone") for one in (rows, rows[::-1]))
    assert table.blocks == turned.blocks
    assert table.networks == turned.networks


def broken(rows: list[Row], kind: str = "block", number: int = 2, **columns: str) -> tuple[list[Row], int, str]:
    """One row of a kind changed; its line in the file, and its name."""
    index = [index for index, row in enumerate(rows) if row["kind"] == kind][number]
    changed = [*rows[:index], {**rows[index], **columns}, *rows[index + 1 :]]
    return changed, index + 2, rows[index]["name"]


@pytest.mark.parametrize("kind", ["block", "network"])
@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"ms": ""}, "ms is missing"),
        ({"high": ""}, "high is missing"),
        ({"ms": "fast"}, "ms 'fast': no number"),
        ({"low": "1,5"}, "low '1,5': no number"),
        ({"ms": "-1.0"}, "must be above zero"),
        ({"ms": "0"}, "must be above zero"),
        ({"ms": "nan"}, "must be above zero"),
        ({"high": "inf"}, "must be above zero"),
        ({"ms": "1", "low": "1.1", "high": "0.9"}, "ms 1 lies outside its interval, 1.1 to 0.9"),
        ({"ms": "2", "low": "1.1", "high": "1.2"}, "ms 2 lies outside its interval, 1.1 to 1.2"),
        ({"ms": "1", "low": "0.7", "high": "1.3"}, "ms 1, interval 0.7 to 1.3: too noisy"),
        ({"what": "{"}, "does not say what was measured"),
        ({"what": ""}, "does not say what was measured"),
        ({"what": "null"}, "does not say what was measured"),
        ({"what": '{"block": {"kind": "nothing"}}'}, "does not say what was measured"),
    ],
    ids=lambda value: " ".join(f"{name}={text}" for name, text in value.items()) if isinstance(value, dict) else "",
)
def test_a_row_that_cannot_be_is_named_with_its_line(
    rows: list[Row], tmp_path: Path, kind: str, columns: Row, message: str
) -> None:
    changed, line, name = broken(rows, kind, **columns)
    path = written(changed, tmp_path)
    with pytest.raises(LatencyError) as refused:
        bring(path, "phone")
    text = str(refused.value)
    assert text.startswith(f"{path}: line {line} ({name}): ")
    assert message in text
    assert text.endswith("; measure these rows again")
    assert len(text.splitlines()) == 1


def test_a_row_of_an_unknown_kind_is_named_with_its_line(rows: list[Row], tmp_path: Path) -> None:
    changed, line, name = broken(rows, kind="overhead", number=0)
    changed[line - 2]["kind"] = "mystery"
    with pytest.raises(LatencyError, match=rf"line {line} \({name}\): kind 'mystery': unknown"):
        bring(written(changed, tmp_path), "phone")


def test_a_call_that_does_nothing_may_be_noisy(rows: list[Row], tmp_path: Path) -> None:
    changed, _, _ = broken(rows, "overhead", 0, ms="0.002", low="0.001", high="0.004")
    assert bring(written(changed, tmp_path), "phone").overhead_ms == 0.002


def test_five_faults_are_listed_and_the_others_counted(rows: list[Row], tmp_path: Path) -> None:
    broken_rows = [{**row, "ms": "x"} if row["kind"] == "block" else row for row in rows]
    with pytest.raises(LatencyError, match=rf"\(and {len(BLOCKS) - 5} more\); measure these rows again$") as refused:
        bring(written(broken_rows, tmp_path), "phone")
    assert str(refused.value).count("line ") == 5


@pytest.mark.parametrize("repeated", [False, True])
def test_rows_that_are_missing_are_counted_even_where_others_stand_twice(
    rows: list[Row], tmp_path: Path, repeated: bool
) -> None:
    more = [row for row in rows[:-3] if row["kind"] == "block"] * repeated
    expected = f"3 of {1 + len(BLOCKS) + len(NETWORKS)} rows are missing: run the pack again with this file, it goes on"
    with pytest.raises(LatencyError, match=expected):
        bring(written([*rows[:-3], *more], tmp_path), "phone")


def with_networks(rows: list[Row], count: int) -> list[Row]:
    """As of a space that has no more."""
    networks = [row for row in rows if row["kind"] == "network"]
    files = str(1 + len(BLOCKS) + count)
    few = [row for row in rows if row not in networks[count:]]
    return [{**row, "what": files} if row["name"] == "files" else row for row in few]


@pytest.mark.parametrize(("count", "halves"), [(1, (1, 1)), (2, (2, 2)), (3, (2, 1)), (5, (2, 3))])
def test_a_space_of_few_networks_is_calibrated_and_checked_on_those(
    rows: list[Row], tmp_path: Path, count: int, halves: tuple[int, int]
) -> None:
    table = bring(written(with_networks(rows, count), tmp_path), "phone")
    fit = table.calibrations[KEY]
    assert (fit.fitted, fit.checked) == halves
    assert fit.error == pytest.approx(0, abs=1e-6)
    table.save(tmp_path / "phone.json")
    assert read(tmp_path / "phone.json") == table


def test_blocks_alone_calibrate_nothing(rows: list[Row], tmp_path: Path) -> None:
    with pytest.raises(LatencyError, match="no whole network, to calibrate the sum of the blocks by; measure these"):
        bring(written(with_networks(rows, 0), tmp_path), "phone")


@pytest.mark.parametrize("part", ["pack", "key", "files"])
def test_a_file_that_does_not_say_of_which_pack_it_is(rows: list[Row], tmp_path: Path, part: str) -> None:
    without = [row for row in rows if (row["kind"], row["name"]) != ("meta", part)]
    with pytest.raises(LatencyError, match=f"has no row that names the {part}; it is no CSV of a pack's runner"):
        bring(written(without, tmp_path), "phone")


def test_a_number_of_files_that_is_none(rows: list[Row], tmp_path: Path) -> None:
    changed = [{**row, "what": "many"} if row["name"] == "files" else row for row in rows]
    with pytest.raises(LatencyError, match="has no row that names the files"):
        bring(written(changed, tmp_path), "phone")


HEADER = b"kind,name,ms,low,high,what\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not what a pack's runner writes"),
        (b"network,ms\nmobilenet,3\n", "not what a pack's runner writes"),
        (b"\xff\xfe\x00", "cannot be read"),
        (HEADER, "has no row that names the pack"),
        (HEADER + b"block\n", "has no row that names the pack"),
    ],
)
def test_a_file_that_is_no_runners(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "device.csv"
    path.write_bytes(content)
    with pytest.raises(LatencyError, match=f"^{path}: {message}") as refused:
        bring(path, "phone")
    assert len(str(refused.value).splitlines()) == 1


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(LatencyError, match=f"^{path}: cannot be read"):
            bring(path, "phone")
