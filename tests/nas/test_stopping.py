"""The rule that stops hopeless trials, on curves alone."""

import pytest

from nas.stopping import FEWEST, FROM_EPOCHS, Curve, hopeless


def curve(*scores: float, cost: float = 10.0) -> Curve:
    return Curve(costs=(cost,), scores=scores)


def others(*scores: float, cost: float = 10.0) -> list[Curve]:
    """Finished curves that stood so in their second epoch, and high in every other."""
    return [curve(0.9, score, 0.9, 0.9, 0.9, 0.9, cost=cost) for score in scores]


FIVE = others(0.1, 0.2, 0.3, 0.4, 0.5)


def test_what_is_below_the_median_at_the_same_epoch_is_hopeless() -> None:
    assert hopeless(curve(0.0, 0.29), FIVE, epochs=6)
    assert not hopeless(curve(0.0, 0.3), FIVE, epochs=6)  # the median itself is not below it
    assert not hopeless(curve(0.0, 0.31), FIVE, epochs=6)


def test_only_this_epoch_counts() -> None:
    assert not hopeless(curve(0.0, 0.35), FIVE, epochs=6)  # all were far above it one epoch earlier and later
    assert hopeless(curve(0.99, 0.2), FIVE, epochs=6)


def test_dearer_networks_are_never_compared_with() -> None:
    dear = others(0.7, 0.7, 0.7, 0.7, 0.7, cost=11.01)
    assert not hopeless(curve(0.0, 0.01), dear, epochs=6)
    assert not hopeless(curve(0.0, 0.31), [*FIVE, *dear], epochs=6)
    similar = others(0.7, 0.7, 0.7, 0.7, 0.7, cost=11.0)  # a tenth dearer
    assert hopeless(curve(0.0, 0.31), [*FIVE, *similar], epochs=6)


def test_cheaper_networks_are() -> None:
    assert hopeless(curve(0.0, 0.29), others(0.1, 0.2, 0.3, 0.4, 0.5, cost=1.0), epochs=6)


def test_with_several_costs_a_network_must_be_as_cheap_in_all() -> None:
    mine = Curve(costs=(10.0, 5.0), scores=(0.0, 0.1))
    cheap = [Curve(costs=(10.0, 5.0), scores=one.scores) for one in FIVE]
    half = [Curve(costs=(1.0, 9.0), scores=one.scores) for one in FIVE]
    assert hopeless(mine, cheap, epochs=6)
    assert not hopeless(mine, half, epochs=6)


def test_with_one_objective_all_are_compared_with_all() -> None:
    assert hopeless(Curve(costs=(), scores=(0.0, 0.1)), [Curve(costs=(), scores=one.scores) for one in FIVE], epochs=6)


def test_fewer_than_five_are_no_median() -> None:
    assert FEWEST == 5
    assert not hopeless(curve(0.0, 0.0), FIVE[1:], epochs=6)


def test_those_that_have_not_reached_this_epoch_do_not_count() -> None:
    running = [curve(0.9) for _ in range(9)]
    assert not hopeless(curve(0.0, 0.0), [*FIVE[1:], *running], epochs=6)


def test_those_that_were_stopped_later_or_are_still_running_count() -> None:
    stopped = [curve(0.9, score) for score in (0.1, 0.2, 0.3, 0.4, 0.5)]
    assert hopeless(curve(0.0, 0.29), stopped, epochs=6)
    assert not hopeless(curve(0.0, 0.3), stopped, epochs=6)


@pytest.mark.parametrize(("epochs", "first"), [(6, 2), (7, 3), (8, 3), (9, 3), (30, 10)])
def test_a_third_of_the_epochs_is_warm_up(epochs: int, first: int) -> None:
    full = [Curve(costs=(10.0,), scores=(0.5,) * epochs) for _ in range(5)]
    judged = [epoch for epoch in range(1, epochs + 1) if hopeless(curve(*(0.1,) * epoch), full, epochs=epochs)]
    assert judged == list(range(first, epochs))  # at the last there is nothing left to stop


@pytest.mark.parametrize("epochs", range(1, FROM_EPOCHS))
def test_short_trainings_are_never_stopped(epochs: int) -> None:
    full = [Curve(costs=(10.0,), scores=(0.5,) * epochs) for _ in range(9)]
    assert not any(hopeless(curve(*(0.0,) * epoch), full, epochs=epochs) for epoch in range(1, epochs + 1))
