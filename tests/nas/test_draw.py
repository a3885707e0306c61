"""Draws fit, use their budget, never come back, and never go on for ever."""

from __future__ import annotations

import math
import random
import statistics
from collections import Counter
from functools import cache

import pytest

from nas.arch import ArchSpec
from nas.blocks import Block, Classifier, Convolution, Pooling
from nas.budget import Budget
from nas.draw import (
    NEAR,
    STEPS,
    Draw,
    draw,
    draw_inside,
    extreme,
    move_inside,
    neighbour,
    reachable,
    shares,
    walk,
)
from nas.errors import SpaceExhausted
from nas.space import Pick, rebuild, replaying
from search_spaces import POINTS, REFERENCES, SPACES

V3 = SPACES["mobilenet_v3"]
SIXTY = Budget(macs=60_000_000)


def three(pick: Pick) -> ArchSpec:
    """Three networks, of 66, 132 and 198 multiply-adds: one to three channels on 8×8 pixels, two classes."""
    blocks = (Convolution(kernel=1, out=pick("out", (1, 2, 3))), Pooling(), Classifier(classes=2))
    return ArchSpec(resolution=8, channels=1, blocks=blocks)


def tiny(macs: int) -> Budget:
    return Budget(macs=macs, resolution=8, classes=2)


@cache
def plain() -> tuple[Draw, ...]:
    """Random draws, whatever they cost."""
    rng = random.Random("plain")
    return tuple(draw(V3, rng) for _ in range(3000))


@cache
def inside() -> tuple[Draw, ...]:
    rng = random.Random("inside")
    return tuple(draw_inside(V3, SIXTY, rng) for _ in range(200))


# ---- draws inside a budget


def test_every_draw_fits_and_uses_most_of_the_budget() -> None:
    for point in inside():
        assert SIXTY.cost(point.spec).macs <= 60_000_000
        assert SIXTY.cost(point.spec).macs >= NEAR * 60_000_000


@pytest.mark.parametrize(
    "budget",
    [
        Budget(macs=500_000_000),  # above almost every draw
        Budget(params=1_500_000),
        Budget(macs=30_000_000, params=2_000_000),
        Budget(macs=3_000_000, resolution=32, classes=10),
    ],
    ids=str,
)
@pytest.mark.parametrize("space", SPACES)
def test_rare_draws_are_found_as_well(space: str, budget: Budget) -> None:
    rng = random.Random(0)
    for _ in range(3):
        point = draw_inside(SPACES[space], budget, rng)
        assert NEAR <= budget.use(point.spec) <= 1
        assert rebuild(SPACES[space], point.choices) == point.spec


@pytest.mark.parametrize("space", SPACES)
def test_draws_are_found_close_to_the_cheapest_network(space: str) -> None:
    cheapest = extreme(SPACES[space], lambda spec: SIXTY.cost(spec).macs, random.Random(0)).spec
    budget = Budget(macs=round(1.25 * SIXTY.cost(cheapest).macs))  # below almost every draw
    rng = random.Random(0)
    for _ in range(3):
        assert NEAR <= budget.use(draw_inside(SPACES[space], budget, rng).spec) <= 1


def test_draws_inside_are_not_mostly_thin() -> None:
    """Four fifths of the plain draws that fit are thin; of those that use the budget far fewer are.

    Six standard deviations of each share, so that this fails once in hundreds of millions of seeds.
    """
    fitting = [point for point in plain() if SIXTY.fits(point.spec)]
    thin_shares, errors = [], []
    for points in (fitting, inside()):
        thin = statistics.fmean(point.choices["width"] <= 0.5 for point in points)  # type: ignore[operator]
        thin_shares.append(thin)
        errors.append(math.sqrt(thin * (1 - thin) / len(points)))
    assert abs(thin_shares[0] - 0.81) < 6 * errors[0]
    assert thin_shares[1] + 6 * errors[1] < thin_shares[0] - 6 * errors[0]


def test_draws_are_decided_by_the_generator() -> None:
    first, again, other = (draw_inside(V3, SIXTY, random.Random(seed)) for seed in (1, 1, 2))
    assert (first.choices, first.spec) == (again.choices, again.spec)
    assert other.spec != first.spec


def test_taken_networks_never_come_back() -> None:
    taken: set[ArchSpec] = set()
    for _ in range(30):
        # the same generator every time: without the taken ones it would draw the same network
        point = draw_inside(V3, SIXTY, random.Random(7), taken=taken)
        assert point.spec not in taken
        taken.add(point.spec)


@pytest.mark.parametrize("seed", range(5))
def test_a_space_of_three_networks_gives_each_once_and_then_is_exhausted(seed: int) -> None:
    rng = random.Random(seed)
    taken: list[ArchSpec] = []
    for _ in range(3):
        taken.append(draw_inside(three, tiny(198), rng, taken=taken).spec)
    assert [tiny(198).cost(spec).macs for spec in taken] == [198, 132, 66]  # the ones that use most come first
    with pytest.raises(SpaceExhausted, match=f"in {STEPS} steps; the nearest one was already tried"):
        draw_inside(three, tiny(198), rng, taken=taken)


def test_networks_over_the_budget_are_never_given_even_when_nothing_else_is_left() -> None:
    rng = random.Random(0)
    first = draw_inside(three, tiny(197), rng).spec
    second = draw_inside(three, tiny(197), rng, taken=[first]).spec
    assert [tiny(1).cost(spec).macs for spec in (first, second)] == [132, 66]
    with pytest.raises(SpaceExhausted):
        draw_inside(three, tiny(197), rng, taken=[first, second])


def test_an_impossible_budget_ends_naming_how_far_the_nearest_network_was() -> None:
    with pytest.raises(SpaceExhausted, match=r"the nearest one needs 1\.320 of the budget"):
        draw_inside(three, tiny(50), random.Random(0))


# ---- moving a network inside


def test_a_network_that_is_inside_already_is_not_moved() -> None:
    point = inside()[0]
    assert move_inside(V3, SIXTY, point, random.Random(0)) is point


@pytest.mark.parametrize("reference", POINTS)
def test_a_moved_network_fits_and_uses_the_budget(reference: str) -> None:
    start = walk(V3, replaying(REFERENCES[reference].choices))
    budget = Budget(macs=40_000_000)
    moved = move_inside(V3, budget, start, random.Random(0))
    assert NEAR <= budget.use(moved.spec) <= 1
    assert moved.spec != start.spec


def test_a_network_just_over_the_budget_keeps_most_of_its_choices() -> None:
    start = walk(V3, replaying(REFERENCES["mobilenet_v3_small"].choices))
    budget = Budget(macs=56_000_000)  # half a million below its cost
    kept = []
    for seed in range(10):
        moved = move_inside(V3, budget, start, random.Random(seed)).choices
        kept.append(statistics.fmean(moved.get(name) == value for name, value in start.choices.items()))
    # chance agreement is 0.44: options are two, three or four, and blocks come and go with the depths
    assert statistics.median(kept) > 0.8


@pytest.mark.parametrize("macs", [131, 190])
def test_a_network_that_fits_is_given_also_when_one_over_the_budget_is_nearer_to_it(macs: int) -> None:
    """Under 190, the network of 132 uses 0.69 of it, further from 0.85 than the one of 198 is from 1."""
    start = walk(three, lambda name, options: 3)
    moved = move_inside(three, tiny(macs), start, random.Random(0))
    assert tiny(1).cost(moved.spec).macs == (66 if macs == 131 else 132)


def test_moving_away_from_a_taken_network_finds_what_is_left_below_it() -> None:
    """The taken one uses all of the budget: every step from it leads away."""
    top = walk(three, lambda name, options: 3)
    left = [move_inside(three, tiny(198), top, random.Random(0), taken=[top.spec])]
    left.append(move_inside(three, tiny(198), top, random.Random(0), taken=[top.spec, left[0].spec]))
    assert [point.choices["out"] for point in left] == [2, 1]


def test_a_neighbour_has_one_decision_changed() -> None:
    rng = random.Random(0)
    for point in plain()[:100]:
        step = neighbour(V3, point, rng)
        assert step.spec == rebuild(V3, step.choices)
        asked_by_both = point.choices.keys() & step.choices.keys()
        assert sum(point.choices[name] != step.choices[name] for name in asked_by_both) == 1


def test_every_decision_is_changed_sometimes() -> None:
    rng = random.Random(0)
    start = walk(V3, replaying(REFERENCES["mobilenet_v3_small"].choices))
    changed = Counter(
        name
        for step in (neighbour(V3, start, rng) for _ in range(2000))
        for name, value in start.choices.items()
        if name in step.choices and step.choices[name] != value
    )
    assert changed.keys() == {name for name, options in start.domains.items() if len(options) > 1}


def test_a_space_with_nothing_to_decide_has_no_neighbours() -> None:
    def only(pick: Pick) -> ArchSpec:
        return ArchSpec(resolution=8, blocks=(Classifier(classes=pick("classes", (2,))),))

    point = draw(only, random.Random(0))
    assert neighbour(only, point, random.Random(0)) is point
    assert draw_inside(only, tiny(10_000), random.Random(0)).spec == point.spec
    with pytest.raises(SpaceExhausted):
        draw_inside(only, tiny(10_000), random.Random(0), taken=[point.spec])


# ---- the ends of a space


def test_the_cheapest_network_is_never_beaten_by_random_draws() -> None:
    cheapest = SIXTY.cost(extreme(V3, SIXTY.use, random.Random(0)).spec).macs
    assert 6_475_000 <= cheapest < 6_485_000  # 6.48 MFLOPs
    assert cheapest <= min(SIXTY.cost(point.spec).macs for point in plain())


def test_the_dearest_network_is_never_beaten_by_random_draws() -> None:
    dearest = SIXTY.cost(extreme(V3, lambda spec: -SIXTY.use(spec), random.Random(0)).spec).macs
    assert dearest == 590_070_464
    assert dearest >= max(SIXTY.cost(point.spec).macs for point in plain())


def test_the_ends_do_not_depend_on_where_the_descent_started() -> None:
    found = {SIXTY.cost(extreme(V3, SIXTY.use, random.Random(seed), starts=1).spec).macs for seed in range(4)}
    assert len(found) == 1


def test_descent_follows_decisions_that_appear_and_disappear() -> None:
    def growing(pick: Pick) -> ArchSpec:
        blocks: list[Block] = []
        for index in range(pick("depth", (0, 1, 2, 3))):
            blocks.append(Convolution(kernel=1, out=pick(f"out{index}", (1, 2, 4))))
        return ArchSpec(resolution=4, channels=1, blocks=(*blocks, Pooling(), Classifier(classes=2)))

    budget = Budget(macs=1, resolution=4, classes=2)
    low = extreme(growing, budget.use, random.Random(0))
    high = extreme(growing, lambda spec: -budget.use(spec), random.Random(0))
    assert low.choices == {"depth": 0}
    assert high.choices == {"depth": 3, "out0": 4, "out1": 4, "out2": 4}


def test_shares_agree_with_plain_counting() -> None:
    uses = [SIXTY.use(point.spec) for point in plain()]
    counts = statistics.fmean(use <= 1 for use in uses), statistics.fmean(NEAR <= use <= 1 for use in uses)
    for share, counted in zip(shares(V3, SIXTY, draws=400), counts, strict=True):
        assert abs(share - counted) < 6 * math.sqrt(counted * (1 - counted) * (1 / 400 + 1 / len(uses)))
    assert shares(V3, SIXTY, seed=3, draws=20) == shares(V3, SIXTY, seed=3, draws=20)


def test_a_budget_that_limits_nothing_favours_nothing() -> None:
    """Not even the dearest network of the space uses it up: draws are plain draws then, and quick."""
    space = SPACES["mobilenet_v3"]
    roomy = Budget(macs=60_000_000, resolution=32, classes=3)
    assert reachable(space, roomy) == 0
    assert reachable(space, Budget(macs=60_000_000)) == NEAR
    rng, plain = random.Random(3), random.Random(3)
    assert [draw_inside(space, roomy, rng).choices for _ in range(20)] == [
        draw(space, plain).choices for _ in range(20)
    ]
