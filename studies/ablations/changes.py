"""What a variant's changes make of the baseline. Every fault names the place, the value, and what is near it."""

import inspect
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from nas.arch import ArchSpec
from nas.errors import NasError
from nas.space import AnyOption, Choices, Option, Pick, Space, explore, recording
from search_spaces import Reference
from studies.ablation import Built, Changes, Decisions, Extreme, Facts

FIXED = ("kind", "stride", "classes")  # facts that belong to the data or to the network's shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Changeable:
    """A network that variants are made of, with what is known of it."""

    spec: ArchSpec
    space: Space | None = None  # that it is a point of
    choices: Choices | None = None  # as which; None: it is no point of a space
    space_name: str | None = None
    reference: Reference | None = None  # that it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A variant: its network, its choices where it has them, and its changes in words."""

    spec: ArchSpec
    choices: dict[str, Option] | None
    words: dict[str, str]


def changed(base: Changeable, changes: Changes) -> Changed:
    """Raises ``NasError`` for a change that matches nothing, or an option that is not there."""
    match changes:
        case Facts():
            spec = _with_facts(base.spec, changes)
            words = {
                f"{kind}.{name}": str(value) for kind, given in changes.of.items() for name, value in given.items()
            }
            return Changed(spec=spec, choices=None, words=words)
        case Built():
            words = {name: str(value) for name, value in changes.arguments.items()}
            return Changed(spec=_built(base, changes), choices=None, words=words)
        case _ if callable(changes):
            made = changes(base.spec)
            if not isinstance(made, ArchSpec):
                raise NasError(f"its function returned {type(made).__name__}, and not an ArchSpec")
            return Changed(spec=made, choices=None, words={"function": getattr(changes, "__name__", "function")})
        case _:
            return _decided(base, changes)


def _decided(base: Changeable, changes: Decisions) -> Changed:
    if base.space is None or base.choices is None:
        raise NasError("decisions can only be changed where the baseline is a point of a space; use Facts or Built")
    if not changes:
        raise NasError("changes nothing")
    before = base.choices
    matched: set[str] = set()
    domains: dict[str, tuple[Option, ...]] = {}

    def pick(name: str, options: Sequence[AnyOption], /) -> AnyOption:
        patterns = [pattern for pattern in changes if fnmatchcase(name, pattern)]
        matched.update(patterns)
        if patterns:
            return _option(name, options, changes[patterns[-1]])
        if name in before:
            return _option(name, options, before[name])
        raise NasError(f"{name}: is decided only with these changes; choose one of {_listed(options)} for it")

    asked: Pick = recording(pick, {}, domains)
    found, spec = explore(base.space, asked)
    for pattern in changes:
        if pattern not in matched:
            near = _nearest(pattern, list(domains))
            raise NasError(f"{pattern!r} matches no decision of {base.space_name}; the nearest {near}")
    return Changed(spec=spec, choices=found, words={name: _said(value) for name, value in changes.items()})


def _option(name: str, options: Sequence[AnyOption], wanted: Option | Extreme) -> AnyOption:
    if isinstance(wanted, Extreme):
        return min(options) if wanted is Extreme.LOWEST else max(options)
    for option in options:
        if option == wanted and isinstance(option, bool) == isinstance(wanted, bool):
            return option
    raise NasError(f"{name}: {wanted!r} is not among its options; there are {_listed(options)}")


def _said(value: Option | Extreme) -> str:
    return value.value if isinstance(value, Extreme) else str(value)


def _listed(options: Sequence[object]) -> str:
    return ", ".join(repr(option) for option in options)


def _nearest(pattern: str, names: list[str]) -> str:
    """``is stage1.block0.se``, or ``are …``: names by their likeness to the pattern."""
    plain = pattern.replace("*", "")
    near = get_close_matches(plain, names, n=3, cutoff=0.0)
    return f"{'are' if len(near) > 1 else 'is'} {', '.join(near)}"


def _with_facts(spec: ArchSpec, changes: Facts) -> ArchSpec:
    """All blocks of these kinds with other facts. The table is checked as every other is."""
    document = json.loads(spec.to_json())
    kinds = {block.kind: block for block in spec.blocks}
    for kind, given in changes.of.items():
        if kind not in kinds:
            raise NasError(f"{kind!r}: the baseline has no such block; it has {', '.join(sorted(kinds))}")
        known = [field.name for field in fields(kinds[kind]) if field.name not in FIXED]
        for name in given:
            if name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}? " if near else ""
                raise NasError(f"{kind}.{name}: no such fact to change; {hint}there are {', '.join(known)}")
        for block in document["blocks"]:
            if block["kind"] == kind:
                block.update(given)
    return ArchSpec.from_json(json.dumps(document))  # types and words are checked here


def _built(base: Changeable, changes: Built) -> ArchSpec:
    if base.reference is None:
        raise NasError("Built is for a baseline that is a reference; use decisions or Facts")
    build: Any = base.reference.scaled
    known = [
        name
        for name, parameter in inspect.signature(build).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    for name in changes.arguments:
        if name not in known:
            there = f"there are {', '.join(known)}" if known else "it has none"
            raise NasError(f"{name!r}: no argument of what builds {base.reference.name}; {there}")
    made: ArchSpec = build(1.0, **changes.arguments)
    return made
