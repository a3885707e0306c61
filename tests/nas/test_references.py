"""Published networks, the same ones at the budget's cost, and the largest random draw."""

import random

import pytest

from nas.budget import Budget
from nas.draw import draw_inside
from nas.errors import SpaceExhausted
from nas.references import WIDTHS, largest_draw, reference_tasks, scale_to_fit
from nas.space import rebuild
from search_spaces import OWN, POINTS, REFERENCES, SPACES, held_against
from tests.nas.fast import BUDGET, LARGE, SMALL, four_networks, tiny_space

SIXTY = Budget(macs=60_000_000)


@pytest.mark.parametrize("name", [*POINTS, *OWN.values()])
def test_a_scaled_reference_fits_and_no_other_width_uses_more_of_the_budget(name: str) -> None:
    fitted = scale_to_fit(REFERENCES[name].scaled, SIXTY)
    assert fitted is not None
    width, spec = fitted
    assert spec == REFERENCES[name].scaled(width)
    uses = [SIXTY.use(REFERENCES[name].scaled(other)) for other in WIDTHS]
    assert SIXTY.use(spec) == max(use for use in uses if use <= 1)


def test_of_widths_that_give_the_same_network_the_nearest_to_one_is_named() -> None:
    budget = Budget(macs=56_510_400)  # exactly small's
    assert scale_to_fit(REFERENCES["mobilenet_v3_small"].scaled, budget) == (
        1.0,
        REFERENCES["mobilenet_v3_small"].spec(),
    )


def test_a_budget_below_the_thinnest_width_has_no_scaled_reference() -> None:
    assert scale_to_fit(SMALL.scaled, Budget(macs=10)) is None
    names = [task.name for task in reference_tasks([SMALL, LARGE], tiny_space, Budget(macs=10), seed=0)]
    assert names == ["mobilenet_v3_small", "mobilenet_v3_large"]  # and no draw fits


def test_the_references_under_60_mflops_are_small_and_large_each_also_at_cost_and_the_largest_draw() -> None:
    published, own = held_against("mobilenet_v3")
    tasks = reference_tasks(published, SPACES["mobilenet_v3"], SIXTY, seed=0, scaled_only=own)
    assert [(task.name, task.origin) for task in tasks] == [
        ("mobilenet_v3_small", "published"),
        ("mobilenet_v3_small@budget", "scaled"),
        ("mobilenet_v3_large", "published"),
        ("mobilenet_v3_large@budget", "scaled"),
        ("largest_draw", "draw"),
    ]
    assert [SIXTY.cost(task.spec).macs for task in tasks if task.any_cost] == [56_510_400, 216_589_760]
    assert all(SIXTY.fits(task.spec) for task in tasks if not task.any_cost)
    assert {(task.seed, task.fold) for task in tasks} == {(0, 0)}  # as the search's trials are


def test_a_published_network_that_uses_the_budget_best_is_trained_once() -> None:
    names = [task.name for task in reference_tasks([SMALL], tiny_space, BUDGET, seed=0)]
    exact = Budget(macs=BUDGET.cost(SMALL.scaled(1.0)).macs, resolution=16, classes=3)
    tasks = reference_tasks([SMALL], tiny_space, exact, seed=0)
    assert names == ["mobilenet_v3_small", "mobilenet_v3_small@budget", "largest_draw"]
    assert [(task.name, task.origin) for task in tasks[:-1]] == [("mobilenet_v3_small", "scaled")]


@pytest.mark.parametrize("space", OWN)
def test_the_network_of_the_space_is_there_at_the_budgets_cost_only(space: str) -> None:
    published, own = held_against(space)
    tasks = reference_tasks(published, SPACES[space], SIXTY, seed=0, scaled_only=own)
    assert [task.name for task in tasks if task.origin == "published"] == list(POINTS)
    (found,) = [task for task in tasks if task.name == f"{OWN[space]}@budget"]
    assert found.origin == "scaled"
    assert SIXTY.fits(found.spec)
    assert REFERENCES[OWN[space]].space == space


def test_a_space_of_ones_own_is_held_against_small_and_large() -> None:
    published, own = held_against("my:space")
    assert [reference.name for reference in published] == list(POINTS)
    assert own == []


def test_published_choices_rebuild_the_published_network() -> None:
    for task in reference_tasks(held_against("mobilenet_v3")[0], SPACES["mobilenet_v3"], SIXTY, seed=0):
        if task.choices is not None:
            assert rebuild(SPACES["mobilenet_v3"], task.choices) == task.spec


def test_the_largest_draw_fits_and_is_larger_than_draws_are() -> None:
    choices, spec = largest_draw(tiny_space, BUDGET, random.Random(1))
    assert rebuild(tiny_space, choices) == spec
    assert BUDGET.fits(spec)
    rng = random.Random(2)
    draws = [BUDGET.cost(draw_inside(tiny_space, BUDGET, rng).spec).macs for _ in range(20)]
    assert BUDGET.cost(spec).macs > sorted(draws)[10]


def test_the_largest_draw_depends_on_the_seed_only() -> None:
    first, again, other = (reference_tasks([], tiny_space, BUDGET, seed=seed) for seed in (0, 0, 5))
    assert first == again
    assert first[0].spec != other[0].spec


def test_no_draw_at_all_is_said() -> None:
    with pytest.raises(SpaceExhausted):
        largest_draw(four_networks, Budget(macs=10), random.Random(0))
