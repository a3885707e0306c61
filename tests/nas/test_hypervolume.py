"""Fronts and volumes, against counting."""

import itertools
import random

import pytest

from nas.hypervolume import Point, dominates, front, hypervolume, thinned

SIDE = 5


def grid_points(rng: random.Random, count: int, dimensions: int) -> list[Point]:
    return [tuple(float(rng.randint(-1, SIDE)) for _ in range(dimensions)) for _ in range(count)]


def cells(points: list[Point], dimensions: int) -> int:
    """How many unit cubes lie between the origin and any of the points."""
    return sum(
        any(all(value >= corner + 1 for value, corner in zip(point, cell, strict=True)) for point in points)
        for cell in itertools.product(range(SIDE), repeat=dimensions)
    )


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4])
def test_the_volume_is_the_number_of_cells_below_the_points(dimensions: int) -> None:
    rng = random.Random(dimensions)
    for count in (0, 1, 2, 5, 9):
        for _ in range(8):
            points = grid_points(rng, count, dimensions)
            assert hypervolume(points) == pytest.approx(cells(points, dimensions))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_front_is_what_no_other_point_beats(dimensions: int) -> None:
    rng = random.Random(7 + dimensions)
    for _ in range(30):
        points = grid_points(rng, 12, dimensions)
        found = front(points)
        assert found == sorted(found)
        for place, point in enumerate(points):
            beaten = any(
                other != point and all(theirs >= mine for theirs, mine in zip(other, point, strict=True))
                for other in points
            )
            assert (place in found) != beaten
        assert hypervolume([points[place] for place in found]) == hypervolume(points)


def test_equal_points_beat_each_other_not() -> None:
    assert not dominates((1.0, 2.0), (1.0, 2.0))
    assert dominates((1.0, 2.0), (1.0, 1.0))
    assert not dominates((2.0, 1.0), (1.0, 2.0))
    assert front([(1.0, 2.0), (1.0, 2.0)]) == [0, 1]


def test_thinning_keeps_the_best_and_what_covers_most() -> None:
    # three in a row whose middle one adds 0.1 × 1, one far away, and the most accurate, which adds next to nothing
    points: list[Point] = [(1.0, 5.0), (1.1, 4.0), (3.0, 3.0), (3.2, 0.01)]
    assert thinned(points, 9) == [0, 1, 2, 3]
    assert thinned(points, 3) == [0, 2, 3]
    assert thinned(points, 2) == [2, 3]
    assert thinned(points, 1) == [3]
    assert thinned([], 3) == []


def test_thinning_one_point_at_a_time_drops_the_least_volume() -> None:
    rng = random.Random(3)
    for _ in range(20):
        points = [(rng.random(), rng.random()) for _ in range(14)]
        members = [points[place] for place in front(points)]
        kept = [members[place] for place in thinned(members, len(members) - 1)]
        best = max(members)
        left = [hypervolume([one for one in members if one != gone]) for gone in members if gone != best]
        assert hypervolume(kept) == pytest.approx(max(left, default=hypervolume(kept)))
        assert best in kept
