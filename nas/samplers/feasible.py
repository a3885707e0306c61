"""The networks a sampler may suggest: those of a space that fit, or the candidates among them.

Samplers ask here for draws, changes of one network, and what is left. Nothing that comes from here is over the limit or
was suggested before.
"""

import json
import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from itertools import islice
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from nas.budget import Limits
from nas.draw import NEAR, Draw, changed, draw, draw_inside, move_inside, reachable, walk
from nas.errors import SpaceExhausted
from nas.samplers.learned_use import learned_use
from nas.space import Choices, Option, Space, at_random, replaying
from nas.spread import part_at_random

Places = dict[str, dict[Option, int]]  # of every option of every decision

STARTS = 16  # draws of which the nearest one is moved to where it is wanted
TRIED = 400  # random networks by which it is learned how much of a limit one uses, where only is known what fits
ENUMERATED = 50_000  # networks of a space that are gone through when draws find nothing new


class Limit(Protocol):
    """What a network may cost; all of ``nas.budget.Limits`` are such."""

    def use(self, spec: Any, /) -> float:
        """The share used, as far as is known without measuring it; a network fits at 1 or below."""

    def fits(self, spec: Any, /) -> bool:
        """Whether it is certain to fit; it may be measured for that, so it is asked of few networks."""


@dataclass(frozen=True, eq=False)
class Fitting:
    """A limit given as two functions, or as one: then no more is known than what fits."""

    test: Callable[[Any], bool]
    share: Callable[[Any], float] | None = None

    def use(self, spec: Any) -> float:
        if self.share is None:
            return 1.0 if self.fits(spec) else 2.0
        share = self.share(spec)  # what the test says counts
        return min(share, 1.0) if self.fits(spec) else max(share, math.nextafter(1.0, 2.0))

    def fits(self, spec: Any) -> bool:
        return bool(self.test(spec))

    def __str__(self) -> str:
        return "what is allowed"


def identity(spec: Any) -> Any:
    """What two networks have in common exactly when they are the same: the spec itself where it is compared by value,
    else its JSON with sorted keys. Raises ``TypeError`` for a spec that has neither."""
    equality: Any = type(spec).__eq__
    by_value = equality is not object.__eq__
    if by_value:
        try:
            hash(spec)
            return spec
        except TypeError:
            pass
    return json.dumps(spec, sort_keys=True, default=_fields)


def _fields(thing: Any) -> Any:
    if is_dataclass(thing) and not isinstance(thing, type):
        return asdict(thing)
    if hasattr(thing, "__dict__"):
        return vars(thing)
    raise TypeError(f"{thing!r}: a space's networks must be comparable by value, or be written as JSON")


class Hashed:
    """Something whose hash is worked out once: that of a network of fifty blocks takes a while."""

    __slots__ = ("_hash", "_thing")

    def __init__(self, thing: Any) -> None:
        self._thing, self._hash = thing, hash(thing)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return bool(self._thing == (other._thing if isinstance(other, Hashed) else other))


class Taken:
    """Networks that must not be suggested; hashable or not."""

    def __init__(self, keys: Iterable[Any] = ()) -> None:
        self._keys = set(keys)  # identities

    def __contains__(self, spec: Any) -> bool:
        return identity(spec) in self._keys

    def has(self, key: Hashed) -> bool:
        """Whether it contains the network of this identity."""
        return key in self._keys

    def __len__(self) -> int:
        return len(self._keys)


class Feasible:
    """What fits ``limit`` in ``space``; with ``candidates``, a finite list of choices, only those."""

    def __init__(self, space: Space, limit: Limit, *, candidates: Iterable[Choices] | None = None) -> None:
        self.space = space
        self.limit = limit
        self._limits = cast(Limits, limit)  # draws ask for no more than a limit has
        self.listed: list[Draw] | None = None  # a list to pick from, rather than a space to draw from
        if candidates is not None:
            self._candidates = [walk(space, replaying(choices)) for choices in candidates]
            self.listed = self._distinct(self._candidates)
        self._known = None if self.listed is None else {identity(point.spec) for point in self.listed}
        self._codes: tuple[Places, npt.NDArray[np.intp]] | None = None
        self._reachable: dict[float, float] = {}
        self.knows_use = not isinstance(limit, Fitting) or limit.share is not None
        self._learned: Callable[[Draw], float] | None = None
        self._gone_through: tuple[list[Draw], bool] | None = None  # what fits in the space; whether that is all

    def fits(self, point: Draw) -> bool:
        """Whether it is certain to fit. It may be measured for that: ask last."""
        return self.limit.fits(point.spec)

    def seems_to_fit(self, point: Draw) -> bool:
        """As far as is known without measuring it."""
        return self.limit.use(point.spec) <= 1

    def has(self, point: Draw) -> bool:
        """Whether it seems to fit, and is a candidate where there is a list of them."""
        return self.seems_to_fit(point) if self._known is None else identity(point.spec) in self._known

    def size(self, point: Draw) -> float:
        """How much of the limit a network uses; only a rank of it where no more is known than what fits."""
        if self.knows_use:
            return self.limit.use(point.spec)
        if self._learned is None:
            rng = random.Random("use")
            some = [draw(self.space, rng) for _ in range(TRIED)] if self.listed is None else self._candidates
            self._learned = learned_use(some, [self.seems_to_fit(one) for one in some])
        return self._learned(point)

    def draw(self, rng: random.Random, taken: Taken, *, near: float = NEAR) -> Draw:
        """One at random that uses at least ``near`` of the limit where that can be had. Raises ``SpaceExhausted`` when
        nothing is left."""
        if self.listed is None:
            try:
                return draw_inside(self.space, self._limits, rng, taken=cast(Any, taken), near=near)
            except SpaceExhausted:
                pass
        left = self.left(taken)
        return self.certain(rng, self._near(left, near)) or self._certain(rng, left)

    def part(self, rng: random.Random) -> Limit:
        """A part of the limit, any part alike; all of it where there is a list."""
        return self.limit if self.listed is not None else part_at_random(self.space, self._limits, rng)

    def draw_spread(self, rng: random.Random, taken: Taken, *, near: float) -> Draw:
        """One at random near a part of the limit. Raises ``SpaceExhausted`` when nothing is left."""
        if self.listed is None:
            part = self.part(rng)
            start = min((draw(self.space, rng) for _ in range(STARTS)), key=lambda one: _distance(part, one))
            try:
                return self.move(start, rng, taken, near=near, limit=part)
            except SpaceExhausted:  # in this part; the whole limit may have more
                pass
        return self.draw(rng, taken, near=0.0)

    def move(self, start: Draw, rng: random.Random, taken: Taken, *, near: float, limit: Limit | None = None) -> Draw:
        """What is near ``start`` and may be suggested; under another ``limit``, if one is given. Raises
        ``SpaceExhausted`` when nothing is left around it."""
        if self.listed is None:
            limits = cast(Limits, limit or self.limit)
            return move_inside(self.space, limits, start, rng, taken=cast(Any, taken), near=near)
        left = self._near(self.left(taken), near)
        alike = dict(zip(map(id, self.listed), self._shared(start), strict=True))
        most = max(alike[id(point)] for point in left)
        return self._certain(rng, [point for point in left if alike[id(point)] == most])

    def certain(self, rng: random.Random, points: Sequence[Draw]) -> Draw | None:
        """One of these at random that is certain to fit; None where none is."""
        points = list(points)
        while points:
            point = rng.choice(points)
            if self.fits(point):
                return point
            points.remove(point)
        return None

    def _certain(self, rng: random.Random, points: Sequence[Draw]) -> Draw:
        found = self.certain(rng, points)
        if found is None:
            raise SpaceExhausted(f"no new network that fits {self.limit} is left: {len(points)} seemed to, none does")
        return found

    def change(self, point: Draw, rng: random.Random, changes: int) -> Draw:
        """So many decisions changed at random, all at once; it need not fit."""
        open_decisions = [name for name, options in point.domains.items() if len(options) > 1]
        answers: dict[str, Option] = {}
        while open_decisions and len(answers) < changes:
            name = rng.choice(open_decisions)
            open_decisions.remove(name)
            answers[name] = rng.choice([option for option in point.domains[name] if option != point.choices[name]])
        return walk(self.space, replaying({**point.choices, **answers}, otherwise=at_random(rng))) if answers else point

    def closest(self, points: Sequence[Draw], left: Sequence[Draw], count: int) -> list[Draw]:
        """So many of a list's networks that share most choices with one of these."""
        assert self.listed is not None
        alike = np.max([self._shared(point) for point in points], axis=0)
        rank = dict(zip(map(id, self.listed), alike.tolist(), strict=True))
        return sorted(left, key=lambda point: -rank[id(point)])[:count]

    def _shared(self, point: Draw) -> npt.NDArray[np.intp]:
        """How many choices each of the list shares with this network."""
        assert self.listed is not None
        if self._codes is None:
            options = {name: options for one in self.listed for name, options in one.domains.items()}
            places = {name: {option: at for at, option in enumerate(options[name])} for name in options}
            self._codes = places, np.array([_code(one, places) for one in self.listed], dtype=np.intp)
        places, codes = self._codes
        own = np.array(_code(point, places), dtype=np.intp)
        same: npt.NDArray[np.intp] = ((codes == own) & (codes >= 0)).sum(axis=1)
        return same

    def neighbours(self, point: Draw, rng: random.Random) -> list[Draw]:
        """All networks with one decision changed, fitting or not; of a list, those that differ least."""
        if self.listed is not None:
            itself = identity(point.spec)
            others = [
                (number, one)
                for number, one in zip(self._shared(point), self.listed, strict=True)
                if identity(one.spec) != itself
            ]
            most = max((number for number, _ in others), default=0)
            return [one for number, one in others if number == most]
        return [
            changed(self.space, point, name, option, rng)
            for name, options in point.domains.items()
            for option in options
            if option != point.choices[name]
        ]

    def reachable(self, near: float) -> float:
        """``near``; 0 where no network uses so much of the limit."""
        if near not in self._reachable:
            if self.listed is None:
                self._reachable[near] = reachable(self.space, self._limits, near)
            else:
                enough = any(self.limit.use(point.spec) >= near for point in self.listed)
                self._reachable[near] = near if enough else 0.0
        return self._reachable[near]

    def left(self, taken: Taken) -> list[Draw]:
        """All that seems to fit and is not taken. Raises ``SpaceExhausted`` where that is nothing.

        A space is gone through, up to ``ENUMERATED`` networks; where that is not all of it, what was met counts.
        """
        found, all_of_it = self._everything()
        left = [point for point in found if point.spec not in taken]
        if not left:
            what = "network" if self.listed is None else "candidate"
            where = "" if all_of_it else f" among the first {ENUMERATED:,}, nor by draws"
            raise SpaceExhausted(f"no new {what} that fits {self.limit} is left{where}: {len(found)} fit, all tried")
        return left

    def _everything(self) -> tuple[list[Draw], bool]:
        if self.listed is not None:
            return self.listed, True
        if self._gone_through is None:
            walks = list(islice(every(self.space), ENUMERATED + 1))
            self._gone_through = self._distinct(walks[:ENUMERATED]), len(walks) <= ENUMERATED
        return self._gone_through

    def _distinct(self, points: Iterable[Draw]) -> list[Draw]:
        fitting = (point for point in points if self.seems_to_fit(point))
        return list({identity(point.spec): point for point in reversed(list(fitting))}.values())[::-1]

    def _near(self, left: Sequence[Draw], near: float) -> Sequence[Draw]:
        return [point for point in left if self.limit.use(point.spec) >= near] or left


def _distance(limit: Limit, point: Draw) -> float:
    return abs(math.log(max(limit.use(point.spec), 1e-12)))


def shared(one: Draw, other: Draw) -> int:
    """Decisions that both answer alike."""
    return sum(name in other.choices and other.choices[name] == value for name, value in one.choices.items())


def _code(point: Draw, places: Places) -> list[int]:
    """The place of every choice among its options; less than 0 for none, or for another option."""
    return [of[point.choices[name]] if point.choices.get(name) in of else -1 for name, of in places.items()]


def every(space: Space) -> Iterator[Draw]:
    """All networks of a space, the last decision turning fastest."""
    turned: list[int] | None = []
    while turned is not None:
        turning = _Turning(turned)
        yield walk(space, turning)
        turned = turning.next()


class _Turning:
    """Picks the options of these places, then first ones."""

    def __init__(self, places: list[int]) -> None:
        self._places = places
        self._asked: dict[str, tuple[int, int]] = {}  # name → which of how many

    def __call__(self, name: str, options: Sequence[Option], /) -> Option:
        number = len(self._asked)
        place, _ = self._asked.setdefault(
            name, (self._places[number] if number < len(self._places) else 0, len(options))
        )
        return options[place]

    def next(self) -> list[int] | None:
        """The places of the next network; None after the last."""
        asked = list(self._asked.values())
        while asked and asked[-1][0] + 1 == asked[-1][1]:
            asked.pop()
        if not asked:
            return None
        return [*(place for place, _ in asked[:-1]), asked[-1][0] + 1]
