"""How alike two networks are: a kernel over the choices they share, and over pairs of them.

k = 1 + s + c · Σ over pairs of decisions, which for choices that are either the same or not is 1 + s + c · s(s−1)/2,
with s the number of choices that two networks share; divided so that a network's likeness to itself is 1. Where options
are ordered numbers, neighbours share a part of a choice. A decision that only one of the two has counts as different.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
    size: Floats  # what values are first explained by, [networks] or [networks, explanations]

    def take(self, rows: slice | npt.NDArray[np.intp]) -> "Encoded":
        return Encoded(self.first[rows], self.second[rows], self.asked[rows], self.size[rows])

    def and_by(self, explanation: Floats) -> "Encoded":
        """With one more first explanation, [networks]."""
        return replace(self, size=np.column_stack([self.size, explanation]))

    def and_also(self, other: "Encoded") -> "Encoded":
        return Encoded(
            np.concatenate([self.first, other.first]),
            np.concatenate([self.second, other.second]),
            np.concatenate([self.asked, other.asked]),
            np.concatenate([self.size, other.size]),
        )


class Encoder:
    """Encodes by ``domains``: the decisions to compare by, in a fixed order; others only count as asked.

    Most networks were encoded a suggestion ago, by the encoder ``before`` this one.
    """

    def __init__(self, domains: Mapping[str, tuple[Option, ...]], before: "Encoder | None" = None) -> None:
        self.domains = domains
        self._rows: dict[Draw, tuple[Floats, Floats, int]] = {}
        self._before: dict[Draw, tuple[Floats, Floats, int]] = {}
        self._places: list[tuple[str, dict[Option | None, int]]] = []  # of options, and of a decision not asked
        self._tables: tuple[Floats, Floats]
        if before is not None and before.domains == domains:
            self._before, self._places, self._tables = before._rows, before._places, before._tables
            return
        from scipy.linalg import block_diag  # 0.2 s to import

        count = 0
        for name, options in domains.items():
            self._places.append((name, {option: count + at for at, option in enumerate((*options, None))}))
            count += len(options) + 1
        roots = [_roots(len(options), is_ordered(options)) for options in domains.values()]
        self._tables = block_diag(*(first for first, _ in roots)), block_diag(*(second for _, second in roots))

    def __call__(self, points: Sequence[Draw], sizes: Sequence[float]) -> Encoded:
        """One or more networks; ``sizes``: what each is expected to be worth from its cost alone."""
        new = [point for point in points if point not in self._rows and point not in self._before]
        self._before.update(zip(new, self._encoded(new), strict=True))
        rows = [self._rows.setdefault(point, self._before[point]) for point in points]
        first, second, asked = zip(*rows, strict=True)
        return Encoded(np.array(first), np.array(second), np.array(asked, dtype=float), np.array(sizes, dtype=float))

    def _encoded(self, points: Sequence[Draw]) -> Iterator[tuple[Floats, Floats, int]]:
        places = [[of[point.choices.get(name)] for name, of in self._places] for point in points]
        asked = [sum(len(options) > 1 for options in point.domains.values()) for point in points]
        chosen = np.zeros((len(points), len(self._tables[0])))
        np.put_along_axis(chosen, np.array(places, dtype=np.intp).reshape(len(points), len(self._places)), 1.0, axis=1)
        return zip(*(chosen @ table for table in self._tables), asked, strict=True)


def encode(points: Sequence[Draw], domains: Mapping[str, tuple[Option, ...]], sizes: Sequence[float]) -> Encoded:
    """Once, with nothing kept."""
    return Encoder(domains)(points, sizes)


def domains_of(points: Sequence[Draw]) -> dict[str, tuple[Option, ...]]:
    """Every decision with more than one option, sorted: sums must not depend on what was met first."""
    found: dict[str, tuple[Option, ...]] = {}
    for point in points:
        found.update(point.domains)
    return {name: options for name, options in sorted(found.items()) if len(options) > 1}


def kernel(one: Encoded, other: Encoded, pairs: float) -> Floats:
    """[networks of one, networks of the other]; ``pairs`` is c."""
    shared = one.first @ other.first.T
    found: Floats = shared * shared
    found -= one.second @ other.second.T  # in place: memory for each step takes longer than the step
    found *= pairs / 2
    found += shared
    found += 1
    found /= np.sqrt(_alone(one.asked, pairs))[:, None]
    found /= np.sqrt(_alone(other.asked, pairs))
    return found


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
