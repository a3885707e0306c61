"""``--of SEARCH``: the winner of a search as a baseline, and each of its choices changed to what a published network
has."""

from collections.abc import Sequence

from nas.arch import ArchSpec
from nas.errors import NasError
from nas.space import AnyOption, Option, Pick, Space, explore, recording
from search_spaces import REFERENCES, find_space
from studies.ablation import Ablation, Decisions, recorded
from studies.ablations.resolve import Winner
from studies.ablations.widths import widened


def of_winner(search: str, winner: Winner) -> Ablation:
    """A variant for each choice that differs from the published network most like the winner: set to that network's.
    Where there is none in the space, or none differs, each choice is set to each of its alternatives."""
    record, space_name = winner(search)
    space, made = find_space(space_name), dict(record.choices or {})
    title, published = most_like(space_name, made)
    wanted = [
        (name, published[name]) for name in made if name in published and published[name] != made[name]
    ] or _alternatives(space, made)
    variants: dict[str, Decisions] = {}
    seen = {record.spec}
    for name, value in wanted:
        changes, spec = _with(space, made, published, name, value)
        if spec not in seen:
            seen.add(spec)
            variants[f"{name} {value}"] = changes
    if not variants:
        raise NasError(f"--of {search}: no choice of its winner has another option")
    compared = f" Each choice is set to {title}'s." if published else ""
    return Ablation(
        question=f"What is each choice of {record.title}, the winner of {search}, worth?{compared}",
        baseline=recorded(search),
        variants=variants,
        curve=widths(record.spec),
        notes=("One choice at a time: choices that only pay together look worthless here.",),
    )


def widths(spec: ArchSpec) -> tuple[float, ...]:
    """Those whose networks differ: a small one's channels may round to the same."""
    networks = {widened(spec, width): width for width in (0.25, 0.5, 0.75, 1.25, 1.5, 2.0)}
    wanted = [width for made, width in networks.items() if made != spec]
    return (*[width for width in wanted if width < 1][-2:], 1.0, *[width for width in wanted if width > 1][:1])


def most_like(space_name: str, made: dict[str, Option]) -> tuple[str, dict[str, Option]]:
    """The published network of the space that has most choices in common; no choices where there is none."""
    known = [one for one in REFERENCES.values() if one.space == space_name and one.choices]
    if not known:
        return "", {}
    best = max(known, key=lambda one: sum((one.choices or {}).get(name) == value for name, value in made.items()))
    return best.title, dict(best.choices or {})


def _alternatives(space: Space, made: dict[str, Option]) -> list[tuple[str, Option]]:
    domains: dict[str, tuple[Option, ...]] = {}
    explore(space, recording(answering(made, {}), {}, domains))
    return [(name, option) for name, options in domains.items() for option in options if option != made[name]]


def _with(
    space: Space, made: dict[str, Option], published: dict[str, Option], name: str, value: Option
) -> tuple[Decisions, ArchSpec]:
    """The change and whatever is decided only with it: as the published network has it, or else the first option."""
    found, spec = explore(space, answering({**made, name: value}, published))
    return {one: answer for one, answer in found.items() if made.get(one) != answer or one == name}, spec


def answering(first: dict[str, Option], second: dict[str, Option]) -> Pick:
    def pick(name: str, options: Sequence[AnyOption], /) -> AnyOption:
        for answers in (first, second):
            for option in options:
                if name in answers and option == answers[name]:
                    return option
        return options[0]

    return pick
