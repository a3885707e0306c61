"""What samplers are told of a study's trials: networks back from parameters, values, losses, and what is left out."""

import random
from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from nas.draw import Draw, draw, draw_inside
from nas.record import RECORD
from nas.samplers.feasible import Feasible, Fitting
from nas.samplers.history import History
from nas.samplers.told import NotOfSpace, Told, answer, distribution_of, losses_of, option, point_of, values_of
from nas.space import as_suggested
from search_spaces import SPACES
from tests.nas.fast import BUDGET, tiny_space


def stored(point: Draw, **other: Any) -> FrozenTrial:
    """A trial in which ``from_trial`` asked for this network."""
    domains = {name: options for name, options in point.domains.items() if len(options) > 1}
    return create_trial(
        params={name: as_suggested(options, point.choices[name]) for name, options in domains.items()},
        distributions={name: distribution_of(options) for name, options in domains.items()},
        **other,
    )


def told(points: list[Draw], **other: list[Any]) -> tuple[list[Told], list[Draw], Any, optuna.Study]:
    """By a study in which the n-th network's trial has the n-th of all that is given."""
    study = optuna.create_study(direction="minimize")
    for number, point in enumerate(points):
        study.add_trial(stored(point, **{name: values[number] for name, values in other.items()}))
    feasible = Feasible(tiny_space, BUDGET)
    return *History(feasible, {}).of(study, study.get_trials()), study


# ---- networks


@pytest.mark.parametrize("name", SPACES)
def test_a_trials_parameters_are_its_network_again(name: str) -> None:
    """Decisions with one option are no parameters, and are answered all the same."""
    for seed in range(3):
        point = draw(SPACES[name], random.Random(seed))
        again = point_of(SPACES[name], stored(point, value=0.0))
        assert again is not None
        assert (again.choices, again.spec) == (point.choices, point.spec)


def test_parameters_of_another_space_are_no_network_of_this_one() -> None:
    point = draw(tiny_space, random.Random(0))
    assert point_of(SPACES["mobilenet_v3"], stored(point, value=0.0)) is None


# ---- values and losses


def test_values_are_the_more_the_better_objective_by_objective() -> None:
    study = optuna.create_study(directions=["minimize", "maximize", "maximize"])
    study.add_trial(create_trial(values=[1.0, 2.0, -3.0]))
    assert values_of(study, study.trials[0]) == (-1.0, 2.0, -3.0)


def test_what_ended_early_has_no_value_and_is_told_apart_from_what_failed() -> None:
    """Optuna gives a pruned trial the value it reported last."""
    points = [draw_inside(tiny_space, BUDGET, random.Random(seed)) for seed in range(4)]
    found, running, taken, study = told(
        points,
        state=[TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING],
        value=[0.5, 0.25, None, None],
    )
    assert study.trials[1].value == 0.25
    assert [one.values for one in found] == [(-0.5,), None, None]
    assert [one.stopped for one in found] == [False, True, False]
    assert [one.point.spec for one in found] == [point.spec for point in points[:3]]
    assert [point.spec for point in running] == [points[3].spec]
    assert all(point.spec in taken for point in points)


def test_a_network_is_told_with_what_it_uses_and_whether_that_fits() -> None:
    rng = random.Random(0)
    points = [draw(tiny_space, rng) for _ in range(12)]
    found, *_ = told(points, value=[0.0] * 12)
    assert [one.size for one in found] == [BUDGET.use(point.spec) for point in points]
    assert [one.fits for one in found] == [BUDGET.fits(point.spec) for point in points]
    assert len({one.fits for one in found}) == 2


def test_training_losses_are_summed_over_epochs_and_are_none_without_a_curve() -> None:
    curve = [{"train_loss": loss, "val_accuracy": 0.9, "seconds": 1.0} for loss in (2.0, 1.0, 0.5)]
    points = [draw_inside(tiny_space, BUDGET, random.Random(seed)) for seed in range(3)]
    attributes: list[dict[str, Any]] = [{RECORD: {"curve": curve}}, {RECORD: {"curve": []}}, {}]
    found, _, _, study = told(points, value=[0.5, 0.5, 0.5], user_attrs=attributes)
    assert [one.losses for one in found] == [3.5, None, None]
    assert losses_of(study.trials[0]) == 3.5


# ---- answers


@pytest.mark.parametrize(
    ("options", "distribution"),
    [
        ((3, 5, 7), IntDistribution(3, 7, step=2)),
        ((0.25, 0.5, 1.0), IntDistribution(0, 2)),
        ((False, True), CategoricalDistribution([False, True])),
        ((3, 5, 7), CategoricalDistribution([7, 3, 5])),
        ((0.25, 0.5, 1.0), FloatDistribution(0.25, 1.0)),
        ((1, 2, 4), IntDistribution(1, 4)),
        ((True, False), CategoricalDistribution([0, 1, False, True])),
    ],
)
def test_every_option_has_an_answer_of_its_own_however_it_is_asked_for(
    options: tuple[Any, ...], distribution: BaseDistribution
) -> None:
    answers = [answer(options, one, distribution) for one in options]
    for one, given in zip(options, answers, strict=True):
        assert distribution._contains(distribution.to_internal_repr(given))
        back = option(options, given, distribution)
        assert back == one
        assert type(back) is type(one)
    assert isinstance(answers[0], bool) == isinstance(options[0], bool)


@pytest.mark.parametrize(
    "distribution", [FloatDistribution(0.5, 2.0), IntDistribution(1, 9), CategoricalDistribution(["x"])]
)
def test_a_value_outside_what_is_asked_for_is_no_answer(distribution: BaseDistribution) -> None:
    with pytest.raises(NotOfSpace, match=r"0\.25"):
        answer((0.25, 0.5), 0.25, distribution)


def test_by_hand_a_value_is_taken_as_from_trial_asks_for_it_or_as_itself() -> None:
    assert option((0.25, 0.5, 1.0), 1, None) == 0.5  # the index
    assert option((0.25, 0.5, 1.0), 0.25, None) == 0.25
    with pytest.raises(NotOfSpace):
        option((0.25, 0.5, 1.0), 0.75, None)


# ---- limits


def test_what_the_test_says_counts_whatever_share_is_claimed() -> None:
    def limit(share: float, *, fits: bool) -> Fitting:
        return Fitting(lambda spec: fits, lambda spec: share)

    assert limit(0.7, fits=True).use("any") == 0.7
    assert limit(1.3, fits=True).use("any") == 1
    assert limit(0.7, fits=False).use("any") > 1
    assert limit(1.3, fits=False).use("any") == 1.3
