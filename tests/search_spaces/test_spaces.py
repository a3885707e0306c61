"""The contract of every space, and of every published network inside one. A line in the tables is tested here."""

from __future__ import annotations

import inspect
import json
import random
import re
from functools import cache

import pytest

from nas.arch import ArchSpec
from nas.budget import Budget
from nas.cost import cost
from nas.draw import Draw, draw, walk
from nas.errors import NasError, SpecError
from nas.space import ChoicesError, Option, rebuild, replaying
from search_spaces import REFERENCES, SPACES, find_reference, find_space
from tests.networks import image_on_meta, network_on_meta, parameters

DRAWS = 300

every_space = pytest.mark.parametrize("space", SPACES)
every_reference = pytest.mark.parametrize("reference", REFERENCES)
every_point = pytest.mark.parametrize(
    "reference", [one for one, found in REFERENCES.items() if found.choices is not None]
)
every_scaled = pytest.mark.parametrize("reference", [one for one in REFERENCES if "@" in one])
every_unscaled = pytest.mark.parametrize("reference", [one for one in REFERENCES if "@" not in one])

NATIVE_FORMS = ((224, 1000), (32, 10))  # px and classes: ImageNet; CIFAR-10, for which most DenseNets were made


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
        assert small.classes == 10 <= point.spec.classes
        # a smaller classifier, and nothing else
        fewer = cost(point.spec).params - cost(small).params
        assert (fewer > 0) == (point.spec.classes > 10)
        assert cost(point.spec.at(classes=10)).params == cost(small).params > 0
        assert ArchSpec.from_json(point.spec.to_json()) == point.spec


@every_space
def test_random_networks_of_a_space_differ(space: str) -> None:
    assert len({point.spec for point in draws(space)}) > 0.95 * DRAWS


# ---- references


@every_reference
def test_a_reference_is_named_as_in_the_table_and_says_where_it_is_from(reference: str) -> None:
    found = REFERENCES[reference]
    assert found.name == reference
    assert found.space is None or found.space in SPACES
    assert found.title
    assert re.search(r" (19|20)\d\d, ", found.source)  # authors, year, and where


def test_titles_are_all_different() -> None:
    assert len({found.title for found in REFERENCES.values()}) == len(REFERENCES)


@every_space
def test_every_space_has_references_and_one_of_them_is_a_point_of_it(space: str) -> None:
    assert [name for name, found in REFERENCES.items() if found.space == space and found.choices is not None]


@every_point
def test_a_reference_with_choices_is_an_exact_point_of_its_space(reference: str) -> None:
    found = REFERENCES[reference]
    assert found.space is not None
    assert found.choices is not None
    assert rebuild(SPACES[found.space], found.choices) == found.spec()
    assert same_types(json.loads(json.dumps(found.choices)), found.choices)


def same_types(first: dict[str, Option], second: dict[str, Option]) -> bool:
    """Equal, and 1 is neither 1.0 nor True."""
    return first == second and [type(one) for one in first.values()] == [type(one) for one in second.values()]


@every_reference
def test_a_reference_has_the_form_in_which_it_was_published(reference: str) -> None:
    spec = REFERENCES[reference].spec()
    assert spec.strides == "published"
    assert (spec.resolution, spec.classes) in NATIVE_FORMS
    assert ArchSpec.from_json(spec.to_json()) == spec


@every_reference
def test_a_reference_can_be_built_for_the_smallest_images_it_can_take_and_other_classes(reference: str) -> None:
    spec = REFERENCES[reference].spec()
    smallest = spec.at(resolution=spec.smallest_resolution("published"), classes=7)
    network = network_on_meta(smallest)
    assert network(image_on_meta(smallest)).shape == (1, 7)
    assert parameters(network) == cost(smallest).params


@every_reference
def test_images_that_are_too_small_for_a_reference_are_refused_with_the_smallest_it_can_take(reference: str) -> None:
    spec = REFERENCES[reference].spec()
    smallest = spec.smallest_resolution("published")
    assert smallest is not None
    assert spec.at(resolution=smallest).resolution == smallest
    if smallest > 1:
        with pytest.raises(SpecError, match=f"the smallest resolution it can take is {smallest} px"):
            spec.at(resolution=smallest - 1)


@every_reference
def test_a_reference_is_trained_on_small_images_by_its_own_rule_or_not_at_all(reference: str) -> None:
    spec = REFERENCES[reference].spec()
    if spec.cifar_steps is None:
        with pytest.raises(SpecError, match="no rule for small images"):
            spec.at(strides="cifar")
        with pytest.raises(SpecError, match="the smallest resolution it can take"):
            spec.trained_on(resolution=32, classes=10)
        return
    small = spec.trained_on(resolution=32, classes=10)
    assert (small.resolution, small.classes, small.strides) == (32, 10, "cifar")

    def halvings(spec: ArchSpec) -> int:
        return sum(getattr(row.block, "stride", 1) > 1 for row in spec.rows())

    assert halvings(spec) - halvings(small) == spec.cifar_steps


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


@every_reference
def test_a_reference_is_found_by_its_name(reference: str) -> None:
    assert find_reference(reference) is REFERENCES[reference]


@every_unscaled
@pytest.mark.parametrize("width", [0.05, 0.6, 1.0, 3.0])
def test_a_reference_is_found_at_any_width(reference: str, width: float) -> None:
    found = find_reference(f"{reference}@{width:g}")
    assert found.name == f"{reference}@{width:g}"
    assert found.title == f"{REFERENCES[reference].title} ×{width:g}"
    assert found.spec() == REFERENCES[reference].scaled(width)
    assert found.space == REFERENCES[reference].space
    if found.choices is not None:  # a width that its space offers
        assert rebuild(find_space(found.space or ""), found.choices) == found.spec()
    assert found.scaled(0.5) == REFERENCES[reference].scaled(width * 0.5)


@every_scaled
def test_a_reference_at_a_width_of_the_table_is_what_that_width_is(reference: str) -> None:
    base, _, width = reference.partition("@")
    found = REFERENCES[reference]
    assert found.spec() == find_reference(f"{base}@{width}0").spec() == REFERENCES[base].scaled(float(width))
    assert found.title == f"{REFERENCES[base].title} ×{width}"


def test_a_width_that_its_space_offers_is_a_point_of_it_and_keeps_what_can_be_built() -> None:
    half = find_reference("mobilenet_v3_small@0.5")
    assert half.choices == {**(REFERENCES["mobilenet_v3_small"].choices or {}), "width": 0.5}
    assert find_reference("mobilenet_v3_small@0.6").choices is None
    assert half.scaled(1.5, hardswish_from=112) == REFERENCES["mobilenet_v3_small"].scaled(0.75, hardswish_from=112)
    assert "hardswish_from" in inspect.signature(half.scaled).parameters


@pytest.mark.parametrize("width", ["", "0", "-1", "half", "inf", "nan", "0.5@0.5", "1,5"])
def test_a_width_that_is_no_number_above_zero_is_refused_with_an_example(width: str) -> None:
    name = f"mobilenet_v3_small@{width}"
    with pytest.raises(NasError) as refused:
        find_reference(name)
    message = f"{name}: the width multiplier after @ must be a number above zero, as in mobilenet_v3_small@0.5"
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("unknown", "near"),
    [
        ("mobilnet_v3_small", "mobilenet_v3_small"),
        ("mobilenet_v3_larg@0.3", "mobilenet_v3_large@0.3"),
        ("mobilenet_v2 ", "mobilenet_v2"),
        ("mobilenet-v1", "mobilenet_v1"),
        ("Mobilenet_v1_shalow", "mobilenet_v1_shallow"),
    ],
)
def test_an_unknown_reference_is_refused_with_the_nearest_and_all_names(unknown: str, near: str) -> None:
    with pytest.raises(NasError) as refused:
        find_reference(unknown)
    message = str(refused.value)
    assert message.startswith(f"{unknown}: no reference of this name; did you mean {near}? there are ")
    assert message.endswith(f"{', '.join(REFERENCES)}, or NAME@WIDTH")


def test_a_name_like_no_reference_is_refused_without_a_suggestion() -> None:
    for unknown in ("zzz", "zzz@0.5", "@0.5", ""):
        with pytest.raises(NasError) as refused:
            find_reference(unknown)
        assert "did you mean" not in str(refused.value)
        assert all(name in str(refused.value) for name in REFERENCES)
