"""The winner of a search as a baseline: each choice set to what the most similar published network has."""

from typing import Any

import pytest

from nas.arch import ArchSpec
from nas.errors import NasError
from nas.record import Record
from nas.space import Option, rebuild
from search_spaces import REFERENCES, SPACES
from studies.ablations.resolve import Winner, resolve
from studies.ablations.winner import of_winner
from tests.studies.tiny_ablation import BASE, tiny_among_spaces

__all__ = ["tiny_among_spaces"]  # a fixture for all of this file


def winner(space: str, choices: dict[str, Option]) -> Winner:
    spec = rebuild(SPACES[space], choices)
    record = Record(
        state="complete",
        number=17,
        name=None,
        title="trial 17",
        origin="tpe",
        spec=spec,
        choices=choices,
        macs=1,
        params=1,
        peak_activation_bytes=1,
        train_macs=1,
        seed=0,
        fold=0,
    )
    return lambda study: (record, space)


def published(name: str, **others: Any) -> dict[str, Option]:
    return {**(REFERENCES[name].choices or {}), **others}


def test_each_choice_that_differs_is_set_to_the_published_networks() -> None:
    changed = {"stage3.block1.kernel": 7, "stage5.block2.se": False, "hidden": 1280}
    made = of_winner("found", winner("mobilenet_v3", published("mobilenet_v3_small", **changed)))
    assert set(made.variants) == {"stage3.block1.kernel 5", "stage5.block2.se True", "hidden 1024"}
    assert "trial 17, the winner of found" in made.question
    assert "set to MobileNetV3 small's" in made.question
    found = resolve(made, winner=winner("mobilenet_v3", published("mobilenet_v3_small", **changed)))
    assert (found.baseline, found.title) == ("trial 17 of found", "trial 17")
    assert [one.width for one in found.networks[:4]] == [1.0, 0.5, 0.75, 1.25]


def test_a_depth_brings_its_new_blocks_decisions_as_published() -> None:
    choices = published("mobilenet_v3_small", **{"small.stage5.depth": 1})
    choices = {
        name: value for name, value in choices.items() if not name.startswith(("stage5.block1", "stage5.block2"))
    }
    made = of_winner("found", winner("mobilenet_v3", choices))
    (changes,) = made.variants.values()
    assert isinstance(changes, dict)
    assert changes["small.stage5.depth"] == 3
    assert changes["stage5.block2.kernel"] == 5
    (variant,) = resolve(made, winner=winner("mobilenet_v3", choices)).variants
    assert variant.spec == REFERENCES["mobilenet_v3_small"].spec()


def test_the_published_network_itself_is_compared_with_all_alternatives() -> None:
    made = of_winner("found", winner("squeezenet", published("squeezenet_1_1")))
    assert "layout 1.0" in made.variants
    assert {name for name in made.variants if name.startswith("bypass")} == {"bypass simple", "bypass complex"}


def test_a_space_without_published_networks_has_all_alternatives() -> None:
    made = of_winner("found", winner("tiny", BASE))
    assert {name for name in made.variants if name.startswith("width")} == {"width 8", "width 24"}
    found = resolve(made, winner=winner("tiny", BASE))
    specs: list[ArchSpec] = [one.spec for one in found.networks]
    assert len(set(specs)) == len(specs)
    assert len(found.variants) == 2 + 2 + 2 * (2 + 2 + 1 + 1)


def test_a_search_without_a_winner_says_so() -> None:
    def none(study: str) -> tuple[Record, str]:
        raise NasError(f"study {study}: has no winner yet")

    with pytest.raises(NasError, match="study found: has no winner yet"):
        of_winner("found", none)
