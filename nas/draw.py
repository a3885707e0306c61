"""Drawing inside a budget.

The trap: draws that fit a budget are mostly thin networks that use little of it (in ``mobilenet_v3`` under 60 MFLOPs
four fifths have half width or less). Accuracy mostly grows with cost, so draws here aim at the upper end of the budget.
"""

import hashlib
import math
import random
from collections.abc import Callable, Container
from dataclasses import dataclass
from functools import lru_cache

from nas.arch import ArchSpec
from nas.budget import Limits
from nas.errors import SpaceExhausted
from nas.space import Option, Space, at_random, recording, replaying

NEAR = 0.85  # a draw uses at least this share of the budget where that can be had
DRAWS = 400  # random draws before one is moved towards the budget step by step
STEPS = 2000  # such steps before giving up

LIMITS_NOTHING = (
    "note: not even the dearest network uses this budget up, so it limits nothing; choose a smaller one, or count it "
    "at another --budget-resolution"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draw:
    """One point of a space: the choices, every asked decision's options, and the architecture."""

    choices: dict[str, Option]
    domains: dict[str, tuple[Option, ...]]
    spec: ArchSpec


def draw(space: Space, rng: random.Random) -> Draw:
    """Every decision at random."""
    return walk(space, at_random(rng))


def walk(space: Space, pick: Callable[..., Option]) -> Draw:
    choices: dict[str, Option] = {}
    domains: dict[str, tuple[Option, ...]] = {}
    spec = space(recording(pick, choices, domains))  # type: ignore[arg-type]  # Pick is generic over its options
    return Draw(choices=choices, domains=domains, spec=spec)


def neighbour(space: Space, point: Draw, rng: random.Random) -> Draw:
    """One decision changed; decisions that exist only after the change are picked at random."""
    open_decisions = [name for name, options in point.domains.items() if len(options) > 1]
    if not open_decisions:
        return point
    name = open_decisions[rng.randrange(len(open_decisions))]
    others = [option for option in point.domains[name] if option != point.choices[name]]
    return changed(space, point, name, others[rng.randrange(len(others))], rng)


def changed(space: Space, point: Draw, name: str, value: Option, rng: random.Random) -> Draw:
    return walk(space, replaying({**point.choices, name: value}, otherwise=at_random(rng)))


def draw_inside(
    space: Space,
    limits: Limits,
    rng: random.Random,
    *,
    taken: Container[ArchSpec] = (),
    near: float = NEAR,
    certain: bool = True,
) -> Draw:
    """A network that fits, is not ``taken``, and uses at least ``near`` of the budget where that can be had.

    Not ``certain``: as far as is known without measuring it.
    Raises ``SpaceExhausted``, naming the nearest miss, when nothing new that fits was found inside the cap.
    """
    near = reachable(space, limits, near)
    nearest: Draw | None = None
    for _ in range(DRAWS):
        point = draw(space, rng)
        if point.spec in taken:
            continue
        if _miss(limits, point, near) == 0 and (not certain or limits.fits(point.spec)):
            return point
        if nearest is None or _miss(limits, point, near) < _miss(limits, nearest, near):
            nearest = point
    return move_inside(space, limits, nearest or draw(space, rng), rng, taken=taken, near=near, certain=certain)


@lru_cache(maxsize=64)
def reachable(space: Space, limits: Limits, near: float = NEAR) -> float:
    """``near``; 0 where not even the dearest network uses so much, since such a budget favours nothing."""
    dearest = extreme(space, lambda spec: -limits.use(spec), random.Random("reachable"), starts=2)
    return near if limits.use(dearest.spec) >= near else 0.0


def move_inside(
    space: Space,
    limits: Limits,
    start: Draw,
    rng: random.Random,
    *,
    taken: Container[ArchSpec] = (),
    near: float = NEAR,
    certain: bool = True,
) -> Draw:
    """``start`` with as few decisions changed as a random walk needs to fit, be new and use ``near`` of the budget.

    Steps that lead away from the budget are not taken, but what they lead to counts where nothing nearer is new.
    Raises ``SpaceExhausted`` as ``draw_inside`` does.
    """
    point = step = start
    best: Draw | None = None
    for _ in range(STEPS):
        # asked for last: to know whether a network fits, it may have to be measured
        if (
            step.spec not in taken
            and limits.use(step.spec) <= 1
            and (best is None or _miss(limits, step, near) < _miss(limits, best, near))
            and (not certain or limits.fits(step.spec))
        ):
            if _miss(limits, step, near) == 0:
                return step
            best = step
        if _miss(limits, step, near) <= _miss(limits, point, near):
            point = step
        step = neighbour(space, point, rng)
    if best is not None:
        return best
    raise SpaceExhausted(
        f"no new network that fits {limits} in {STEPS} steps; the nearest one "
        + (f"needs {limits.use(point.spec):.3f} of the budget" if limits.use(point.spec) > 1 else "was already tried")
    )


def _miss(limits: Limits, point: Draw, near: float) -> float:
    """How far from using between ``near`` and all of the budget, as a log ratio; 0 inside."""
    use = limits.use(point.spec)
    if use > 1:  # so far that one which fits is nearer
        return math.log(use) + (math.log(1 / near) if near else 0.0)
    return max(0.0, math.log(near / max(use, 1e-12))) if near else 0.0


def extreme(space: Space, measure: Callable[[ArchSpec], float], rng: random.Random, *, starts: int = 4) -> Draw:
    """The architecture of least ``measure`` found by descent: one decision at a time, until none improves.

    Exact where decisions act on cost independently of each other's order, as in block spaces; several starts guard
    against the rest.
    """
    best: Draw | None = None
    for _ in range(starts):
        point = min((draw(space, rng) for _ in range(32)), key=lambda one: measure(one.spec))
        improved = True
        while improved:
            improved = False
            for name in list(point.domains):
                if name not in point.domains:  # a decision that an earlier change of this sweep made disappear
                    continue
                for value in point.domains[name]:
                    candidate = changed(space, point, name, value, rng)
                    if measure(candidate.spec) < measure(point.spec):
                        point, improved = candidate, True
        if best is None or measure(point.spec) < measure(best.spec):
            best = point
    assert best is not None
    return best


def shares(space: Space, limits: Limits, *, seed: int = 0, draws: int = 1000) -> tuple[float, float]:
    """Of random draws, the share that fits, and the share that fits and uses at least ``NEAR`` of the budget."""
    rng = random.Random(f"preview {seed}")  # the same draws as in a preview
    uses = [limits.use(draw(space, rng).spec) for _ in range(draws)]
    return shares_of(uses)


def shares_of(uses: list[float]) -> tuple[float, float]:
    """Of these shares of a budget, how many fit, and how many fit and are at least ``NEAR``."""
    return sum(use <= 1 for use in uses) / len(uses), sum(NEAR <= use <= 1 for use in uses) / len(uses)


def space_fingerprint(space: Space) -> str:
    """Eight hex digits of what the space is: some fixed draws of it, choices and networks."""
    rng = random.Random("fingerprint")
    digest = hashlib.sha256()
    for _ in range(24):
        point = draw(space, rng)
        digest.update(repr((sorted(point.choices.items()), point.spec)).encode())
    return digest.hexdigest()[:8]
