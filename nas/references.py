"""The networks a search is compared with: published ones, the same ones scaled to the budget, and the largest draw."""

import random
from collections.abc import Callable, Iterable
from typing import Protocol

from nas.arch import ArchSpec
from nas.budget import Limits
from nas.draw import NEAR, draw_inside
from nas.errors import SpaceExhausted
from nas.plan import Task, training_seed
from nas.space import Option, Space
from nas.spread import Part, halves

MEASURED = 8  # networks that are measured at most where a prediction is not certain, and as many where it is
LARGEST_OF = 64  # random draws that fit, of which the largest is taken
WIDTHS = [step / 100 for step in range(5, 401)]  # tried when a network is scaled; channels move in eights anyway


class Published(Protocol):
    """A published network at any width multiplier (``search_spaces.Reference``)."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def choices(self) -> dict[str, Option] | None: ...
    @property
    def scaled(self) -> Callable[[float], ArchSpec]: ...


def scale_to_fit(scaled: Callable[[float], ArchSpec], limits: Limits) -> tuple[float, ArchSpec] | None:
    """The width multiplier whose network uses most of the budget, and the network; None when even 0.05 is over.

    Of widths that give the same network the one nearest to 1 is named. Where it takes measuring to know whether a
    network fits, a few are measured, from the dearest down to where the prediction is certain.
    """
    likely = [(width, spec) for width in WIDTHS if limits.use(spec := scaled(width)) <= 1]
    likely.sort(key=lambda one: (-limits.use(one[1]), abs(one[0] - 1)))
    different = list({spec: (width, spec) for width, spec in reversed(likely)}.values())[::-1]
    different.sort(key=lambda one: -limits.use(one[1]))
    certain = next((place for place, one in enumerate(different) if limits.unmeasured.fits(one[1])), len(different))
    tried = (*_some(different[:certain]), *_some(different[certain:]))
    return next((one for one in tried if limits.proven(one[1])), None)


def _some(ordered: list[tuple[float, ArchSpec]]) -> list[tuple[float, ArchSpec]]:
    """At most ``MEASURED`` of them, evenly."""
    return ordered[:: max(1, -(-len(ordered) // MEASURED))]


def largest_draw(space: Space, limits: Limits, rng: random.Random) -> tuple[dict[str, Option], ArchSpec]:
    """Of random draws that fit, the one with most multiply-adds: what "take the largest that fits" gives.

    Raises ``SpaceExhausted`` when nothing fits.
    """
    draws = [draw_inside(space, limits, rng, near=NEAR, certain=False) for _ in range(LARGEST_OF)]
    draws.sort(key=lambda one: limits.cost(one.spec).macs, reverse=True)
    certain = [one for one in draws[MEASURED:] if limits.unmeasured.fits(one.spec)][:MEASURED]
    best = next((one for one in (*draws[:MEASURED], *certain) if limits.proven(one.spec)), None)
    best = best or draw_inside(space, limits, rng, near=NEAR)
    return best.choices, best.spec


def reference_tasks(
    published: Iterable[Published],
    space: Space,
    limits: Limits,
    *,
    seed: int,
    scaled_only: Iterable[Published] = (),
    curve_of: str | None = None,
) -> list[Task]:
    """One training for each reference, validated as the search's trials are, so that they can stand in one table.

    ``published`` are trained as they are and scaled to the budget, ``scaled_only`` just that. ``curve_of``: the one of
    them that is also scaled to a half of the budget, a quarter, and so on, down to the space's cheapest network or its
    own thinnest, for a front to be held against.
    """
    tasks = []
    for reference in published:
        native = reference.scaled(1.0)
        fitted = scale_to_fit(reference.scaled, limits)
        # where the published network itself uses the budget best, it is its own scaled form and trained once
        origin = "scaled" if fitted is not None and fitted[1] == native else "published"
        tasks.append(_task(native, reference.name, reference.title, origin, seed, reference.choices))
        if fitted is not None and fitted[1] != native:
            tasks.append(_scaled(reference, *fitted, seed))
        if reference.name == curve_of and fitted is not None:
            tasks += _narrower(reference, halves(space, limits), seed)
    for reference in scaled_only:
        fitted = scale_to_fit(reference.scaled, limits)
        if fitted is not None:
            tasks.append(_scaled(reference, *fitted, seed))
    rng = random.Random(f"largest draw {seed}")
    try:
        choices, spec = largest_draw(space, limits, rng)
        tasks.append(_task(spec, "largest_draw", "largest random draw", "draw", seed, choices))
    except SpaceExhausted:  # so few networks fit that the search itself will say so
        pass
    return tasks


def _narrower(reference: Published, parts: Iterable[Part], seed: int) -> list[Task]:
    tasks: list[Task] = []
    for part in parts:
        fitted = scale_to_fit(reference.scaled, part)
        if fitted is None:
            thinnest = WIDTHS[0]
            name = f"{reference.name}@thinnest"
            return [*tasks, _scaled(reference, thinnest, reference.scaled(thinnest), seed, name=name)]
        tasks.append(_scaled(reference, *fitted, seed, name=f"{reference.name}@budget/{1 / part.share:g}"))
    return tasks


def _scaled(reference: Published, width: float, spec: ArchSpec, seed: int, *, name: str | None = None) -> Task:
    return _task(spec, name or f"{reference.name}@budget", f"{reference.title} ×{width:g}", "scaled", seed)


def _task(
    spec: ArchSpec, name: str, title: str, origin: str, seed: int, choices: dict[str, Option] | None = None
) -> Task:
    return Task(spec=spec, name=name, title=title, origin=origin, seed=training_seed(seed, 0), fold=0, choices=choices)
