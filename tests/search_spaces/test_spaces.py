"""The contract of every space, and of every published network inside one. A line in the tables is tested here."""

from __future__ import annotations

import json
import random
from functools import cache

import pytest

from nas.arch import ArchSpec
from nas.budget import Budget
from nas.cost import cost
from nas.draw import Draw, draw, walk
from nas.errors import NasError
from nas.space import ChoicesError, Option, rebuild, replaying
from search_spaces import REFERENCES, SPACES, find_space

DRAWS = 300

every_space = pytest.mark.parametrize("space", SPACES)
every_reference = pytest.mark.parametrize("reference", REFERENCES)


@cache
def draws(space: str) -> tuple[Draw, ...]:
    rng = random.Random(f"contract {space}")
    return tuple(draw(SPACES[space], rng) for _ in range(DRAWS))


# ---- spaces


@every_space
def test_one_name_always_has_the_same_options(space: str) -> None:
    known: dict[str, tuple[Option, ...]] = {}
    for point in draws(space):
        for name, options in point.domains.items():
            assert known.setdefault(name, options) == options, name


@every_space
def test_options_are_json_scalars_of_one_type_and_all_different(space: str) -> None:
    for point in draws(space):
        for name, options in point.domains.items():
            assert {type(option) for option in options} in ({str}, {int}, {float}, {bool}), name
            assert len(set(options)) == len(options) > 0, name


@every_space
def test_every_choice_is_one_of_its_options(space: str) -> None:
    for point in draws(space):
        for name, value in point.choices.items():
            assert any(value == option and type(value) is type(option) for option in point.domains[name]), name


@every_space
def test_choices_rebuild_the_architecture_also_after_json(space: str) -> None:
    for point in draws(space):
        assert rebuild(SPACES[space], point.choices) == point.spec
        assert rebuild(SPACES[space], json.loads(json.dumps(point.choices))) == point.spec


@every_space
def test_a_space_asks_nothing_twice(space: str) -> None:
    asked: list[str] = []
    rng = random.Random(0)

    def pick(name: str, options: tuple[Option, ...]) -> Option:
        asked.append(name)
        return options[rng.randrange(len(options))]

    for _ in range(20):
        asked.clear()
        SPACES[space](pick)  # type: ignore[arg-type]
        assert len(set(asked)) == len(asked)


@every_space
def test_what_a_space_asks_depends_on_the_answers_alone(space: str) -> None:
    for point in draws(space)[:30]:
        again = walk(SPACES[space], replaying(point.choices))
        assert list(again.domains.items()) == list(point.domains.items())


@every_space
def test_decisions_that_are_absent_are_not_asked(space: str) -> None:
    """Every choice counts: leaving any one out is noticed, so none is asked that the network does not depend on."""
    for point in draws(space)[:10]:
        for name in point.choices:
            fewer = {one: value for one, value in point.choices.items() if one != name}
            with pytest.raises(ChoicesError):
                rebuild(SPACES[space], fewer)


@every_space
def test_networks_can_be_deployed_and_trained_on_small_images(space: str) -> None:
    for point in draws(space):
        small = point.spec.trained_on(resolution=32, classes=10)
        assert small.strides == "cifar"
        assert point.spec.strides == "published"
        assert 0 < cost(small).params < cost(point.spec).params
        assert ArchSpec.from_json(point.spec.to_json()) == point.spec


@every_space
def test_random_networks_of_a_space_differ(space: str) -> None:
    assert len({point.spec for point in draws(space)}) > 0.95 * DRAWS


# ---- references


@every_reference
def test_a_reference_is_named_as_in_the_table_and_belongs_to_a_space(reference: str) -> None:
    found = REFERENCES[reference]
    assert found.name == reference
    assert found.space in SPACES
    assert found.title


@every_reference
def test_a_reference_is_an_exact_point_of_its_space(reference: str) -> None:
    found = REFERENCES[reference]
    assert rebuild(SPACES[found.space], found.choices) == found.spec()
    assert json.loads(json.dumps(found.choices)) == found.choices


@every_reference
def test_a_reference_at_width_one_is_itself_and_grows_with_its_width(reference: str) -> None:
    found = REFERENCES[reference]
    assert found.scaled(1.0) == found.spec()
    budget = Budget(macs=1)
    costs = [budget.cost(found.scaled(width)).macs for width in (0.35, 0.5, 0.75, 1.0, 1.25, 2.0)]
    assert costs == sorted(set(costs))


def test_references_are_different_networks() -> None:
    assert len({reference.spec() for reference in REFERENCES.values()}) == len(REFERENCES)


# ---- looking up


@every_space
def test_a_space_is_found_by_its_name(space: str) -> None:
    assert find_space(space) is SPACES[space]


def test_an_unknown_space_is_refused_with_a_suggestion_and_all_names() -> None:
    with pytest.raises(NasError, match=r"^--space mobilnet_v3: unknown; did you mean mobilenet_v3\? there are .*"):
        find_space("mobilnet_v3")
    with pytest.raises(NasError) as refused:
        find_space("zzz")
    assert "did you mean" not in str(refused.value)
    assert all(name in str(refused.value) for name in SPACES)


def test_a_space_of_ones_own_is_found_by_module_and_function() -> None:
    assert find_space("search_spaces.mobilenet_v3:mobilenet_v3") is SPACES["mobilenet_v3"]
