"""Learning rates: the given three, then beyond the best while it is at an edge."""

from collections.abc import Callable

import pytest

from studies.learning_rates import MOST, around, best_rate, next_rate

FIRST = (0.01, 0.03, 0.09)


def all_tried(accuracy: Callable[[float], float]) -> dict[float, float]:
    """Rates in the order they are tried, each with its accuracy, until it is enough."""
    tried: dict[float, float] = {}
    while (rate := next_rate(FIRST, tried)) is not None:
        assert rate not in tried
        tried[rate] = accuracy(rate)
    return tried


def test_the_given_rates_come_first_and_in_their_order() -> None:
    assert list(all_tried(lambda rate: 0.5 - abs(rate - 0.03))) == list(FIRST)


def test_a_best_rate_at_the_upper_edge_is_gone_beyond() -> None:
    tried = all_tried(lambda rate: min(rate, 0.3) - max(0, rate - 0.3))
    assert list(tried) == [*FIRST, 0.27, 0.81]
    assert best_rate(FIRST, tried) == 0.27


def test_a_best_rate_at_the_lower_edge_is_gone_below() -> None:
    tried = all_tried(lambda rate: 0.5 - abs(rate - 0.0033))
    assert list(tried) == [*FIRST, 0.0033, 0.0011]
    assert best_rate(FIRST, tried) == 0.0033


def test_the_search_for_an_edge_ends() -> None:
    tried = all_tried(lambda rate: 1 - rate)
    assert len(tried) == MOST
    assert best_rate(FIRST, tried) == min(tried)


@pytest.mark.parametrize("accuracy", [0.1, 0.7])
def test_where_all_are_equal_it_is_the_middle_and_nothing_is_added(accuracy: float) -> None:
    tried = all_tried(lambda _: accuracy)
    assert list(tried) == list(FIRST)
    assert best_rate(FIRST, tried) == 0.03


def test_where_nothing_is_learned_lower_rates_are_tried() -> None:
    tried: dict[float, float] = {}
    while (rate := next_rate(FIRST, tried, floor=0.125)) is not None:
        tried[rate] = 0.3 if rate < 0.005 else 0.11 if rate < 0.05 else 0.1
    assert list(tried) == [*FIRST, 0.0033, 0.0011]  # 0.0033 learns; one beyond, and it is no longer at an edge
    assert best_rate(FIRST, tried) == 0.0033


def test_of_two_equal_ones_the_nearer_to_the_middle() -> None:
    assert best_rate(FIRST, {0.01: 0.2, 0.03: 0.5, 0.09: 0.5}) == 0.03
    assert best_rate(FIRST, {0.01: 0.2, 0.03: 0.4, 0.09: 0.5, 0.27: 0.5}) == 0.09


def test_a_rate_that_fails_is_the_worst() -> None:
    tried = all_tried(lambda rate: 0.0 if rate > 0.02 else 0.4 if rate > 0.005 else 0.2)
    assert list(tried) == [*FIRST, 0.0033]
    assert best_rate(FIRST, tried) == 0.01


def test_where_all_fail_lower_ones_are_tried_until_one_does_not() -> None:
    tried = all_tried(lambda rate: 0.3 if rate < 0.002 else 0.0)
    assert list(tried) == [*FIRST, 0.0033, 0.0011, 0.00037]
    assert best_rate(FIRST, tried) in (0.0011, 0.00037)


def test_where_all_fail_to_the_end_it_ends() -> None:
    assert len(all_tried(lambda _: 0.0)) == MOST


@pytest.mark.parametrize("middle", [1e-4, 0.05, 0.3, 7.0])
def test_three_rates_stand_a_factor_of_three_apart_in_two_digits(middle: float) -> None:
    low, given, high = around(middle)
    assert given == middle
    assert middle / low == pytest.approx(3, rel=0.05)
    assert high / middle == pytest.approx(3, rel=0.05)
    assert [float(f"{rate:g}") for rate in (low, given, high)] == [low, given, high]  # names of records hold them
