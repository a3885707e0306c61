"""From what ``--latency-target`` says to a table: of this machine, of a device, or in a file."""

import shutil
from pathlib import Path

import pytest

from nas.budget import Budget
from nas.errors import BudgetError, LatencyError
from nas.latency.find import Found, calibration_key, devices, find, limits, predictor, stopwatch_for
from nas.latency.table import Table, path_of, read
from nas.latency.targets import TARGETS
from tests.nas.fast import four_networks, tiny_space
from tests.nas.latency.fakes import NAME, FakeTarget, calibration, native, put_in_place, specs_of, table_of, total

BUDGET = Budget(latency_ms=100.0, latency_target=NAME, resolution=16, classes=3)
KEY = "tiny"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "latency"


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> FakeTarget:
    return put_in_place(monkeypatch, FakeTarget(), networks=4)


def phone(name: str = "phone") -> Table:
    table = table_of(specs_of(tiny_space, 20), name=name)
    table.fingerprint = "a phone's processor"
    table.calibrations[KEY] = calibration()
    return table


def imported(name: str = "phone") -> Table:
    table = phone(name)
    table.save(path_of(table, device=True))
    return table


def quietly(text: str) -> None:
    pass


# ---- what is found


def test_a_target_that_was_never_measured_has_an_empty_table(target: FakeTarget, cache: Path) -> None:
    found = find(NAME)
    assert found.table == Table(name=NAME, fingerprint=target.fingerprint())
    assert found.target is target
    assert found.path.parent == cache
    assert not cache.exists()  # to look for a table makes none


def test_a_target_has_the_table_of_this_machine_and_not_anothers(target: FakeTarget) -> None:
    first = find(NAME)
    first.table.overhead_ms = 0.5
    first.table.save(first.path)
    assert find(NAME).table == first.table
    target.processor = "another processor"
    assert find(NAME).table.overhead_ms is None
    target.processor = "a processor"
    assert find(NAME).table == first.table


def test_a_device_is_found_by_the_name_it_was_given(cache: Path) -> None:
    table = imported()
    found = find("phone")
    assert (found.table, found.path, found.target) == (table, cache / "phone.json", None)
    assert devices() == ["phone"]


def test_tables_of_this_machine_are_no_devices(target: FakeTarget) -> None:
    found = find(NAME)
    found.table.save(found.path)
    assert devices() == []
    imported("onnxruntime-on-a-board")
    assert devices() == ["onnxruntime-on-a-board"]


@pytest.mark.parametrize(
    ("typed", "near"),
    [("onnxruntime-cpus", "onnxruntime-cpu"), ("torchcpu", "torch-cpu"), ("my-fone", "my-phone"), ("zzz", None)],
)
def test_an_unknown_name_is_refused_with_the_nearest_and_all_there_are(typed: str, near: str | None) -> None:
    imported("my-phone")
    with pytest.raises(LatencyError) as refused:
        find(typed)
    text = str(refused.value)
    assert text.startswith(f"--latency-target {typed}: unknown; ")
    assert (f"did you mean {near}? " in text) is (near is not None)
    assert ", ".join([*TARGETS, "my-phone"]) in text
    assert "nas.latency import" in text
    assert len(text.splitlines()) == 1


def test_a_device_whose_table_is_damaged_is_one_line_with_its_path(cache: Path) -> None:
    imported()
    (cache / "phone.json").write_text("{")
    with pytest.raises(LatencyError, match=f"^{cache / 'phone.json'}: no table of latencies"):
        find("phone")


# ---- tables in files


def test_a_file_of_this_machine_is_taken_and_can_be_added_to(target: FakeTarget, tmp_path: Path) -> None:
    found = find(NAME)
    found.table.save(tmp_path / "mine.json")
    again = find(str(tmp_path / "mine.json"))
    assert (again.table, again.path, again.target) == (found.table, tmp_path / "mine.json", target)


def test_a_file_of_another_machine_is_refused_unless_any_machine_will_do(target: FakeTarget, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    Table(name=NAME, fingerprint="another processor, 1 thread").save(path)
    with pytest.raises(LatencyError) as refused:
        find(str(path))
    assert str(refused.value) == (
        f"--latency-target {path}: measured on another machine (another processor, 1 thread; this one is "
        "a processor, 1 thread); --any-machine takes it all the same"
    )
    found = find(str(path), any_machine=True)
    assert found.target is None  # nothing is added to it here
    assert stopwatch_for(found) is None


def test_a_file_for_a_runtime_that_is_not_here_is_of_another_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    path = tmp_path / "gpu.json"
    Table(name="torch-cuda", fingerprint="a GPU").save(path)
    with pytest.raises(LatencyError, match="this one is none here"):
        find(str(path))
    assert find(str(path), any_machine=True).target is None


def test_a_devices_file_needs_no_permission_wherever_it_lies(tmp_path: Path) -> None:
    table = phone()
    table.save(tmp_path / "anywhere.json")
    found = find(str(tmp_path / "anywhere.json"))
    assert (found.table, found.target) == (table, None)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(LatencyError, match=f"^{tmp_path / 'none.json'}: cannot be read"):
        find(str(tmp_path / "none.json"))


def test_a_table_can_be_taken_along(target: FakeTarget, cache: Path, tmp_path: Path) -> None:
    """The file that one machine made is a device's here, once it has a name of its own."""
    found = find(NAME)
    limits(found, tiny_space, BUDGET, key=KEY, say=quietly)
    shutil.copy(found.path, tmp_path / "theirs.json")
    target.processor = "another processor"
    theirs = find(str(tmp_path / "theirs.json"), any_machine=True)
    assert limits(theirs, tiny_space, BUDGET, key=KEY, say=quietly).measure is None


# ---- predictors and limits


def test_a_predictor_here_measures_what_is_missing_and_saves_it(target: FakeTarget) -> None:
    found = find(NAME)
    predict = predictor(found, tiny_space, native, key=KEY, say=quietly, stopwatch=stopwatch_for(found))
    assert read(found.path) == found.table == predict.table
    assert len(found.table.networks) == 8
    target.blocks.clear()
    again = find(NAME)
    predictor(again, tiny_space, native, key=KEY, say=quietly, stopwatch=stopwatch_for(again))
    assert target.blocks == []


def test_a_device_that_was_measured_for_something_else_says_for_what_and_how_to_go_on() -> None:
    imported()
    found = find("phone")
    with pytest.raises(LatencyError) as refused:
        predictor(found, four_networks, native, key="four at 16 px", say=quietly, stopwatch=None)
    text = str(refused.value)
    assert text.startswith("--latency-target phone: its table is for tiny, and this search needs four at 16 px; pack")
    assert predictor(found, tiny_space, native, key=KEY, say=quietly, stopwatch=None).table == found.table


def test_limits_here_measure_keep_and_save(target: FakeTarget) -> None:
    spec = specs_of(tiny_space, 30, seed=9)[-1]
    found = find(NAME)
    made = limits(found, tiny_space, BUDGET, key=KEY, say=quietly)
    known = made.measured(spec)
    assert known is not None
    assert known.measured
    assert known.ms == pytest.approx(total(spec))
    assert read(found.path).networks[spec] == known


def test_limits_of_a_device_measure_nothing() -> None:
    imported()
    made = limits(find("phone"), tiny_space, BUDGET, key=KEY, say=quietly)
    assert made.measure is None
    assert made.measured(specs_of(tiny_space, 1)[0]) is None


def test_a_budget_below_the_overhead_is_refused(target: FakeTarget) -> None:
    tight = Budget(latency_ms=0.001, latency_target=NAME, resolution=16, classes=3)
    with pytest.raises(BudgetError, match=r"to call onnxruntime-cpu at all takes 0\.002 ms"):
        limits(find(NAME), tiny_space, tight, key=KEY, say=quietly)


def test_a_stopwatch_begins_at_the_level_that_the_table_knows(target: FakeTarget) -> None:
    table = Table(name=NAME, fingerprint=target.fingerprint(), level=0.75)
    made = stopwatch_for(Found(table=table, path=Path("x"), target=target))
    assert made is not None
    assert made.level == 0.75


def test_a_calibration_is_of_a_space_and_a_form() -> None:
    keys = {
        calibration_key("tiny", tiny_space, resolution=16, classes=3),
        calibration_key("tiny", tiny_space, resolution=32, classes=3),
        calibration_key("tiny", tiny_space, resolution=16, classes=4),
        calibration_key("tiny", four_networks, resolution=16, classes=3),
    }
    assert len(keys) == 4
    assert all(key.startswith("tiny (") for key in keys)
    assert any(key.endswith(" at 32 px, 3 classes") for key in keys)
