"""``nas profile NAME --check``: the closed form, torch and fvcore, operator by operator."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from nas.blocks import Fire
from nas.cost import ledger
from nas.profile.check import check
from nas.profile.check_table import check_lines
from search_spaces import REFERENCES, SPACES
from tests.nas.cli import nas
from tests.networks import random_specs

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning"),
]


@pytest.mark.parametrize("space", SPACES)
def test_counters_agree_on_random_networks(space: str) -> None:
    for spec in random_specs(space, 2, seed=5):
        assert check(spec).agrees


@pytest.mark.parametrize("reference", ["mobilenet_v3_small", "squeezenet_1_0_complex_bypass", "alexnet"])
def test_counters_agree_on_references(reference: str) -> None:
    checked = check(REFERENCES[reference].spec())
    assert checked.agrees
    assert checked.counters[0].macs == checked.counters[1].macs == checked.ledger.macs


def test_the_document_names_what_each_counter_counts_and_leaves_out() -> None:
    ended = nas("profile", "mobilenet_v3_small", "--check", "--json")
    assert (ended.status, ended.stderr) == (0, "")
    found = json.loads(ended.stdout)["check"]
    assert found["agrees"] is True
    assert found["macs"] == {"closed_form": 56_510_400, "torch": 56_510_400, "fvcore": 56_510_400}
    assert found["params"] == {"closed_form": 2_542_856, "built": 2_542_856}
    assert found["differing_blocks"] == []
    rows = {one["kind"]: one for one in found["operators"]}
    assert rows["convolution"] == {
        "kind": "convolution",
        "number": 52,
        "run": 52,
        "closed_form": 54_896_576,
        "torch": 54_896_576,
        "fvcore": 54_896_576,
    }
    assert rows["batch_norm"]["torch"] is None
    assert rows["batch_norm"]["fvcore"] > 0
    assert found["left_out"]["torch"] == {
        "batch_norm": 34,
        "activation": 42,
        "pooling": 10,
        "product": 9,
        "sum": 6,
        "dropout": 1,
    }
    assert found["left_out"]["fvcore"] == {"activation": 42, "product": 9, "sum": 6, "dropout": 1}


def test_the_text_says_that_they_agree_and_what_is_left_out() -> None:
    ended = nas("profile", "squeezenet_1_1", "--check")
    assert (ended.status, ended.stderr) == (0, "")
    text = " ".join(ended.stdout.split())
    assert "Equal: multiply-adds of convolutions and linear layers in every block" in text
    assert "torch leaves out: activation (26), pooling (4), concatenation (8), dropout (1)." in text
    assert "fvcore counts beside convolutions and linear layers: pooling (169,000 operations)" in text


def test_a_closed_form_that_is_wrong_is_found_with_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = REFERENCES["squeezenet_1_1"].spec()
    rows = ledger(spec)
    rows[3] = rows[3]._replace(cost=replace(rows[3].cost, macs=rows[3].cost.macs + 1))
    monkeypatch.setattr("nas.profile.check.ledger", lambda spec: rows)
    checked = check(spec)
    assert not checked.agrees
    assert checked.differing_blocks == [3]
    assert check_lines(checked)[0] == "DIFFERENT: multiply-adds of blocks[3]"
    ended = nas("profile", "squeezenet_1_1", "--check")
    assert ended.status == 1
    assert "DIFFERENT: multiply-adds of blocks[3]" in ended.stdout


def test_an_operator_that_is_not_listed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = Fire.operators
    monkeypatch.setattr(Fire, "operators", lambda self, shape: listed(self, shape)[:-1])
    checked = check(REFERENCES["squeezenet_1_1"].spec())
    assert not checked.agrees
    assert check_lines(checked)[0] == "DIFFERENT: numbers of operators"
    assert "concatenation" not in checked.operators
    assert checked.run["concatenation"] == 8
