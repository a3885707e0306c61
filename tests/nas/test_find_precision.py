"""Which arithmetic is chosen, by what, and what happens to a probe's result."""

import json
from pathlib import Path

import pytest
import torch

from nas import find_precision as module
from nas.errors import NasError
from nas.find_precision import FASTER, find_precision, probe
from nas.kept import here


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def probed(monkeypatch: pytest.MonkeyPatch, gain: float) -> list[float]:
    """Probes give ``gain``; the list has one entry for each that was made."""
    made: list[float] = []

    def fake() -> float:
        made.append(gain)
        return gain

    monkeypatch.setattr(module, "probe", fake)
    return made


@pytest.mark.parametrize(
    ("gain", "expected"), [(FASTER, "bf16"), (1.6, "bf16"), (FASTER - 0.01, "fp32"), (0.4, "fp32")]
)
def test_bf16_only_where_the_probe_shows_that_it_wins(
    gain: float, expected: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probed(monkeypatch, gain)
    assert find_precision("auto", "cpu") == expected


def test_the_probe_is_made_once_for_a_machine_and_a_torch(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = probed(monkeypatch, 1.5)
    assert find_precision("auto", "cpu") == find_precision("auto", "cpu") == "bf16"
    assert len(made) == 1
    assert json.loads((cache / "precision.json").read_text()) == {here(): 1.5}
    monkeypatch.setattr(module, "here", lambda: "another processor, torch 9")
    find_precision("auto", "cpu")
    assert len(made) == 2
    assert len(json.loads((cache / "precision.json").read_text())) == 2


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"x": "fast"}', "\x00"])
def test_a_damaged_cache_is_probed_again(damage: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir()
    (cache / "precision.json").write_text(damage)
    made = probed(monkeypatch, 1.5)
    assert find_precision("auto", "cpu") == "bf16"
    assert len(made) == 1


def test_a_cache_that_cannot_be_written_does_not_matter(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.write_text("a file where the folder should be")
    made = probed(monkeypatch, 1.5)
    assert find_precision("auto", "cpu") == "bf16"
    assert len(made) == 1


@pytest.mark.parametrize("name", ["fp32", "bf16"])
def test_what_is_asked_for_is_used_without_a_probe(name: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = probed(monkeypatch, 9.0)
    assert find_precision(name, "cpu") == name
    assert not made


def test_unknown_names_are_refused_with_those_there_are() -> None:
    with pytest.raises(NasError, match="--precision fp16: unknown; there are auto, fp32, bf16"):
        find_precision("fp16", "cpu")


def test_a_gpu_is_asked_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_: True)
    assert find_precision("auto", "cuda") == "bf16"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_: False)
    assert find_precision("auto", "cuda") == "fp32"
    assert find_precision("auto", "mps") == "fp32"


def test_the_real_probe_measures_and_leaves_the_threads_as_they_were() -> None:
    threads = torch.get_num_threads()
    assert 0.05 < probe() < 50
    assert torch.get_num_threads() == threads
