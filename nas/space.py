"""A space asks for every decision by name; what picking means is the caller's business.

A space is a function of one ``Pick``. The ways of picking are here: at random, replaying recorded choices, and by an
Optuna trial. Decisions that exist only after another are simply not asked.
"""

import importlib
import random
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Protocol, TypeVar

from nas.arch import ArchSpec
from nas.errors import NasError, SpecError

Option = str | int | float | bool
Choices = Mapping[str, Option]
AnyOption = TypeVar("AnyOption", str, int, float, bool)


class Pick(Protocol):
    """Answers one decision with one of its options. One name always has the same options, of one type."""

    def __call__(self, name: str, options: Sequence[AnyOption], /) -> AnyOption: ...


Space = Callable[[Pick], ArchSpec]


class ChoicesError(NasError):
    """Recorded choices that this space does not ask for, or that it asks for and are missing."""


def at_random(rng: random.Random) -> Pick:
    """Every option equally likely."""

    def pick(name: str, options: Sequence[AnyOption], /) -> AnyOption:
        return options[rng.randrange(len(options))]

    return pick


def replaying(choices: Choices, otherwise: Pick | None = None) -> Pick:
    """Recorded choices again; what was not recorded is picked by ``otherwise``, or is a ``ChoicesError``."""

    def pick(name: str, options: Sequence[AnyOption], /) -> AnyOption:
        if name in choices:
            value = choices[name]
            for option in options:
                # 1, 1.0 and True are equal to Python, but not the same answer
                if option is value or (option == value and type(option) is type(value)):
                    return option
            if otherwise is None:
                raise ChoicesError(f"{name}: {value!r}: not among its options {tuple(options)!r}")
        if otherwise is None:
            raise ChoicesError(f"{name}: missing from the choices; its options are {tuple(options)!r}")
        return otherwise(name, options)

    return pick


def recording(pick: Pick, into: dict[str, Option], domains: dict[str, tuple[Option, ...]] | None = None) -> Pick:
    """``pick``, with every answer written into ``into`` (and every decision's options into ``domains``)."""

    def record(name: str, options: Sequence[AnyOption], /) -> AnyOption:
        value = pick(name, options)
        into[name] = value
        if domains is not None:
            known = domains.setdefault(name, tuple(options))
            if known is not options and known != tuple(options):
                raise SpecError(
                    f"{name}: asked with {tuple(options)!r}, before with {known!r}; options must not change"
                )
        return value

    return record


def explore(space: Space, pick: Pick) -> tuple[dict[str, Option], ArchSpec]:
    """One walk through the space: the choices made, and the architecture they stand for."""
    choices: dict[str, Option] = {}
    spec = space(recording(pick, choices))
    return choices, spec


def rebuild(space: Space, choices: Choices) -> ArchSpec:
    """The architecture recorded choices stand for. Raises ``ChoicesError`` unless they answer exactly what is asked."""
    used, spec = explore(space, replaying(choices))
    unknown = [name for name in choices if name not in used]
    if unknown:
        raise ChoicesError(f"{unknown[0]}: not asked for by this space under these choices")
    return spec


def from_trial(trial: Any) -> Pick:
    """Picking by an Optuna trial (or anything with its ``suggest_*`` methods): the only bridge to Optuna.

    Numbers keep their order, which samplers use: evenly spaced integers are suggested as themselves, other increasing
    numbers by index. Everything else is categorical. A decision with one option is not asked.
    """

    def pick(name: str, options: Sequence[AnyOption], /) -> AnyOption:
        if len(options) == 1:
            return options[0]
        step = even_step(options)
        if step is not None:
            value = trial.suggest_int(name, options[0], options[-1], step=step)
            index = (value - int(options[0])) // step
        elif is_ordered(options):
            index = trial.suggest_int(name, 0, len(options) - 1)
        else:
            index = list(options).index(trial.suggest_categorical(name, list(options)))
        return options[int(index)]

    return pick


def as_suggested(options: Sequence[Option], value: Option) -> Option:
    """What an Optuna trial must be answered for ``from_trial`` to pick ``value``."""
    if even_step(options) is None and is_ordered(options):
        return list(options).index(value)
    return value


def is_ordered(options: Sequence[Option]) -> bool:
    """Whether the options are increasing numbers."""
    if any(isinstance(option, bool) or not isinstance(option, int | float) for option in options):
        return False
    numbers = [float(option) for option in options]
    return all(a < b for a, b in pairwise(numbers))


def even_step(options: Sequence[Option]) -> int | None:
    """The step of evenly spaced increasing integers, or None."""
    if not is_ordered(options) or not all(isinstance(option, int) for option in options):
        return None
    steps = {int(b) - int(a) for a, b in pairwise(options)}
    return steps.pop() if len(steps) == 1 else None


def load_space(name: str) -> Space:
    """A space by ``module:function``; names of the spaces that come along are looked up by the caller first."""
    module_name, _, function = name.partition(":")
    if not function:
        raise NasError(f"--space {name}: a space of your own is written module:function")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise NasError(f"--space {name}: cannot import {module_name} ({error})") from None
    space = getattr(module, function, None)
    if not callable(space):
        raise NasError(f"--space {name}: {module_name} has no function {function}")
    found: Space = space
    return found
