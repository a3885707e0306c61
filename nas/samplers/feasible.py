"""The networks a sampler may suggest: those of a space that fit, or the candidates among them.

Samplers ask here for draws, changes of one network, and what is left. Nothing that comes from here is over the limit or
was suggested before.
"""

import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from itertools import islice
from typing import Any, Protocol, cast

from nas.budget import Budget
from nas.draw import NEAR, Draw, changed, draw_inside, move_inside, reachable, walk
from nas.errors import SpaceExhausted
from nas.samplers.learned_use import learned_use
from nas.space import Choices, Option, Space, replaying

ENUMERATED = 50_000  # networks of a space that are gone through when draws find nothing new


class Limit(Protocol):
    """What a network may cost; ``nas.budget.Budget`` is one."""

    def use(self, spec: Any, /) -> float:
        """The share used; a network fits at 1 or below."""

    def fits(self, spec: Any, /) -> bool: ...


@dataclass(frozen=True, eq=False)
class Fitting:
    """A limit given as two functions, or as one: then no more is known than what fits."""

    test: Callable[[Any], bool]
    share: Callable[[Any], float] | None = None

    def use(self, spec: Any) -> float:
        if self.share is None:
            return 1.0 if self.fits(spec) else 2.0
        return self.share(spec)

    def fits(self, spec: Any) -> bool:
        return bool(self.test(spec))

    def __str__(self) -> str:
        return "what is allowed"


def identity(spec: Any) -> Any:
    """What two networks have in common exactly when they are the same: the spec itself where it is compared by value,
    else its JSON with sorted keys. Raises ``TypeError`` for a spec that has neither."""
    by_value = type(spec).__eq__ is not object.__eq__
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


class Taken:
    """A set of networks, hashable or not."""

    def __init__(self, specs: Iterable[Any] = ()) -> None:
        self._keys = {identity(spec) for spec in specs}

    def add(self, spec: Any) -> None:
        self._keys.add(identity(spec))

    def __contains__(self, spec: Any) -> bool:
        return identity(spec) in self._keys

    def __len__(self) -> int:
        return len(self._keys)


class Feasible:
    """What fits ``limit`` in ``space``; with ``candidates``, a finite list of choices, only those."""

    def __init__(self, space: Space, limit: Limit, *, candidates: Iterable[Choices] | None = None) -> None:
        self.space = space
        self.limit = limit
        self._budget = cast(Budget, limit)  # draws ask a budget for no more than a limit has
        self.listed: list[Draw] | None = None  # a list to pick from, rather than a space to draw from
        if candidates is not None:
            self.listed = self._distinct(walk(space, replaying(choices)) for choices in candidates)
        self._known = None if self.listed is None else Taken(point.spec for point in self.listed)
        self.knows_use = not isinstance(limit, Fitting) or limit.share is not None
        self._learned: Callable[[Draw], float] | None = None
        self._gone_through: tuple[list[Draw], bool] | None = None  # what fits in the space; whether that is all

    def fits(self, point: Draw) -> bool:
        return self.limit.fits(point.spec)

    def has(self, point: Draw) -> bool:
        """Whether it fits, and is a candidate where there is a list of them."""
        return self.fits(point) if self._known is None else point.spec in self._known

    def size(self, point: Draw) -> float:
        """How much of the limit a network uses; only a rank of it where no more is known than what fits."""
        if self.knows_use:
            return self.limit.use(point.spec)
        if self._learned is None:
            self._learned = learned_use(self.space, self.fits, random.Random("use"))
        return self._learned(point)

    def draw(self, rng: random.Random, taken: Taken, *, near: float = NEAR) -> Draw:
        """One at random that uses at least ``near`` of the limit where that can be had. Raises ``SpaceExhausted`` when
        nothing is left."""
        if self.listed is not None:
            return rng.choice(self._near(self.left(taken), near))
        try:
            return draw_inside(self.space, self._budget, rng, taken=cast(Any, taken), near=near)
        except SpaceExhausted:
            return rng.choice(self._near(self.left(taken), near))

    def move(self, start: Draw, rng: random.Random, taken: Taken, *, near: float) -> Draw:
        """What is near ``start`` and may be suggested. Raises ``SpaceExhausted`` when nothing is left."""
        if self.listed is not None:
            left = self._near(self.left(taken), near)
            most = max(shared(start, point) for point in left)
            return rng.choice([point for point in left if shared(start, point) == most])
        try:
            return move_inside(self.space, self._budget, start, rng, taken=cast(Any, taken), near=near)
        except SpaceExhausted:  # around this one; a draw looks everywhere
            return self.draw(rng, taken, near=near)

    def change(self, point: Draw, rng: random.Random, changes: int) -> Draw:
        """So many decisions changed at random, one after the other; it need not fit."""
        for _ in range(changes):
            open_decisions = [name for name, options in point.domains.items() if len(options) > 1]
            if not open_decisions:
                return point
            name = rng.choice(open_decisions)
            others = [option for option in point.domains[name] if option != point.choices[name]]
            point = changed(self.space, point, name, rng.choice(others), rng)
        return point

    def neighbours(self, point: Draw, rng: random.Random) -> list[Draw]:
        """All networks with one decision changed, fitting or not; of a list, those that differ least."""
        if self.listed is not None:
            alike = [shared(point, one) for one in self.listed]
            most = max((number for number, one in zip(alike, self.listed, strict=True) if one is not point), default=0)
            return [one for number, one in zip(alike, self.listed, strict=True) if number == most]
        return [
            changed(self.space, point, name, option, rng)
            for name, options in point.domains.items()
            for option in options
            if option != point.choices[name]
        ]

    def reachable(self, near: float) -> float:
        """``near``; 0 where no network uses so much of the limit."""
        if self.listed is not None:
            return near if any(self.limit.use(point.spec) >= near for point in self.listed) else 0.0
        return reachable(self.space, self._budget, near)

    def left(self, taken: Taken) -> list[Draw]:
        """All that fits and is not taken. Raises ``SpaceExhausted`` where that is nothing.

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
        seen, found = Taken(), []
        for point in points:
            if self.fits(point) and point.spec not in seen:
                seen.add(point.spec)
                found.append(point)
        return found

    def _near(self, left: Sequence[Draw], near: float) -> Sequence[Draw]:
        return [point for point in left if self.limit.use(point.spec) >= near] or left


def shared(one: Draw, other: Draw) -> int:
    """Decisions that both answer alike."""
    return sum(name in other.choices and other.choices[name] == value for name, value in one.choices.items())


def every(space: Space) -> Iterator[Draw]:
    """All networks of a space, the last decision turning fastest."""
    turned: list[int] = []
    while True:
        asked: dict[str, tuple[int, int]] = {}  # name → which of how many

        def pick(name: str, options: Sequence[Option], /) -> Option:
            if name not in asked:
                asked[name] = (turned[len(asked)] if len(asked) < len(turned) else 0, len(options))
            return options[asked[name][0]]

        yield walk(space, pick)
        places = list(asked.values())
        while places and places[-1][0] + 1 == places[-1][1]:
            places.pop()
        if not places:
            return
        turned = [place for place, _ in places]
        turned[-1] += 1
