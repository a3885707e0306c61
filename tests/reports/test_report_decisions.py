"""Choices against accuracy: grouped by name, exploratory, with cost taken out."""

from dataclasses import replace

import numpy as np
import pytest

from nas.record import Record
from nas.space import Option
from reports.decisions import ENOUGH, aggregates, correlation, effects
from tests.reports.fakes import fake_run


def records(choices: list[dict[str, Option]]) -> list[Record]:
    trials = fake_run(confirmed=False).trials
    return [replace(one, choices=chosen) for one, chosen in zip(trials, choices, strict=False)]


def test_decisions_are_grouped_by_the_last_part_of_their_name() -> None:
    found = aggregates(records([{"a.b0.kernel": 3, "a.b1.kernel": 7, "width": 0.5}, {"a.b0.kernel": 5, "width": 1.0}]))
    assert [(one.label, one.values) for one in found] == [("kernel (mean)", (5.0, 5.0)), ("width", (0.5, 1.0))]


def test_yes_and_no_count_as_a_share_and_words_as_the_share_of_the_usual_one() -> None:
    found = aggregates(
        records([{"x.se": True, "y.se": False, "x.act": "relu", "y.act": "relu"}, {"x.se": False, "x.act": "hs"}])
    )
    assert [(one.label, one.values) for one in found] == [
        ("se (share)", (0.5, 0.0)),
        ("act = relu (share)", (1.0, 0.0)),
    ]


def test_a_decision_that_was_not_asked_is_absent_rather_than_zero() -> None:
    found = aggregates(records([{"a": 1, "b": 2}, {"a": 1}]))
    assert found[1].values == (2.0, None)


def test_effects_need_enough_trials_and_something_that_varies() -> None:
    trials = fake_run(confirmed=False).trials
    assert effects(trials[: ENOUGH - 1]) == []
    assert effects([replace(one, choices={"width": 1.0}) for one in trials]) == []


def test_squeeze_excite_stands_out_where_accuracy_was_made_of_it() -> None:
    found = {effect.label: effect for effect in effects(fake_run(confirmed=False).trials)}
    assert found["se (share)"].raw.ci[0] > 0


def test_a_correlation_that_is_all_cost_vanishes_at_equal_cost() -> None:
    rng = np.random.default_rng(1)
    cost = rng.normal(size=200)
    x, y = cost + 0.3 * rng.normal(size=200), cost + 0.3 * rng.normal(size=200)
    raw, left = correlation(x, y), correlation(x, y, given=cost)
    assert raw is not None
    assert left is not None
    assert raw.ci[0] > 0.8
    assert abs(left.rho) < 4 / (200 - 3) ** 0.5  # four standard errors of a correlation that is none


def test_the_correlation_is_scipys() -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(2)
    x, y = rng.integers(5, size=30).astype(float), rng.normal(size=30)  # with ties
    found = correlation(x, y)
    assert found is not None
    assert found.rho == pytest.approx(spearmanr(x, y).statistic)


def test_what_is_one_with_the_cost_has_no_correlation_at_equal_cost() -> None:
    cost = np.arange(20.0)
    assert correlation(cost, np.sin(cost), given=cost) is None
