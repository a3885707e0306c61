"""How alike two networks are: a kernel over the choices they share, and over pairs of them.

k = 1 + s + c · Σ over pairs of decisions, which for choices that are either the same or not is 1 + s + c · s(s−1)/2,
with s the number of choices that two networks share; divided so that a network's likeness to itself is 1. Where options
are ordered numbers, neighbours share a part of a choice. A decision that only one of the two has counts as different.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from nas.draw import Draw
from nas.space import Option, is_ordered

Floats = npt.NDArray[np.float64]

REACH = 1.0  # steps over which the likeness of ordered options falls to 1/e


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """Networks as rows: products of ``first`` count shared choices, those of ``second`` their squares."""

    first: Floats  # [networks, options]
    second: Floats  # [networks, options]
    asked: Floats  # decisions of each network, [networks]
    size: Floats  # what each is expected to be worth from its cost alone, [networks]

    def take(self, rows: slice) -> "Encoded":
        return Encoded(self.first[rows], self.second[rows], self.asked[rows], self.size[rows])

    def and_also(self, other: "Encoded") -> "Encoded":
        return Encoded(
            np.concatenate([self.first, other.first]),
            np.concatenate([self.second, other.second]),
            np.concatenate([self.asked, other.asked]),
            np.concatenate([self.size, other.size]),
        )


def encode(points: Sequence[Draw], domains: Mapping[str, tuple[Option, ...]], sizes: Sequence[float]) -> Encoded:
    """``domains``: the decisions to compare by, in a fixed order; others only count as asked."""
    places = {name: {option: at for at, option in enumerate(options)} for name, options in domains.items()}
    nothing = dict.fromkeys(places, -1)
    rows = [
        list(
            {
                **nothing,
                **{name: places[name][value] for name, value in point.choices.items() if name in places},
            }.values()
        )
        for point in points
    ]
    codes = np.array(rows, dtype=np.intp).reshape(len(points), len(domains))
    tables = [_roots(len(options), is_ordered(options)) for options in domains.values()]
    others = [sum(len(point.domains[name]) > 1 for name in point.domains.keys() - domains.keys()) for point in points]
    return Encoded(
        np.concatenate([first[codes[:, column]] for column, (first, _) in enumerate(tables)], axis=1),
        np.concatenate([second[codes[:, column]] for column, (_, second) in enumerate(tables)], axis=1),
        (codes >= 0).sum(axis=1) + np.array(others, dtype=float),
        np.array(sizes, dtype=float),
    )


def domains_of(points: Sequence[Draw]) -> dict[str, tuple[Option, ...]]:
    """Every decision with more than one option, sorted: sums must not depend on what was met first."""
    found = {name: options for point in points for name, options in point.domains.items() if len(options) > 1}
    return dict(sorted(found.items()))


def kernel(one: Encoded, other: Encoded, pairs: float) -> Floats:
    """[networks of one, networks of the other]; ``pairs`` is c."""
    shared = one.first @ other.first.T
    squares = one.second @ other.second.T
    both = 1 + shared + pairs * (shared**2 - squares) / 2
    result: Floats = both / np.sqrt(np.outer(_alone(one.asked, pairs), _alone(other.asked, pairs)))
    return result


def _alone(asked: Floats, pairs: float) -> Floats:
    """A network's likeness to itself before it is divided by."""
    return 1 + asked + pairs * (asked**2 - asked) / 2


def likeness(options: int, ordered: bool) -> Floats:
    """[options, options]: 1 for the same; for ordered ones less with every step between them, else 0."""
    if not ordered:
        return np.eye(options)
    steps = np.arange(options)
    found: Floats = np.exp(-abs(steps[:, None] - steps) / REACH)
    return found


@lru_cache(maxsize=256)
def _roots(options: int, ordered: bool) -> tuple[Floats, Floats]:
    """Rows whose products are the likeness, and its square; the last row, of nothing, is for a decision not asked."""
    alike = likeness(options, ordered)
    nothing = np.zeros(options)
    return np.vstack([np.linalg.cholesky(alike), nothing]), np.vstack([np.linalg.cholesky(alike**2), nothing])
