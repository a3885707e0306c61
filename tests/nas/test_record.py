"""Records and facts: what is written is what is read, and what cannot be read is said."""

import json
from dataclasses import replace
from typing import Any

import pytest

from nas.errors import StorageError
from nas.record import EpochRecord, Record, SearchFacts
from tests.nas.fast import BUDGET, SMALL, study_facts

CURVE = tuple(EpochRecord(train_loss=1 / n, val_accuracy=accuracy, seconds=0.5) for n, accuracy in ((1, 0.7), (2, 0.6)))


def record(**facts: Any) -> Record:
    given: dict[str, Any] = {
        "state": "complete",
        "number": 3,
        "name": None,
        "title": "trial 3",
        "origin": "draw",
        "spec": SMALL.scaled(1.0),
        "choices": {"width": 0.5, "depth": 2, "se": True, "activation": "relu"},
        "macs": 56_510_400,
        "params": 2_542_856,
        "peak_activation_bytes": 10,
        "train_macs": 5,
        "seed": 7,
        "fold": 0,
        "curve": CURVE,
        **facts,
    }
    return Record(**given)


@pytest.mark.parametrize(
    "one",
    [
        record(),
        record(state="pruned", curve=CURVE[:1]),
        record(state="failed", curve=(), reason="training loss became nan in epoch 1"),
        record(number=None, name="mobilenet_v3_small", choices=None),
    ],
    ids=["complete", "pruned", "failed", "reference"],
)
def test_a_record_comes_back_from_json_as_it_was(one: Record) -> None:
    back = Record.from_json(json.loads(json.dumps(one.to_json())))
    assert back == one
    # 1, 1.0 and True are equal to Python, but they are different choices
    assert back.choices is None or [type(value) for value in back.choices.values()] == [float, int, bool, str]


def test_facts_come_back_from_json_as_they_were() -> None:
    facts = replace(study_facts(), command="nas search --budget-mflops 60", machine={"cores": "2"}, fallback=True)
    assert SearchFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts
    assert facts.budget == BUDGET


def test_the_accuracy_is_the_last_epochs_and_not_the_best() -> None:
    assert record().val_accuracy == 0.6


@pytest.mark.parametrize(("state", "curve", "last"), [("pruned", CURVE[:1], 0.7), ("failed", (), None)])
def test_only_a_complete_training_has_an_accuracy(state: str, curve: Any, last: float | None) -> None:
    one = record(state=state, curve=curve)
    assert one.val_accuracy is None
    assert one.last_accuracy == last


def test_all_trainings_of_one_network_have_one_key() -> None:
    assert record(seed=1).key == record(seed=2).key == "trial 3"
    assert record(name="large", number=None).key == "large"


@pytest.mark.parametrize(
    ("change", "place"),
    [({"macs": "many"}, "macs"), ({"state": "asleep"}, "state"), ({"curve": [{"train_loss": 1}]}, r"curve\.0\.")],
)
def test_a_record_that_cannot_be_read_names_the_place(change: dict[str, Any], place: str) -> None:
    with pytest.raises(StorageError, match=f"Record in storage: {place}"):
        Record.from_json({**record().to_json(), **change})


def test_facts_that_lack_something_name_it() -> None:
    document = study_facts().to_json()
    del document["recipe"]
    with pytest.raises(StorageError, match="SearchFacts in storage: recipe"):
        SearchFacts.from_json(document)


def test_what_format_1_wrote_is_still_read() -> None:
    """It knew neither kinds of runs nor a training's own recipe, and less of recipes and blocks."""
    facts = study_facts().to_json()
    del facts["kind"], facts["recipe"]["norm_momentum"]
    assert SearchFacts.from_json({**facts, "format": 1}) == replace(study_facts(), format=1)
    old = record().to_json()
    del old["recipe"], old["spec"]["initialisation"]
    new = {"norm_momentum", "padding", "bias", "norm", "out_activation", "shortcut"}
    for block in old["spec"]["blocks"]:
        later = {"size", "kernel", "stride", "ceil"} if block["kind"] == "pooling" else set()
        for name in (new | later) & set(block):
            del block[name]
    assert Record.from_json(old) == record()


def test_facts_of_another_format_are_another_programs() -> None:
    with pytest.raises(StorageError, match="format 99: written by another version"):
        SearchFacts.from_json({**study_facts().to_json(), "format": 99})
