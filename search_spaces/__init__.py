"""The spaces that come along, and the published networks: one file a family, and its lines here."""

from dataclasses import replace
from difflib import get_close_matches

from nas.errors import NasError
from nas.space import Choices, Option, Space, explore, load_space, rebuild, recording, replaying
from search_spaces import alexnet, densenet, mobilenet_v1, mobilenet_v2, mobilenet_v3, squeezenet
from search_spaces.reference import Reference

SPACES: dict[str, Space] = {
    "mobilenet_v3": mobilenet_v3.mobilenet_v3,
    "mobilenet_v2": mobilenet_v2.mobilenet_v2,
    "mobilenet_v1": mobilenet_v1.mobilenet_v1,
    "squeezenet": squeezenet.squeezenet,
    "densenet": densenet.densenet,
}

REFERENCES: dict[str, Reference] = {
    reference.name: reference
    for family in (mobilenet_v3, mobilenet_v2, mobilenet_v1, squeezenet, densenet, alexnet)
    for reference in family.REFERENCES
}

# what searches are held against: these as published and at the budget's cost, …
POINTS = ("mobilenet_v3_small", "mobilenet_v3_large")
# … and the space's own network at the budget's cost
OWN = {
    "mobilenet_v1": "mobilenet_v1",
    "mobilenet_v2": "mobilenet_v2",
    "squeezenet": "squeezenet_1_1",
    "densenet": "densenet_121",
}


def find_space(name: str) -> Space:
    """A space by its name here, or a user's own by ``module:function``. Raises ``NasError`` naming those that exist."""
    if name in SPACES:
        return SPACES[name]
    if ":" in name:
        return load_space(name)
    near = get_close_matches(name, SPACES, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise NasError(f"--space {name}: unknown; {hint}there are {', '.join(SPACES)}, or module:function for your own")


def held_against(space: str) -> tuple[list[Reference], list[Reference]]:
    """The references of a search in this space: trained as published and at the budget's cost, and only at the latter.

    A space of the user's own has no network of its own.
    """
    return [REFERENCES[name] for name in POINTS], [REFERENCES[OWN[space]]] if space in OWN else []


def find_reference(name: str) -> Reference:
    """A published network by its name, ``NAME@WIDTH`` for one at any other width multiplier.

    Raises ``NasError`` naming those that exist and the nearest.
    """
    if name in REFERENCES:
        return REFERENCES[name]
    base, at, width = name.partition("@")
    if at and base in REFERENCES:
        try:
            multiplier = float(width)
        except ValueError:
            multiplier = 0.0
        if not 0 < multiplier < float("inf"):
            raise NasError(f"{name}: the width multiplier after @ must be a number above zero, as in {base}@0.5")
        return _placed(REFERENCES[base].at_width(multiplier), REFERENCES[base].choices)
    near = get_close_matches(base if at else name, REFERENCES, n=1)
    hint = f"did you mean {near[0]}{at}{width}? " if near else ""
    raise NasError(f"{name}: no reference of this name; {hint}there are {', '.join(REFERENCES)}, or NAME@WIDTH")


def _placed(reference: Reference, base: Choices | None) -> Reference:
    """``reference`` with its choices, where a decision "width" of its space leads to it from its ``base``'s."""
    if not reference.space or not base:
        return reference
    space = SPACES[reference.space]
    domains: dict[str, tuple[Option, ...]] = {}
    explore(space, recording(replaying(base), {}, domains))
    for width in domains.get("width", ()):
        choices = {**base, "width": width}
        if rebuild(space, choices) == reference.spec():
            return replace(reference, choices=choices)
    return reference


__all__ = ["OWN", "POINTS", "REFERENCES", "SPACES", "Reference", "find_reference", "find_space", "held_against"]
