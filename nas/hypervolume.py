"""Fronts of points that are to be large in every coordinate: who is on them, and how much they cover."""

from collections.abc import Sequence

Point = tuple[float, ...]


def dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether ``one`` is as good in everything and better in something."""
    pairs = list(zip(one, other, strict=True))
    return all(mine >= theirs for mine, theirs in pairs) and any(mine > theirs for mine, theirs in pairs)


def front(points: Sequence[Point]) -> list[int]:
    """The places of the points that none dominates, in their order; of equal points all."""
    return [place for place, one in enumerate(points) if not any(dominates(other, one) for other in points)]


def hypervolume(points: Sequence[Point]) -> float:
    """The volume between the origin and the points, where it is positive in every coordinate.

    Slab by slab along the last coordinate; exact, and quick enough for the tens of points of a search.
    """
    inside = [point for point in points if all(value > 0 for value in point)]
    if not inside:
        return 0.0
    if len(inside[0]) == 1:
        return max(point[0] for point in inside)
    inside.sort(key=lambda point: -point[-1])
    below = [*(point[-1] for point in inside[1:]), 0.0]
    return sum(
        (point[-1] - lower) * hypervolume([one[:-1] for one in inside[: place + 1]])
        for place, (point, lower) in enumerate(zip(inside, below, strict=True))
        if point[-1] > lower
    )


def thinned(points: Sequence[Point], most: int) -> list[int]:
    """At most so many places, in order: what adds least to the volume goes first. The best first coordinate stays."""
    places = list(range(len(points)))
    if not places:
        return []
    best = max(places, key=lambda place: (points[place], -place))
    while len(places) > max(1, most):
        left = {gone: [points[one] for one in places if one != gone] for gone in places if gone != best}
        # of those that add nothing the worst in the first coordinate
        places.remove(max(left, key=lambda gone: (hypervolume(left[gone]), -points[gone][0], gone)))
    return places
