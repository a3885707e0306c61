"""Whether short trainings rank: the statistic, the networks that are trained longer, and how long."""

import random
from collections.abc import Sequence
from dataclasses import replace

import optuna
import pytest
from scipy.stats import kendalltau

from nas.data import ImageSet
from nas.plan import LONGER, longer, training_seed, trust_tasks
from nas.record import Record, RunRecords
from nas.storage import read_run
from nas.trust import FEWEST, agreement, checked, kendall
from tests.nas.fast import RECIPE, FakeTraining, driver, noise, study_facts
from tests.nas.test_evidence import trial
from tests.reports.fakes import fake_run, with_longer


def ranked(count: int) -> tuple[Record, ...]:
    """Trial k is the (count − k)-th best."""
    return tuple(trial(k, 0.2 + 0.01 * k) for k in range(count))


def tasks_of(trials: tuple[Record, ...], count: int) -> list[int | None]:
    return [one.number for one in trust_tasks(trials, seed=0, count=count, recipe=RECIPE, available=1000)]


def test_tau_is_scipys_and_none_of_ties() -> None:
    rng = random.Random(0)
    one = [rng.random() for _ in range(12)]
    other = [value + rng.random() for value in one]
    assert agreement(one, other).tau == pytest.approx(kendalltau(one, other).statistic)
    assert kendall([1, 2, 3], [1, 2, 3]) == 1
    assert kendall([1, 2, 3], [3, 2, 1]) == -1
    assert kendall([1, 1, 1], [1, 2, 3]) is None
    assert agreement([1, 1, 1, 1], [1, 2, 3, 4]).ci is None


def test_scores_must_belong_to_the_same_networks() -> None:
    with pytest.raises(ValueError, match="3 short scores and 2 long ones"):
        agreement([1, 2, 3], [1, 2])


def test_the_interval_is_reproducible_holds_the_estimate_and_narrows_with_networks() -> None:
    def noisy(count: int) -> tuple[list[float], list[float]]:
        rng = random.Random(3)
        one = [rng.random() for _ in range(count)]
        return one, [value + 0.4 * rng.random() for value in one]

    few, many = agreement(*noisy(8)), agreement(*noisy(40))
    assert few == agreement(*noisy(8))
    for found in (few, many):
        assert found.ci is not None
        assert found.tau is not None
        assert found.ci[0] <= found.tau <= found.ci[1] <= 1
    assert many.ci[1] - many.ci[0] < few.ci[1] - few.ci[0]  # type: ignore[index]


def test_the_interval_covers_about_as_often_as_it_says() -> None:
    """Of pairs of normal scores with correlation ρ, Kendall's τ is 2/π · arcsin ρ."""
    from math import asin, pi, sqrt

    rho = 0.6
    truth, covered, runs = 2 / pi * asin(rho), 0, 60
    rng = random.Random(5)
    for _ in range(runs):
        one = [rng.gauss(0, 1) for _ in range(20)]
        other = [rho * value + sqrt(1 - rho * rho) * rng.gauss(0, 1) for value in one]
        ci = agreement(one, other, resamples=200).ci
        assert ci is not None
        covered += ci[0] <= truth <= ci[1]
    assert 0.85 * runs <= covered <= runs


@pytest.mark.parametrize(
    ("short", "verdict"),
    [
        (range(8), "ranks"),
        (range(8, 0, -1), "not shown"),  # the wrong way round is no ranking either
        ((3, 1, 2, 5, 4, 0, 7, 6), "not shown"),
    ],
)
def test_the_verdict_takes_a_whole_interval_above_chance(short: Sequence[float], verdict: str) -> None:
    long = list(range(8)) if short != (3, 1, 2, 5, 4, 0, 7, 6) else [0, 1, 4, 2, 3, 5, 6, 7]
    assert agreement(list(short), long).verdict == verdict


def test_fewer_than_four_networks_show_nothing() -> None:
    assert agreement([1, 2, 3], [1, 2, 3]).ci is None
    assert agreement([1, 2, 3], [1, 2, 3]).verdict == "not shown"
    assert FEWEST == 4


def test_half_is_from_the_top_and_the_rest_spread_over_the_others() -> None:
    assert tasks_of(ranked(24), 8) == [23, 22, 21, 20, 17, 12, 7, 2]
    assert tasks_of(ranked(6), 4) == [5, 4, 2, 0]
    assert tasks_of(ranked(5), 4) == [4, 3, 2, 0]


@pytest.mark.parametrize(("trials", "count"), [(0, 8), (1, 8), (3, 8), (8, 8), (7, 4), (100, 9)])
def test_no_network_twice_and_no_more_than_there_are(trials: int, count: int) -> None:
    found = tasks_of(ranked(trials), count)
    assert len(found) == len(set(found)) == min(trials, count)


def test_failed_trials_are_not_trained_longer() -> None:
    trials = (*ranked(3), replace(trial(3, 0.9), state="failed", curve=()))
    assert set(tasks_of(trials, 8)) == {0, 1, 2}


def test_of_equal_short_accuracies_the_long_ones_do_not_choose_the_top() -> None:
    run = fake_run()
    level = tuple(replace(one, curve=(replace(one.curve[-1], val_accuracy=0.5),)) for one in run.trials)
    tied = replace(run, trials=tuple(one for one in level if one.state == "complete"))
    rising = with_longer(tied, [0.1 * k for k in range(1, 9)])
    found = checked(rising)
    assert found is not None
    assert found.numbers == tuple(sorted(found.numbers))


def test_a_seed_and_a_fold_of_its_own() -> None:
    task = trust_tasks(ranked(4), seed=2, count=4, recipe=RECIPE, available=1000)[0]
    assert task.seed == training_seed(2, 500)
    assert task.fold == 4
    assert task.title.endswith(", longer")


@pytest.mark.parametrize(
    ("epochs", "images", "available", "expected"),
    [
        (2, 2400, 40_000, (2, 9600)),  # more images
        (2, 20_000, 40_000, (4, None)),  # as many as there are, the rest in epochs
        (2, None, 40_000, (8, None)),
        (3, 300, 1000, (4, None)),  # 3 · 300 · 4 / 1000, rounded up
    ],
)
def test_longer_is_four_times_as_many_steps(
    epochs: int, images: int | None, available: int, expected: tuple[int, int | None]
) -> None:
    recipe = replace(RECIPE, epochs=epochs, train_images=images)
    found = longer(recipe, available)
    assert (found.epochs, found.train_images) == expected
    steps = found.epochs * (found.train_images or available)
    assert steps >= LONGER * epochs * (images or available)
    assert found.name != recipe.name
    assert found.hash != recipe.hash


def test_a_search_trains_them_after_its_confirmation_and_its_trials_teach_the_sampler_nothing_of_it() -> None:
    storage = optuna.storages.InMemoryStorage()
    train = FakeTraining()
    facts = replace(study_facts(trials=6, confirm=1), trust=4)
    driver(storage, train, facts=facts).run()
    run = read_run(storage, "run")
    assert len(run.trials) == 6
    assert len(run.trust) == 4
    assert {record.recipe for record in run.trust} == {longer(RECIPE, available(noise()))}
    found = checked(run)
    assert found is not None
    by_number = {record.number: record.val_accuracy for record in run.trials}
    assert found.short == tuple(by_number[number] for number in found.numbers)
    assert list(found.short) == sorted(found.short, reverse=True)
    assert (found.all.networks, found.top.networks) == (4, 2)
    calls = len(train.calls)
    driver(storage, train, facts=facts).run()
    assert len(train.calls) == calls  # a finished run has nothing left to do


def available(data: ImageSet) -> int:
    return len(data) * 4 // 5


def test_without_being_asked_nothing_is_trained_longer() -> None:
    storage = optuna.storages.InMemoryStorage()
    driver(storage, FakeTraining(), facts=study_facts(trials=4)).run()
    run: RunRecords = read_run(storage, "run")
    assert run.trust == ()
    assert checked(run) is None
    assert "run.trust" not in optuna.get_all_study_names(storage)


def test_it_can_be_asked_for_afterwards() -> None:
    storage = optuna.storages.InMemoryStorage()
    driver(storage, FakeTraining(), facts=study_facts(trials=5)).run()
    train = FakeTraining()
    driver(storage, train, facts=replace(study_facts(trials=5), trust=4)).run()
    assert len(train.calls) == 4
    assert len(read_run(storage, "run").trust) == 4
