"""From a declaration to networks: the baseline, its widths and the variants, each checked and named."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from nas.arch import ArchSpec
from nas.errors import NasError
from nas.record import Record
from nas.space import Choices, Option, explore, rebuild, replaying
from reports.words import at_width
from search_spaces import find_reference, find_space
from studies.ablation import Ablation, Baseline, Changes
from studies.ablations.changes import Changeable, Changed, changed
from studies.ablations.widths import widened

BASELINE = "baseline"  # the name of its records

Winner = Callable[[str], tuple[Record, str]]
"""From a search's name to the record of its winner and the name of its space. Raises ``NasError``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network that is trained, under the name of its records."""

    name: str
    title: str
    spec: ArchSpec
    choices: dict[str, Option] | None = None
    changes: Mapping[str, str] = field(default_factory=dict)  # of a variant, in words
    width: float | None = None  # of the baseline; None: a variant
    match_of: str | None = None  # the variant that this one is, brought to the baseline's cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """The networks of an ablation; the first is the baseline."""

    baseline: str  # what it is: "mobilenet_v3_small"
    title: str
    base: Changeable
    networks: tuple[Network, ...]

    @property
    def variants(self) -> tuple[Network, ...]:
        return tuple(one for one in self.networks if one.width is None)

    @property
    def curve(self) -> dict[str, float]:
        return {one.name: one.width for one in self.networks if one.width is not None}


def resolve(study: Ablation, *, winner: Winner | None = None) -> Resolved:
    """Raises ``NasError`` naming the variant and what is wrong with it: a change that matches nothing, an option that
    the space does not have, a network that is the baseline or another variant again."""
    base, what, title, scaled = _base(study.baseline, winner)
    networks = [
        Network(
            name=BASELINE,
            title=title,
            spec=base.spec,
            choices=None if base.choices is None else dict(base.choices),
            width=1.0,
        )
    ]
    networks += _curve(study.curve, title, base.spec, scaled)
    seen = {base.spec: "the baseline"}
    for name, changes in study.declared().items():
        made = _variant(name, base, changes, from_grid=name not in study.variants)
        if made is None:
            continue
        if made.spec in seen:
            raise NasError(f"variant {name!r}: is {seen[made.spec]} again; every variant must differ")
        seen[made.spec] = f"variant {name!r}"
        networks.append(Network(name=name, title=name, spec=made.spec, choices=made.choices, changes=made.words))
    names = [one.name for one in networks]
    for name in names:
        if not name.strip() or names.count(name) > 1:
            raise NasError(f"variant {name!r}: this name is not free; choose another")
    if all(one.width is not None for one in networks):
        raise NasError("no variant differs from the baseline: there is nothing to compare")
    return Resolved(baseline=what, title=title, base=base, networks=tuple(networks))


def _variant(name: str, base: Changeable, changes: Changes, *, from_grid: bool) -> Changed | None:
    """None for what a grid has and the baseline has already."""
    try:
        made = changed(base, changes)
    except NasError as error:
        raise NasError(f"variant {name!r}: {error}") from None
    return None if from_grid and made.spec == base.spec else made


def _curve(widths: tuple[float, ...], title: str, spec: ArchSpec, scaled: Callable[[float], ArchSpec]) -> list[Network]:
    """All but the baseline itself, which is part of every curve."""
    seen, found = {spec: 1.0}, []
    for width in widths:
        if not 0 < width < float("inf"):
            raise NasError(f"curve: {width}: a width must be above zero")
        made = scaled(width)
        if width == 1 or width in seen.values():
            continue
        if made in seen:
            raise NasError(f"curve: widths {seen[made]:g} and {width:g} are the same network; leave one out")
        seen[made] = width
        found.append(Network(name=f"{BASELINE} ×{width:g}", title=at_width(title, width), spec=made, width=width))
    return found


def _base(baseline: Baseline, winner: Winner | None) -> tuple[Changeable, str, str, Callable[[float], ArchSpec]]:
    """What is known of the baseline, what it is, what people are shown, and itself at other widths."""
    if baseline.kind == "reference":
        try:
            found = find_reference(baseline.name)
        except NasError as error:
            raise NasError(f"baseline {error}") from None
        space = find_space(found.space) if found.space and found.choices else None
        base = Changeable(
            spec=found.spec(), space=space, choices=found.choices, space_name=found.space, reference=found
        )
        return base, found.name, found.title, found.scaled
    if baseline.kind == "recorded":
        if winner is None:
            raise NasError(f"baseline {baseline.name}: the winner of a search is only known beside its storage")
        record, space_name = winner(baseline.name)
        base = _point(space_name, record.choices or {})
        return base, f"{record.title} of {baseline.name}", record.title, lambda width: widened(base.spec, width)
    base = _point(baseline.name, baseline.choices)
    what = f"choices of {baseline.name}"
    return base, what, f"{baseline.name} as chosen", lambda width: widened(base.spec, width)


def _point(space_name: str, choices: Choices) -> Changeable:
    try:
        space = find_space(space_name)
        spec = rebuild(space, choices)
    except NasError as error:
        raise NasError(f"baseline: {error}") from None
    made, _ = explore(space, replaying(choices))
    return Changeable(spec=spec, space=space, choices=made, space_name=space_name)
