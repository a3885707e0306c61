"""One network timed as a whole and block by block, and what ``nas profile --latency-target`` shows of it."""

import json
from pathlib import Path

import pytest

from nas.arch import ArchSpec
from nas.blocks import Classifier, Convolution, Pooling
from nas.latency.find import Found, find
from nas.latency.network import time_network
from nas.latency.predict import Predictor, placed
from nas.latency.table import Table, read
from tests.nas.cli import nas
from tests.nas.latency.fakes import NAME, FakeTarget, block_ms, calibration, put_in_place, table_of, total

SAME = Convolution(out=8, kernel=3, activation="relu")
SPEC = ArchSpec(
    resolution=16,
    blocks=(Convolution(out=8, kernel=3, stride=2, activation="relu"), SAME, SAME, Pooling(), Classifier(classes=3)),
)
BLOCKS = [block_ms(one) for one in placed(SPEC)]


@pytest.fixture(autouse=True)
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeTarget:
    """Whole networks take nine tenths of their blocks."""
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path / "cache"))
    return put_in_place(monkeypatch, FakeTarget(whole=lambda spec: 0.9 * total(spec)))


def test_it_is_measured_as_a_whole_and_block_by_block_and_kept(target: FakeTarget) -> None:
    found = find(NAME)
    known = time_network(SPEC, found)
    assert known.measured
    assert known.ms == pytest.approx(0.9 * total(SPEC))
    assert known.blocks == pytest.approx(BLOCKS)  # the same block stands there twice
    assert len(target.blocks) == len(set(placed(SPEC))) == len(BLOCKS) - 1
    kept = read(found.path)
    assert kept.networks[SPEC].ms == known.ms
    assert kept.blocks == pytest.approx({one: block_ms(one) for one in placed(SPEC)})
    assert kept.level is not None


def test_what_is_known_is_not_measured_again(target: FakeTarget) -> None:
    first = time_network(SPEC, find(NAME))
    target.blocks.clear()
    target.networks.clear()
    assert time_network(SPEC, find(NAME)) == first
    assert (target.blocks, target.networks) == ([], [])


def test_of_a_device_it_is_predicted_by_its_table(target: FakeTarget) -> None:
    table = table_of([SPEC], name="phone")
    table.calibrations["any"] = calibration(slope=0.8, constant=0.03)
    known = time_network(SPEC, Found(table=table, path=Path("phone.json"), target=None))
    assert not known.measured
    assert known == Predictor(table=table, calibration=table.calibrations["any"])(SPEC)._replace(blocks=known.blocks)
    assert known.ms == pytest.approx(0.8 * total(SPEC) + 0.03)
    assert known.blocks == pytest.approx(BLOCKS)
    assert target.blocks == []


@pytest.fixture
def spec_json(tmp_path: Path) -> str:
    path = tmp_path / "spec.json"
    path.write_text(SPEC.to_json())
    return str(path)


def test_profile_shows_the_time_of_the_network_and_of_each_block(spec_json: str) -> None:
    done = nas("profile", spec_json, "--latency-target", NAME, "--json")
    assert done.status == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["latency_ms"] == pytest.approx(0.9 * total(SPEC))
    assert [block["latency_ms"] for block in document["blocks"]] == pytest.approx(BLOCKS)
    both = nas("profile", spec_json, "--against", spec_json, "--latency-target", NAME, "--json")
    assert json.loads(both.stdout)["against"]["latency_ms"] == document["latency_ms"]


def test_profile_takes_a_table_of_another_machine_only_where_that_is_asked_for(spec_json: str, tmp_path: Path) -> None:
    table = table_of([SPEC])
    other = Table(name=NAME, fingerprint="another processor", blocks=table.blocks, calibrations={"any": calibration()})
    other.save(tmp_path / "other.json")
    words = ("profile", spec_json, "--latency-target", str(tmp_path / "other.json"), "--json")
    refused = nas(*words)
    assert refused.status == 2
    assert "measured on another machine" in refused.stderr
    done = nas(*words, "--any-machine")
    assert json.loads(done.stdout)["latency_ms"] == pytest.approx(total(SPEC))
