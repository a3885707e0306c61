"""Running the baselines: learning rates first, then every network seed by seed, each training once."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from math import log

import optuna
import pytest
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import TrialState

from nas.arch import ArchSpec
from nas.errors import StorageError
from nas.evidence import mean_interval
from nas.recipe import Recipe
from nas.record import Record
from nas.storage import read_baselines
from nas.train import Diverged
from reports.baseline_rows import baseline_rows, left_out, rate_checks
from reports.baseline_sentences import still_to_do
from studies.learning_rates import MOST
from tests.nas.fast import Killed, KilledAtWrite, Log
from tests.studies.tiny import ALL, MIDDLE, OTHER, THIN, WIDE, Training, driver, request, run, table

RATES = (0.033, 0.1, 0.3)  # a factor of three around the middle


@pytest.fixture
def storage() -> BaseStorage:
    return InMemoryStorage()


def best_at(rates: dict[int, float]) -> Callable[[ArchSpec, Recipe, int], float]:
    """An accuracy that is best at this rate, for networks with a stem of this width."""

    def accuracy(spec: ArchSpec, recipe: Recipe, seed: int) -> float:
        wanted = rates.get(spec.blocks[0].out, MIDDLE)  # type: ignore[union-attr]  # a convolution
        return 0.6 - 0.05 * abs(log(recipe.max_lr / wanted)) + 0.001 * seed

    return accuracy


def width(spec: ArchSpec) -> int:
    stem: int = spec.blocks[0].out  # type: ignore[union-attr]  # a convolution
    return stem


# ---- what is trained


def test_rates_come_first_then_every_network_seed_by_seed(storage: BaseStorage) -> None:
    fake = Training()
    driver(storage, fake).run()
    seeds = [seed for _, seed in fake.calls]
    assert seeds == [0] * 6 + [1] * 3 + [2] * 3
    assert [width(spec) for spec, _ in fake.calls[6:]] == [24, 8, 16] * 2
    assert [recipe.max_lr for recipe in fake.recipes[:6]] == [*RATES, *RATES]


def test_a_family_is_checked_on_its_cheapest_network_only(storage: BaseStorage) -> None:
    found = run(storage)
    assert [one.spec for one in found.rates] == [THIN.spec()] * 3 + [OTHER.spec()] * 3
    assert [one.name for one in found.rates] == [f"{name} {rate:g}" for name in ("left", "right") for rate in RATES]


def test_a_family_shares_the_rate_that_its_check_found_best(storage: BaseStorage) -> None:
    driver(storage, Training(accuracy=best_at({8: 0.3, 16: 0.033, 24: 0.1}))).run()
    found = read_baselines(storage, "run")
    used = {one.key: one.recipe.max_lr for one in found.trainings if one.recipe}
    # the wide one would be better at 0.1: the thin one decided for both
    assert used == {"left_wide": 0.3, "left_thin": 0.3, "right": 0.033}
    assert {check.family: check.chosen for check in rate_checks(found)} == {"left": 0.3, "right": 0.033}
    assert {one.family: list(one.tried) for one in rate_checks(found)} == {
        "left": [*RATES, 0.9],  # beyond the edges
        "right": [0.011, *RATES],
    }


def test_fold_0_is_for_the_check_and_never_for_a_baseline(storage: BaseStorage) -> None:
    found = run(storage, request(seeds=5))
    assert {one.fold for one in found.rates} == {0}
    assert {one.seed for one in found.rates} == {0}
    assert {one.fold for one in found.trainings} == {1, 2, 3, 4}


def test_networks_are_paired_over_seeds_and_folds(storage: BaseStorage) -> None:
    found = run(storage, request(seeds=5, seed=3))
    pairs = {key: {(one.seed, one.fold) for one in found.trainings if one.key == key} for key in ("left_thin", "right")}
    expected = {(3001, 1), (3002, 2), (3003, 3), (3004, 4), (3005, 1)}
    assert pairs == {"left_thin": expected, "right": expected}


def test_records_carry_the_recipe_they_were_trained_by(storage: BaseStorage) -> None:
    fake = Training()
    driver(storage, fake).run()
    found = read_baselines(storage, "run")
    assert [one.recipe for one in (*found.rates, *found.trainings)] == fake.recipes
    assert {one.recipe.epochs for one in found.rates if one.recipe} == {2}
    assert {one.recipe.epochs for one in found.trainings if one.recipe} == {3}
    for one in found.trainings:
        assert one.recipe == replace(found.facts.recipe, max_lr=one.recipe.max_lr if one.recipe else 0.0)


def test_optuna_has_the_accuracies_too(storage: BaseStorage) -> None:
    found = run(storage)
    study = optuna.load_study(study_name="run", storage=storage)
    assert [trial.value for trial in study.trials] == [one.val_accuracy for one in found.trainings]


# ---- continuing


def test_a_finished_study_trains_and_measures_nothing_again(
    storage: BaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(storage)
    before = table(storage)
    monkeypatch.setattr("nas.executor.measure", lambda *_: pytest.fail("measured"))
    again = driver(storage, fake := Training())
    again.measured = {}
    again.run()
    assert fake.calls == []
    assert table(storage) == before


def test_dying_at_any_write_changes_nothing_in_the_end() -> None:
    """Right before it; right after the one before is the same."""
    asked = request(OTHER, seeds=1, epochs=1)
    run(uninterrupted := InMemoryStorage(), asked)
    deaths = 0
    for at in count(1):
        interrupted = InMemoryStorage()
        with KilledAtWrite(interrupted, at, after=False):
            try:
                driver(interrupted, Training(), asked).run()
                break  # there are fewer writes than this
            except Killed:
                deaths += 1
        run(interrupted, asked)
        assert table(interrupted) == table(uninterrupted), f"died at write {at}"
    assert deaths > 25


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_dying_again_and_again_changes_nothing_in_the_end(after: bool) -> None:
    run(uninterrupted := InMemoryStorage())
    interrupted = InMemoryStorage()
    deaths = 0
    for writes in (*range(1, 12), *(9 + 5 * n % 13 for n in range(200))):
        with KilledAtWrite(interrupted, writes, after=after):
            try:
                driver(interrupted, Training()).run()
                break
            except Killed:
                deaths += 1
    assert deaths > 11
    assert table(interrupted) == table(uninterrupted)


def test_a_training_that_was_cut_off_is_done_again_and_said(storage: BaseStorage) -> None:
    def die(call: int) -> None:
        if call == 8:
            raise Killed

    with pytest.raises(Killed):
        driver(storage, Training(before=die)).run()
    log = Log()
    run(storage, watch=log)
    assert "1 training cut off last time will be done again" in log.said


def test_more_seeds_train_only_what_is_missing(storage: BaseStorage) -> None:
    run(storage, request(seeds=1))
    fake = Training()
    driver(storage, fake, request(seeds=3)).run()
    assert [seed for _, seed in fake.calls] == [2] * 3 + [3] * 3
    run(other := InMemoryStorage(), request(seeds=3))
    assert table(storage) == table(other)


def test_more_networks_train_only_what_is_missing_and_keep_their_familys_rate(storage: BaseStorage) -> None:
    run(storage, request(WIDE))
    fake = Training()
    driver(storage, fake, request()).run()
    # the family's check was made with the wide one; a cheaper one asked for later changes nothing
    assert [width(spec) for spec, _ in fake.calls] == [16] * 3 + [8, 16] * 2
    found = read_baselines(storage, "run")
    assert [one.spec for one in found.rates if one.key.startswith("left")] == [WIDE.spec()] * 3
    assert Counter(one.key for one in found.trainings) == {"left_wide": 2, "left_thin": 2, "right": 2}


def test_a_check_that_was_interrupted_goes_on_with_its_network_whatever_is_asked_for_then(
    storage: BaseStorage,
) -> None:
    def die(call: int) -> None:
        if call == 2:
            raise Killed

    with pytest.raises(Killed):
        driver(storage, Training(before=die), request(WIDE)).run()
    found = run(storage, request(THIN))
    assert [one.spec for one in found.rates] == [WIDE.spec()] * 3
    assert {one.title.rpartition(" at ")[0] for one in found.rates} == {"left wide"}
    assert {one.key for one in found.trainings} == {"left_thin"}


def test_other_networks_than_last_time_leave_those_as_they_are(storage: BaseStorage) -> None:
    run(storage, request(OTHER))
    before = table(storage)["trainings"]
    after = run(storage, request(THIN))  # what was trained before is not measured now
    assert table(storage)["trainings"][:2] == before
    assert after.facts.networks == ("left_thin",)


def test_fewer_networks_or_seeds_than_there_are_change_nothing(storage: BaseStorage) -> None:
    run(storage)
    before = table(storage)
    driver(storage, fake := Training(), request(THIN, seeds=1)).run()
    assert fake.calls == []
    assert table(storage) == before


def test_another_recipe_is_refused_in_the_same_study(storage: BaseStorage) -> None:
    run(storage)
    with pytest.raises(StorageError, match=r"was made with another recipe \(epochs: 3, now 4"):
        run(storage, request(epochs=4))


# ---- failures


def test_a_network_that_diverges_fails_with_its_reason_and_the_others_go_on(storage: BaseStorage) -> None:
    def diverge(call: int) -> None:
        if call == 8:  # after six checks and the first network
            raise Diverged("training loss became nan in epoch 1")

    driver(storage, Training(before=diverge)).run()
    found = read_baselines(storage, "run")
    assert [one.state for one in found.trainings] == ["complete", "failed", *["complete"] * 4]
    (row,) = [row for row in baseline_rows(found) if row.failed]
    assert (row.name, row.failed) == ("left_thin", ("seed 1: training loss became nan in epoch 1",))
    assert list(row.accuracies) == [2]
    assert still_to_do(found) == []
    assert run(storage).trainings == found.trainings  # and it is not tried again
    states = [trial.state for trial in optuna.load_study(study_name="run", storage=storage).trials]
    assert states.count(TrialState.FAIL) == 1


def left_diverges(spec: ArchSpec, recipe: Recipe, _: int) -> float:
    if width(spec) != 16:
        raise Diverged(f"nan at {recipe.max_lr:g}")
    return 0.5


def test_a_family_that_fails_at_all_rates_is_left_out_and_said_so(storage: BaseStorage) -> None:
    log = Log()
    driver(storage, Training(accuracy=left_diverges), watch=log).run()
    found = read_baselines(storage, "run")
    assert {one.key for one in found.trainings} == {"right"}
    tried = (0.0012, 0.0037, 0.011, *RATES)  # the three, and lower ones
    assert len(tried) == MOST
    assert left_out(found) == {"left": tried}
    assert still_to_do(found) == []
    said = "left is left out: every training failed, at learning rates 0.0012, 0.0037, 0.011, 0.033, 0.1, 0.3"
    assert said in log.said


def test_a_family_left_out_is_not_tried_again(storage: BaseStorage) -> None:
    driver(storage, Training(accuracy=left_diverges)).run()
    again = driver(storage, fake := Training(accuracy=left_diverges))
    again.run()
    assert fake.calls == []
    assert again.remaining_seconds() == 0


def test_a_rate_that_fails_is_not_the_best(storage: BaseStorage) -> None:
    def accuracy(_: ArchSpec, recipe: Recipe, __: int) -> float:
        if recipe.max_lr > 0.05:
            raise Diverged("nan")
        return 0.7 if recipe.max_lr > 0.02 else 0.5

    driver(storage, Training(accuracy=accuracy), request(OTHER)).run()
    found = read_baselines(storage, "run")
    assert {one.recipe.max_lr for one in found.trainings if one.recipe} == {0.033}
    assert [one.state for one in found.rates] == ["complete", "failed", "failed", "complete"]


def test_a_family_that_has_learned_nothing_is_tried_at_lower_rates(storage: BaseStorage) -> None:
    def accuracy(_: ArchSpec, recipe: Recipe, __: int) -> float:
        return 0.6 if recipe.max_lr < 0.005 else 0.35  # of three classes: guessing

    driver(storage, Training(accuracy=accuracy), request(OTHER)).run()
    found = read_baselines(storage, "run")
    rates = [one.recipe.max_lr for one in found.rates if one.recipe]
    assert rates[: len(RATES)] == list(RATES)
    assert all(later < min(RATES) for later in rates[len(RATES) :])
    assert {one.recipe.max_lr for one in found.trainings if one.recipe} <= {rate for rate in rates if rate < 0.005}


# ---- time


def test_the_time_left_counts_checks_by_their_epochs_and_ends_at_none(storage: BaseStorage) -> None:
    one = driver(storage, Training())
    # of one second each by the full recipe: two families, three checks of 2 epochs in 3, and three networks, twice
    assert one.remaining_seconds() == pytest.approx(2 * 3 * 2 / 3 + 3 * 2)
    one.run()
    assert one.remaining_seconds() == 0


def test_trainings_that_take_longer_correct_what_is_expected(storage: BaseStorage) -> None:
    one = driver(storage, Training())
    told: list[float] = []

    class Telling(Log):
        def remaining(self, seconds: float) -> None:
            told.append(seconds)

    one.watch = Telling()
    one.run()
    assert told[0] == pytest.approx(10)
    assert told[-1] < 1  # a faked training takes next to nothing


def test_networks_of_earlier_calls_are_not_measured_for_the_forecast(
    storage: BaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(storage, request(OTHER))
    measured: list[ArchSpec] = []

    def measure(_: object, spec: ArchSpec) -> float:
        measured.append(spec)
        return 1.0

    monkeypatch.setattr("nas.executor.measure", measure)
    one = driver(storage, Training(), request(THIN))
    one.measured = {}
    one.run()
    assert measured == [THIN.spec()]


# ---- what comes out


def test_rows_have_the_mean_and_interval_of_the_networks_own_seeds(storage: BaseStorage) -> None:
    found = run(storage, request(seeds=4))
    rows = baseline_rows(found)
    assert {row.name for row in rows} == {reference.name for reference in ALL}
    assert [row.mean or 0 for row in rows] == sorted((row.mean or 0 for row in rows), reverse=True)
    for row in rows:
        own = [one.val_accuracy for one in found.trainings if one.key == row.name and one.val_accuracy is not None]
        assert (row.mean, row.ci) == mean_interval(own)
        assert row.size_bytes == 4 * row.trained.params
        assert row.trained.macs < row.native.macs


def test_a_watcher_is_told_of_every_training(storage: BaseStorage) -> None:
    told: list[str] = []

    class Telling(Log):
        def stage(self, title: str, total: int, done: int) -> None:
            told.append(title)

        def trained(self, record: Record) -> None:
            told.append(record.key)

    run(storage, request(OTHER, seeds=1), watch=Telling())
    assert told == ["learning rates", "right 0.033", "right 0.1", "right 0.3", "baselines", "right"]
