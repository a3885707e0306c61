"""``nas profile NAME --against OTHER``: two networks side by side, in one form."""

from __future__ import annotations

from pathlib import Path

import pytest

from nas.cost import ledger
from search_spaces import REFERENCES
from tests.nas.cli import nas
from tests.nas.test_profile import lines, profiled, refused

SMALL, LARGE = (REFERENCES[f"mobilenet_v3_{size}"].spec() for size in ("small", "large"))


@pytest.fixture(autouse=True)
def columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_the_document_has_both_networks_and_pairs_of_their_blocks() -> None:
    found = profiled("mobilenet_v3_small", "--against", "mobilenet_v3_large")
    large = profiled("mobilenet_v3_large")
    assert found["against"] == {name: value for name, value in large.items() if name not in ("check", "figure")}
    assert found["macs"] == 56_510_400
    pairs = found["pairs"]
    assert pairs[0] == {"place": "stem", "name": "blocks[0]", "against": "blocks[0]"}
    assert {"place": "stage 1 block 1", "name": None, "against": "blocks[1]"} in pairs
    assert [one["name"] for one in pairs if one["name"]] == [line.name for line in ledger(SMALL)]
    assert [one["against"] for one in pairs if one["against"]] == [line.name for line in ledger(LARGE)]


def test_the_table_shows_both_and_what_the_second_costs_more() -> None:
    shown = lines(nas("profile", "mobilenet_v3_small", "--against", "mobilenet_v3_large"))
    assert shown[0] == "MobileNetV3 small: 56.5 MFLOPs, 2.54 M parameters, peak 1,405 KB"
    assert shown[1] == "MobileNetV3 large: 216.6 MFLOPs, 5.48 M parameters, peak 4,014 KB"
    rows = [line.split() for line in shown]
    assert ["total", "15", "blocks", "56.51", "19", "blocks", "216.59", "+160.08"] in rows
    assert ["1.1", "–", "3×3,", "16", "→", "16,", "no", "SE,", "relu", "5.02", "+5.02"] in rows
    assert any(row[:1] == ["squeeze-excite"] for row in rows)
    assert max(len(line) for line in shown) <= 80


@pytest.mark.parametrize("other", ["densenet_121", "squeezenet_1_1", "alexnet"])
@pytest.mark.parametrize("width", [80, 100, 130, 160])
def test_every_row_is_whole_within_the_width(other: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    shown = lines(nas("profile", "mobilenet_v3_large", "--against", other))
    assert max(len(line) for line in shown) <= width
    assert not any("…" in line for line in shown)
    facts = {
        fact
        for spec in (LARGE, REFERENCES[other].spec())
        for row in spec.rows()
        for fact in row.block.words(row.shape).replace(" channels", "").split(", ")
    }
    for fact in facts:
        assert any(fact in line for line in shown), f"{fact} is broken in two"


def test_a_network_against_itself_costs_nothing_more() -> None:
    shown = lines(nas("profile", "alexnet", "--against", "alexnet", "--count", "flops"))
    assert ["total", "12", "blocks", "1,428.38", "12", "blocks", "1,428.38", "+0.00"] in [
        line.split() for line in shown
    ]


def test_both_are_counted_in_the_form_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(SMALL.to_json())
    found = profiled(str(path), "--against", "densenet_40_12", "--resolution", "32", "--classes", "10")
    assert (found["resolution"], found["classes"]) == (32, 10)
    assert (found["against"]["resolution"], found["against"]["classes"]) == (32, 10)


def test_two_forms_are_refused_and_the_options_named() -> None:
    message = refused("mobilenet_v3_small", "--against", "densenet_40_12")
    assert message == (
        "--against densenet_40_12: it is counted at 32 px, 10 classes, published strides, mobilenet_v3_small at "
        "224 px, 1000 classes, published strides; give --resolution, --classes and --strides to count both in one form"
    )


def test_an_unknown_other_names_the_nearest() -> None:
    assert "did you mean mobilenet_v2?" in refused("alexnet", "--against", "mobilenet_v22")
    assert "No such file" in refused("alexnet", "--against", "nothing.json")


@pytest.mark.parametrize("words", [("--check",), ("--operators",), ("--figure", "out.svg")])
def test_what_is_for_one_network_is_refused_with_two(words: tuple[str, ...]) -> None:
    assert refused("alexnet", "--against", "alexnet", *words) == (
        f"{words[0]}: is for one network: leave it or --against out"
    )
