"""What a study's trials say: choices back from parameters, and values the more the better."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from nas.draw import Draw, walk
from nas.errors import SpecError
from nas.record import RECORD
from nas.space import Option, Space, as_suggested, even_step, is_ordered


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Told:
    """A finished trial: its network, and its values where it has any."""

    number: int
    point: Draw
    values: tuple[float, ...] | None  # the more the better, one an objective; None: stopped early, or failed
    stopped: bool  # early
    size: float  # how much of the limit it uses
    losses: float | None = None  # sum of its training losses over epochs, where they were recorded
    fits: bool


class NotOfSpace(Exception):
    """Parameters that do not answer what the space asks."""


def distribution_of(options: Sequence[Option]) -> BaseDistribution:
    """In which ``from_trial`` asks for a decision."""
    step = even_step(options)
    if step is not None:
        return IntDistribution(int(options[0]), int(options[-1]), step=step)
    if is_ordered(options):
        return IntDistribution(0, len(options) - 1)
    return CategoricalDistribution(list(options))


def answer(options: Sequence[Option], value: Option, distribution: BaseDistribution) -> Any:
    """``value`` as an answer in the distribution asked: as ``from_trial`` asks, or the value itself.

    Raises ``NotOfSpace`` where the distribution has neither.
    """
    if distribution == distribution_of(options):
        return as_suggested(options, value)
    if isinstance(distribution, CategoricalDistribution):
        for choice in distribution.choices:
            if choice == value and isinstance(choice, bool) == isinstance(value, bool):
                return choice
    elif isinstance(value, int | float) and not isinstance(value, bool) and distribution._contains(float(value)):
        return value
    raise NotOfSpace(f"{value!r}: not in {distribution}")


def option(options: Sequence[Option], given: Any, distribution: BaseDistribution | None) -> Option:
    """The option that was answered so; without a distribution, as ``from_trial`` asks, or else the value itself.

    Raises ``NotOfSpace`` where there is none.
    """
    asked = distribution or distribution_of(options)
    for one in options:
        try:
            same = answer(options, one, asked) == given
        except NotOfSpace:
            continue
        if same:
            return one
    if distribution is None and given in options:
        return options[list(options).index(given)]
    raise NotOfSpace(f"{given!r}: no answer among {tuple(options)!r}")


def point_of(space: Space, trial: FrozenTrial) -> Draw | None:
    """The network whose choices are a trial's parameters; None where they answer not all that the space asks."""

    def pick(name: str, options: Sequence[Option], /) -> Option:
        if len(options) == 1:
            return options[0]
        if name not in trial.params:
            raise NotOfSpace(name)
        return option(options, trial.params[name], trial.distributions.get(name))

    try:
        return walk(space, pick)
    except (NotOfSpace, SpecError):
        return None


def losses_of(trial: FrozenTrial) -> float | None:
    """The sum of training losses over epochs, which ranks networks better than the last accuracy of a short training
    (Ru et al. 2021, "Speedy performance estimation"); None where no curve was recorded."""
    curve = trial.user_attrs.get(RECORD, {}).get("curve", ())
    return sum(float(epoch["train_loss"]) for epoch in curve) if curve else None


def values_of(study: Study, trial: FrozenTrial) -> tuple[float, ...] | None:
    """The more the better, whatever the study's directions; None unless complete."""
    if trial.state != TrialState.COMPLETE:
        return None
    return tuple(
        -value if direction == StudyDirection.MINIMIZE else value
        for value, direction in zip(trial.values, study.directions, strict=True)
    )
