"""Choices rebuild an architecture exactly; the ways of picking, and the one bridge to Optuna."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.trial import FixedTrial

from nas.arch import ArchSpec
from nas.blocks import Classifier, Convolution, InvertedResidual, Pooling
from nas.draw import draw
from nas.errors import NasError, SpecError
from nas.space import (
    ChoicesError,
    Option,
    Pick,
    as_suggested,
    at_random,
    even_step,
    explore,
    from_trial,
    is_ordered,
    load_space,
    rebuild,
    recording,
    replaying,
)
from search_spaces import SPACES, find_space


def toy(pick: Pick) -> ArchSpec:
    """Every type of option once; a decision that exists only after another; one with a single answer."""
    width = pick("width", (0.5, 1.0, 2.0))
    blocks: list[Any] = [Convolution(kernel=pick("stem", (3,)), out=int(8 * width), stride=2)]
    for index in range(pick("depth", (0, 1, 2))):
        kernel = pick(f"block{index}.kernel", (3, 5, 7))
        squeeze = 4 if pick(f"block{index}.se", (False, True)) else 0
        blocks.append(InvertedResidual(kernel=kernel, mid=16, out=8, squeeze=squeeze))
    blocks += [Pooling(), Classifier(classes=10, hidden=pick("hidden", (0, 16, 64)))]
    return ArchSpec(resolution=32, blocks=(*blocks[:-2], *blocks[-2:]))


CHOICES: dict[str, Option] = {
    "width": 0.5,
    "stem": 3,
    "depth": 1,
    "block0.kernel": 5,
    "block0.se": True,
    "hidden": 64,
}


def without(name: str) -> dict[str, Option]:
    return {one: value for one, value in CHOICES.items() if one != name}


# ---- replaying


def test_recorded_choices_give_the_same_architecture_and_the_same_choices() -> None:
    rng = random.Random(0)
    for _ in range(100):
        choices, spec = explore(toy, at_random(rng))
        assert rebuild(toy, choices) == spec
        assert explore(toy, replaying(choices)) == (choices, spec)


def test_the_order_of_recorded_choices_does_not_matter() -> None:
    assert rebuild(toy, dict(reversed(CHOICES.items()))) == rebuild(toy, CHOICES)


def test_a_missing_choice_is_refused_naming_it_and_its_options() -> None:
    with pytest.raises(ChoicesError, match=r"^block0\.kernel: missing from the choices; its options are \(3, 5, 7\)"):
        rebuild(toy, without("block0.kernel"))


def test_a_choice_that_is_not_asked_for_is_refused() -> None:
    with pytest.raises(ChoicesError, match=r"^colour: not asked for by this space"):
        rebuild(toy, {**CHOICES, "colour": "red"})


def test_a_choice_that_these_choices_leave_no_room_for_is_refused() -> None:
    with pytest.raises(ChoicesError, match=r"^block1\.kernel: not asked for by this space under these choices"):
        rebuild(toy, {**CHOICES, "block1.kernel": 3})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("width", 0.75),
        ("width", 1),  # equal to 1.0, but another answer
        ("depth", 1.0),
        ("depth", True),
        ("depth", "1"),
        ("block0.se", 1),
        ("block0.se", 1.0),
        ("block0.kernel", 4),
    ],
)
def test_a_choice_that_is_no_option_is_refused(name: str, value: Option) -> None:
    with pytest.raises(ChoicesError) as refused:
        rebuild(toy, {**CHOICES, name: value})
    assert str(refused.value).startswith(f"{name}: {value!r}: not among its options (")


def test_what_was_not_recorded_can_be_picked_otherwise() -> None:
    def last(name: str, options: Sequence[Any], /) -> Any:
        return options[-1]

    choices, _ = explore(toy, replaying({"width": 1.0, "depth": 1, "block0.kernel": 4}, otherwise=last))
    assert choices == {
        "width": 1.0,
        "stem": 3,
        "depth": 1,
        "block0.kernel": 7,  # 4 is no option
        "block0.se": True,
        "hidden": 64,
    }


def test_choices_errors_are_mistakes_that_the_user_can_mend() -> None:
    assert issubclass(ChoicesError, NasError)


# ---- recording and drawing


def test_recording_writes_down_every_answer_and_its_options() -> None:
    choices: dict[str, Option] = {}
    domains: dict[str, tuple[Option, ...]] = {}
    toy(recording(replaying(CHOICES), choices, domains))
    assert choices == CHOICES
    assert list(choices) == list(CHOICES)  # in the order asked
    assert domains["hidden"] == (0, 16, 64)
    assert domains.keys() == choices.keys()


def test_options_that_change_between_askings_are_refused() -> None:
    domains: dict[str, tuple[Option, ...]] = {}
    pick = recording(at_random(random.Random(0)), {}, domains)
    pick("kernel", (3, 5))
    pick("kernel", [3, 5])
    with pytest.raises(SpecError, match=r"^kernel: asked with \(3, 5, 7\), before with \(3, 5\); options must not"):
        pick("kernel", (3, 5, 7))


def test_random_picks_take_every_option_equally_often() -> None:
    pick, count = at_random(random.Random(0)), 9000
    picked = [pick("kernel", (3, 5, 7)) for _ in range(count)]
    deviation = (count * 1 / 3 * 2 / 3) ** 0.5
    for option in (3, 5, 7):
        assert abs(picked.count(option) - count / 3) < 6 * deviation


def test_random_picks_are_decided_by_the_generator() -> None:
    assert explore(toy, at_random(random.Random(5))) == explore(toy, at_random(random.Random(5)))


# ---- Optuna

#   options, whether they are ordered, their even step, what Optuna is asked for
KINDS: list[tuple[tuple[Option, ...], bool, int | None, Any]] = [
    ((3, 5, 7), True, 2, IntDistribution(3, 7, step=2)),
    ((1, 2), True, 1, IntDistribution(1, 2)),
    ((0, 16, 64), True, None, IntDistribution(0, 2)),
    ((0.5, 1.0, 2.0), True, None, IntDistribution(0, 2)),
    ((1.0, 2.0, 3.0), True, None, IntDistribution(0, 2)),
    ((7, 5, 3), False, None, CategoricalDistribution((7, 5, 3))),
    ((3, 3), False, None, CategoricalDistribution((3, 3))),
    ((False, True), False, None, CategoricalDistribution((False, True))),
    (("relu", "hardswish"), False, None, CategoricalDistribution(("relu", "hardswish"))),
]


@pytest.mark.parametrize(("options", "ordered", "step", "asked"), KINDS)
def test_optuna_sees_the_order_of_numbers(
    options: tuple[Option, ...], ordered: bool, step: int | None, asked: object
) -> None:
    assert is_ordered(options) is ordered
    assert even_step(options) == step
    trial = optuna.create_study().ask()
    value = from_trial(trial)("name", options)  # type: ignore[type-var]
    assert value in options
    assert type(value) is type(options[0])
    assert trial.distributions == {"name": asked}


def test_evenly_spaced_integers_are_suggested_as_themselves_and_other_numbers_by_index() -> None:
    params = {"kernel": 5, "hidden": 2, "width": 0, "gate": "sigmoid"}
    pick = from_trial(FixedTrial(params))
    assert pick("kernel", (3, 5, 7)) == 5
    assert pick("hidden", (0, 16, 64)) == 64
    assert pick("width", (0.5, 1.0, 2.0)) == 0.5
    assert pick("gate", ("hardsigmoid", "sigmoid")) == "sigmoid"


def test_a_decision_with_one_option_is_not_asked() -> None:
    trial = optuna.create_study().ask()
    pick = from_trial(trial)
    assert pick("stem", (3,)) == 3
    assert pick("gate", ("sigmoid",)) == "sigmoid"
    assert pick("se", (True,)) is True
    assert trial.params == {}


@pytest.mark.parametrize("options", [options for options, *_ in KINDS if len(set(options)) > 1])
def test_as_suggested_is_what_optuna_must_answer_for_an_option_to_be_picked(options: tuple[Option, ...]) -> None:
    for option in options:
        trial = FixedTrial({"name": as_suggested(options, option)})
        picked = from_trial(trial)("name", options)  # type: ignore[type-var]
        assert picked == option
        assert type(picked) is type(option)


@pytest.mark.parametrize("space", [toy, *SPACES.values()])
def test_a_trial_of_a_real_study_holds_the_choices(space: Any) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(10):
        trial = study.ask()
        choices, spec = explore(space, from_trial(trial))
        study.tell(trial, 0.0)
        stored = study.trials[-1]
        assert explore(space, from_trial(FixedTrial(stored.params))) == (choices, spec)
        assert rebuild(space, choices) == spec


@pytest.mark.parametrize("space", [toy, *SPACES.values()])
def test_any_choices_can_be_enqueued_and_come_out_again(space: Any) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    rng = random.Random(0)
    for _ in range(10):
        point = draw(space, rng)
        asked = {name: options for name, options in point.domains.items() if len(options) > 1}
        study.enqueue_trial({name: as_suggested(options, point.choices[name]) for name, options in asked.items()})
        trial = study.ask()
        assert explore(space, from_trial(trial)) == (point.choices, point.spec)
        assert trial.params.keys() == asked.keys()


# ---- spaces of a user's own


def test_a_space_of_ones_own_is_loaded_by_module_and_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "space_of_my_own.py").write_text("def mine(pick): return pick('x', (1, 2))\nnumber = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    space: Any = load_space("space_of_my_own:mine")
    assert space(lambda name, options: options[1]) == 2
    assert find_space("space_of_my_own:mine") is space
    with pytest.raises(NasError, match=r"^--space space_of_my_own:yours: space_of_my_own has no function yours"):
        load_space("space_of_my_own:yours")
    with pytest.raises(NasError, match=r"^--space space_of_my_own:number: space_of_my_own has no function number"):
        load_space("space_of_my_own:number")


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(NasError, match=r"^--space no_such_module:f: cannot import no_such_module \(No module named"):
        load_space("no_such_module:f")


@pytest.mark.parametrize("name", ["toy", "toy:"])
def test_a_space_of_ones_own_needs_a_module_and_a_function(name: str) -> None:
    with pytest.raises(NasError, match="a space of your own is written module:function"):
        load_space(name)
