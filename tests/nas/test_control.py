"""The control of a search: the draws of a random search, trained beside it, and what may be said of the two."""

import math
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path

import optuna
import pytest
from optuna.storages import BaseStorage, InMemoryStorage
from scipy.stats import t as student

from nas import evidence, fronts
from nas.arch import ArchSpec
from nas.blocks import InvertedResidual
from nas.control_evidence import AgainstControl, against_control, beaten, front_against_control, missing
from nas.errors import NasError
from nas.evidence import Difference
from nas.forecast import Forecast
from nas.objectives import ACCURACY, Goal, MnasNet
from nas.plan import training_seed
from nas.record import Control, Record, RunRecords, SearchFacts
from nas.request import request_search
from nas.storage import read_run
from nas.watch import Silent
from tests.nas.fast import (
    RECIPE,
    FakeTraining,
    Killed,
    driver,
    four_networks,
    network,
    study_facts,
    table,
    what_counts,
)
from tests.nas.test_driver import Clock, _Forgetful
from tests.nas.test_evidence import reference, trial
from tests.reports.fakes import facts as fake_facts

CONTROL: Control = "random"


def asked(*, sampler: str = "tpe", trials: int = 6, confirm: int = 1, seed: int = 0) -> SearchFacts:
    return replace(study_facts(sampler=sampler, trials=trials, confirm=confirm, seed=seed), control=CONTROL)


def run(storage: BaseStorage, facts: SearchFacts, **more: object) -> FakeTraining:
    fake = FakeTraining()
    driver(storage, fake, facts=facts, **more).run()  # type: ignore[arg-type]
    return fake


@pytest.fixture
def storage() -> BaseStorage:
    return InMemoryStorage()


# ---- what is trained


@pytest.mark.parametrize("goal", [Goal(), Goal(objectives=("accuracy", "macs"))], ids=str)
def test_the_control_is_what_a_random_search_with_this_seed_tries(storage: BaseStorage, goal: Goal) -> None:
    run(storage, replace(asked(sampler="block", trials=8, seed=3, confirm=0), goal=goal))
    run(alone := InMemoryStorage(), replace(study_facts(sampler="random", trials=8, seed=3, confirm=0), goal=goal))
    found = read_run(storage, "run")
    as_trials = [replace(one, name=None, title=f"trial {one.number}") for one in found.control]
    assert [what_counts(one) for one in as_trials] == table(alone)["trials"]
    assert {one.spec for one in found.control} != {one.spec for one in found.trials}


def test_it_is_no_part_of_the_search(storage: BaseStorage) -> None:
    run(storage, asked(trials=12))
    run(alone := InMemoryStorage(), study_facts(trials=12, confirm=1))
    found, without = table(storage), table(alone)
    assert found["trials"] == without["trials"]
    assert found["references"] == without["references"]
    assert len(found["trials"]) == len(found["control"]) == 12
    assert [one.key for one in found["control"]] == [f"control {number}" for number in range(12)]
    assert {one.origin for one in found["control"]} == {"draw"}
    assert {(one.seed, one.fold) for one in found["control"]} == {(training_seed(0, 0), 0)}
    assert "run.control" in optuna.get_all_study_names(storage)
    assert without["control"] == []
    assert "run.control" not in optuna.get_all_study_names(alone)


def test_stages_follow_each_other(storage: BaseStorage) -> None:
    told: list[str] = []

    class Telling(Silent):
        def stage(self, title: str, total: int, done: int) -> None:
            told.append(f"{title} {done}/{total}")

    run(storage, asked(trials=4, confirm=0), watch=Telling())
    assert told == ["references 0/5", "search 0/4", "control 0/4", "confirmation 0/0"]


def test_its_best_are_confirmed_on_the_seeds_and_folds_of_the_searchs_finalists(storage: BaseStorage) -> None:
    run(storage, asked(sampler="block", trials=6, confirm=2))
    found = read_run(storage, "run")
    fresh = {key: set[tuple[int, int]]() for key in (one.key for one in found.confirmations)}
    for one in found.confirmations:
        fresh[one.key].add((one.seed, one.fold))
    best = [one.key for one in evidence.finalists(found.control)]
    assert len(best) == 3
    assert [key for key in fresh if key.startswith("control")] == best
    assert all(pairs == {(1, 1), (2, 2)} for pairs in fresh.values())


def test_a_network_that_both_try_is_trained_once(storage: BaseStorage) -> None:
    fake = run(storage, asked(sampler="tpe", trials=6))  # TPE begins with the very same draws
    found = read_run(storage, "run")
    assert [one.spec for one in found.trials] == [one.spec for one in found.control]
    assert [one.curve for one in found.trials] == [one.curve for one in found.control]
    assert len(set(fake.calls)) == len(fake.calls)
    assert Counter(seed for _, seed in fake.calls)[0] == 5 + 6


def test_a_trial_of_the_control_is_stopped_as_in_a_random_search(storage: BaseStorage) -> None:
    recipe = replace(RECIPE, epochs=6)
    run(storage, replace(asked(sampler="block", trials=14, confirm=0), recipe=recipe))
    run(alone := InMemoryStorage(), replace(study_facts(sampler="random", trials=14, confirm=0), recipe=recipe))
    found = read_run(storage, "run")
    states = [one.state for one in found.control]
    assert states == [one.state for one in read_run(alone, "run").trials]
    assert "pruned" in states
    # also of a network that the search had trained to its end
    whole = {one.spec for one in found.trials if one.state == "complete"}
    assert [one for one in found.control if one.spec in whole and one.state == "pruned"]


# ---- going on


def test_added_to_a_finished_search_it_trains_the_control_and_nothing_else(storage: BaseStorage) -> None:
    run(storage, study_facts(sampler="block", trials=6, confirm=2))
    before = table(storage)
    fake = run(storage, asked(sampler="block", trials=6, confirm=2))
    after = table(storage)
    assert {part: after[part] for part in ("trials", "references")} == {
        part: before[part] for part in ("trials", "references")
    }
    assert after["confirmations"][: len(before["confirmations"])] == before["confirmations"]
    assert len(after["control"]) == 6
    control = {one.spec for one in after["control"]}
    best = {one.spec for one in evidence.finalists(tuple(after["control"]))}
    known = {one.spec for one in (*before["trials"], *before["references"])}
    confirmed = {one.spec for one in before["confirmations"]}
    assert len(fake.calls) == len(control - known) + 2 * len(best - confirmed)
    assert run(storage, asked(sampler="block", trials=6, confirm=2)).calls == []


def test_it_grows_with_the_search(storage: BaseStorage) -> None:
    run(storage, asked(trials=5))
    run(storage, asked(trials=8))
    run(at_once := InMemoryStorage(), asked(trials=8))
    assert table(storage)["control"] == table(at_once)["control"]
    assert len(read_run(storage, "run").control) == 8


def test_dying_in_any_training_changes_nothing_in_the_end(storage: BaseStorage) -> None:
    facts = asked(sampler="block", trials=4, confirm=1)
    run(storage, facts)
    interrupted = InMemoryStorage()
    deaths = 0
    for patience in count(1):

        def die(call: int, last: int = 1 + patience % 3) -> None:
            if call == last:
                raise Killed

        try:
            driver(interrupted, FakeTraining(before=die), facts=facts).run()
            break
        except Killed:
            deaths += 1
    assert deaths > 8
    assert table(interrupted) == table(storage)


def test_an_exhausted_space_gives_as_many_to_both(storage: BaseStorage) -> None:
    facts = asked(trials=9, confirm=1)
    run(storage, facts, space=four_networks, known=())
    found = read_run(storage, "run")
    assert (len(found.trials), len(found.control)) == (3, 3)
    assert run(storage, facts, space=four_networks, known=()).calls == []


def test_a_time_limit_leaves_time_for_the_control(storage: BaseStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    one = driver(
        storage,
        clock,
        facts=asked(sampler="block", trials=50),
        time_limit=400,
        forecast=Forecast(fixed=10.0, per_mac=0.0),
    )
    assert one.forecast is not None
    one._begin, one.forecast.done = clock.now, _Forgetful()
    one.run()
    found = read_run(storage, "run")
    assert 3 < len(found.trials) < 50
    assert len(found.control) == len(found.trials)
    assert found.confirmations
    # no more than asked, and no more is left than another trial, its twin and what may be copied would have taken
    assert clock.now - 1000 <= 400
    assert clock.now - 1000 >= 400 - 20 - 30


def test_one_more_trial_is_begun_only_where_its_twin_fits_too(
    storage: BaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    facts = asked(trials=50, confirm=0)

    def begun(limit: float, workers: int) -> bool:
        one = driver(storage, clock, facts=facts, time_limit=limit, forecast=Forecast(fixed=10.0, per_mac=0.0))
        one._begin, one.executor = clock.now, replace(one.executor, workers=workers)  # type: ignore[type-var]
        return not one._out_of_time()

    assert [begun(limit, 1) for limit in (19, 21)] == [False, True]  # a trial, and a draw beside it
    assert [begun(limit, 2) for limit in (14, 16)] == [False, True]  # two draws at a time


def test_the_time_left_of_a_finished_search_counts_a_control_and_its_confirmation(storage: BaseStorage) -> None:
    told: list[float] = []

    class Telling(Silent):
        def remaining(self, seconds: float) -> None:
            told.append(seconds)

    run(storage, study_facts(trials=5, confirm=2))
    one = driver(
        storage,
        FakeTraining(),
        facts=asked(trials=5, confirm=2),
        forecast=Forecast(fixed=10.0, per_mac=0.0),
        watch=Telling(),
    )
    assert one.forecast is not None
    one.forecast.done = _Forgetful()
    one.run()
    assert told[0] >= 10 * (5 + 2 * 3)


def test_the_time_left_counts_it(storage: BaseStorage) -> None:
    def left(facts: SearchFacts) -> float:
        one = driver(storage, FakeTraining(), facts=facts, forecast=Forecast(fixed=10.0, per_mac=0.0))
        return one.remaining_seconds()

    more = left(asked(trials=5, confirm=2)) - left(study_facts(trials=5, confirm=2))
    assert more == pytest.approx(10 * (5 + 2 * 3))  # as many networks, and three of them on two seeds
    front = Goal(objectives=("accuracy", "macs"))
    more = left(replace(asked(trials=5, confirm=2), goal=front)) - left(replace(study_facts(trials=5), goal=front))
    assert more == pytest.approx(10 * (5 + 2 * fronts.CONFIRMED))
    whole = driver(storage, FakeTraining(), facts=asked(trials=5, confirm=2))
    whole.run()
    assert whole.remaining_seconds() == 0


# ---- what is asked for


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"control": "tpe"}, "--control tpe: unknown; there is random"),
        ({"control": "random", "sampler": "random"}, "--control random: --sampler random draws the very same networks"),
    ],
)
def test_what_is_no_control_is_refused_in_a_line(options: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(NasError, match=message):
        request_search(budget_mflops=60, dataset="digits", runs=tmp_path, **options)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_a_study_with_a_control_is_the_same_study(tmp_path: Path) -> None:
    def request(control: str | None) -> tuple[str, Control | None]:
        found = request_search(budget_mflops=60, dataset="digits", device="cpu", runs=tmp_path, control=control)
        return found.name, found.facts.control

    (name, without), (same, beside) = request(None), request("random")
    assert name == same
    assert (without, beside) == (None, "random")


def test_facts_from_before_there_were_controls_have_none() -> None:
    document = asked().to_json()
    assert SearchFacts.from_json(document).control == "random"
    document.pop("control")
    assert SearchFacts.from_json(document).control is None


# ---- what is shown


def drawn(number: int, accuracy: float | None, *, seed: int = 0) -> Record:
    """A network of the control; with the number of a trial it is that trial's network."""
    one = trial(number, accuracy, seed=seed)
    return replace(one, name=f"control {number}", title=f"control {number}", spec=spec(number), origin="draw")


def spec(number: int) -> ArchSpec:
    return network(8, InvertedResidual(kernel=3, mid=16 + number, out=8))


def fake(
    selected: dict[int, float],
    control: dict[int, float],
    fresh: Mapping[str, Mapping[int, float | None]],
    *,
    confirm: int = 2,
    goal: Goal = ACCURACY,
) -> RunRecords:
    """A run of these trials and draws by number; accuracies on fresh seeds by network."""

    def of(key: str, accuracy: float | None, seed: int) -> Record:
        kind, _, number = key.partition(" ")
        return drawn(int(number), accuracy, seed=seed) if kind == "control" else own(int(number), accuracy, seed=seed)

    def own(number: int, accuracy: float | None, *, seed: int = 0) -> Record:
        return replace(trial(number, accuracy, seed=seed), spec=spec(number))

    confirmations = [of(key, accuracy, seed) for key, scores in fresh.items() for seed, accuracy in scores.items()]
    return RunRecords(
        name="run",
        facts=replace(fake_facts(confirm=confirm), control=CONTROL, trials=len(selected), goal=goal),
        trials=tuple(own(number, accuracy) for number, accuracy in selected.items()),
        references=(reference(),),
        confirmations=tuple(confirmations),
        control=tuple(drawn(number, accuracy) for number, accuracy in control.items()),
    )


def of(run: RunRecords) -> AgainstControl:
    found = against_control(run)
    assert found is not None
    return found


# two networks of the search, two of the control, two seeds; residuals ±.01 of one pair, ∓.01 of another
FRESH = {
    "trial 0": {1: 0.60, 2: 0.64},
    "trial 1": {1: 0.50, 2: 0.54},
    "control 7": {1: 0.50, 2: 0.52},
    "control 8": {1: 0.40, 2: 0.42},
}


def test_the_interval_is_students_widened_for_every_pair_of_finalists() -> None:
    found = of(fake({0: 0.7, 1: 0.6}, {7: 0.6, 8: 0.5}, FRESH))
    assert (found.winner.key, found.control.key, found.candidates) == ("trial 0", "control 7", (2, 2))
    assert found.difference.value == pytest.approx(0.62 - 0.51)
    # means by seed leave ±.005 eight times over; (4 − 1)(2 − 1) degrees of freedom
    sigma = math.sqrt(8 * 0.005**2 / 3)
    half = student.ppf(1 - 0.025 / 4, 3) * sigma * math.sqrt(2 / 2)
    assert found.difference.ci == pytest.approx((0.11 - half, 0.11 + half))
    assert found.difference.seeds == (1, 2)


def test_finalists_without_fresh_seeds_are_no_candidates() -> None:
    three = {key: row for key, row in FRESH.items() if key != "control 8"}
    found, both = (of(fake({0: 0.7, 1: 0.6}, {7: 0.6, 8: 0.5}, fresh)) for fresh in (three, FRESH))
    assert (found.candidates, both.candidates) == ((2, 1), (2, 2))


@pytest.mark.parametrize(("shift", "verdict"), [(0.0, "better"), (-0.1, "not shown"), (-0.3, "worse")])
def test_the_verdict_is_whether_the_interval_lies_to_one_side_of_zero(shift: float, verdict: str) -> None:
    moved = {key: {seed: value + shift * (key[0] == "t") for seed, value in row.items()} for key, row in FRESH.items()}
    assert of(fake({0: 0.7, 1: 0.6}, {7: 0.6, 8: 0.5}, moved)).difference.verdict == verdict


def test_the_controls_winner_is_chosen_as_the_searchs_is_and_is_not_the_searchs() -> None:
    best = {**FRESH, "control 8": {1: 0.9, 2: 0.94}}
    found = fake({0: 0.7, 1: 0.6}, {7: 0.6, 8: 0.5}, best)
    assert getattr(beaten(found), "key", None) == "control 8"  # by fresh seeds, and not by its own score
    assert getattr(evidence.winner(found), "key", None) == "trial 0"
    cut = {**best, "control 8": {1: 0.9}}  # whose confirmation is not finished
    assert getattr(beaten(fake({0: 0.7, 1: 0.6}, {7: 0.6, 8: 0.5}, cut)), "key", None) == "control 7"


def test_one_network_that_both_chose_is_no_difference_and_counts_once() -> None:
    both = {"trial 0": FRESH["trial 0"], "trial 1": FRESH["trial 1"], "control 0": FRESH["trial 0"]}
    found = of(fake({0: 0.7, 1: 0.6}, {0: 0.7, 8: 0.5}, {**both, "control 8": FRESH["control 8"]}))
    assert found.same
    assert found.difference == Difference(value=0.0, ci=None, verdict="not shown", seeds=(1, 2))
    three = {key: row for key, row in FRESH.items() if key != "control 7"}
    once = evidence.confirmed(three)
    twice = evidence.confirmed({**three, "control 0": FRESH["trial 0"]})
    assert {key: twice[key] for key in once} == once


def test_nothing_is_compared_too_early() -> None:
    whole = fake({0: 0.7, 1: 0.6}, {7: 0.6, 8: 0.5}, FRESH)
    assert against_control(whole) is not None
    fewer = replace(whole, control=whole.control[:1])
    assert missing(fewer) == 1
    assert against_control(fewer) is None  # with fewer networks it would be no control
    assert against_control(replace(whole, control=())) is None
    unconfirmed = [one for one in whole.confirmations if one.name is None]
    assert against_control(replace(whole, confirmations=tuple(unconfirmed))) is None
    alone = [one for one in whole.confirmations if one.name is not None]
    assert against_control(replace(whole, confirmations=tuple(alone))) is None
    for change in ({"names_winner": False}, {"confirm": 0}, {"goal": Goal(objectives=("accuracy", "macs"))}):
        assert against_control(replace(whole, facts=replace(whole.facts, **change))) is None  # type: ignore[arg-type]
    assert beaten(whole) is not None
    assert beaten(replace(whole, facts=replace(whole.facts, names_winner=False))) is None


def test_one_seed_gives_no_interval() -> None:
    found = of(fake({0: 0.7}, {7: 0.6}, {"trial 0": {1: 0.9}, "control 7": {1: 0.1}}, confirm=1))
    assert (found.difference.ci, found.difference.verdict) == (None, "not shown")


def test_a_reward_is_compared_where_that_is_searched_for() -> None:
    from nas.latency.value import Latency

    whole = fake(
        {0: 0.7, 1: 0.6, 2: 0.58, 3: 0.75},
        {7: 0.6, 8: 0.5, 9: 0.4, 10: 0.3},
        {**FRESH, "trial 2": {1: 0.49, 2: 0.54}},
        goal=Goal(reward=MnasNet(target_ms=4.0)),
    )

    def timed(records: tuple[Record, ...]) -> tuple[Record, ...]:
        ms = {"trial 3": 400.0}  # the most accurate, and too slow to be a finalist
        return tuple(replace(one, latency=Latency(ms.get(one.key, 8.0 if one.name else 4.0), 1, 9)) for one in records)

    parts = {part: timed(getattr(whole, part)) for part in ("trials", "control", "references", "confirmations")}
    found = of(replace(whole, **parts))
    assert found.difference.value == pytest.approx(0.62 - 0.51 * 2**-0.07)
    assert found.candidates == (3, 2)


def test_choosing_both_winners_seldom_shows_a_difference_that_is_not_there() -> None:
    """Three equal finalists against one that is as good and two that are not: the difference of the two winners is 0,
    and in 95% of runs at least the interval must say so."""
    rng, runs, wrong = random.Random(1), 1000, 0
    means = {**{f"trial {k}": 0.0 for k in range(3)}, "control 0": 0.0, "control 1": -9.0, "control 2": -9.0}
    for _ in range(runs):
        scores = {key: {seed: mean + rng.gauss(0, 1) for seed in (1, 2)} for key, mean in means.items()}
        best = max(list(scores)[:3], key=lambda key: sum(scores[key].values()))
        found = evidence.difference(scores, best, "control 0", comparisons=9)
        assert found is not None
        wrong += found.verdict != "not shown"
    assert wrong <= 0.05 * runs + 4 * math.sqrt(0.05 * 0.95 * runs)


# ---- fronts


def front_run(fresh: Mapping[str, Mapping[int, float | None]], *, confirm: int = 2) -> RunRecords:
    """Trials and draws that cost a half and a quarter of the budget, on fronts of two."""
    goal = Goal(objectives=("accuracy", "macs"))
    found = fake({0: 0.7, 1: 0.6}, {0: 0.68, 1: 0.58}, fresh, confirm=confirm, goal=goal)

    def priced(records: tuple[Record, ...]) -> tuple[Record, ...]:
        return tuple(replace(one, macs=30_000_000 if one.number == 0 else 15_000_000) for one in records)

    return replace(found, **{part: priced(getattr(found, part)) for part in ("trials", "control", "confirmations")})


FRONT_FRESH = {
    "trial 0": {1: 0.70, 2: 0.70, 3: 0.72},
    "trial 1": {1: 0.60, 2: 0.62, 3: 0.60},
    "control 0": {1: 0.65, 2: 0.67, 3: 0.66},
    "control 1": {1: 0.60, 2: 0.58, 3: 0.57},
}


def test_fronts_are_compared_by_the_volume_of_their_members_seed_by_seed() -> None:
    found = front_against_control(front_run(FRONT_FRESH, confirm=3))
    assert found is not None
    # one doubling below the budget by the dearer, one more by the cheaper, from the 0.1 of guessing
    differences = [
        (FRONT_FRESH["trial 0"][seed] - FRONT_FRESH["control 0"][seed])
        + (FRONT_FRESH["trial 1"][seed] - FRONT_FRESH["control 1"][seed])
        for seed in (1, 2, 3)
    ]
    mean, ci = evidence.mean_interval(differences)
    assert found.difference.value == pytest.approx(mean)
    assert found.difference.ci == pytest.approx(ci)
    assert found.difference.verdict == "better"
    assert found.members == (2, 2)


@pytest.mark.parametrize(("shift", "verdict"), [(0.055, "not shown"), (0.2, "worse")])
def test_a_front_that_covers_less_is_worse_where_the_whole_interval_says_so(shift: float, verdict: str) -> None:
    moved = {
        key: {seed: value + shift * (key[0] == "c") for seed, value in row.items()} for key, row in FRONT_FRESH.items()
    }
    found = front_against_control(front_run(moved, confirm=3))
    assert found is not None
    assert found.difference.ci is not None
    assert (found.difference.ci[0] < 0, found.difference.verdict) == (True, verdict)


def test_both_volumes_are_counted_from_the_dearest_network_of_either_where_a_cost_has_no_ceiling() -> None:
    found = front_run(FRONT_FRESH, confirm=3)
    found = replace(found, facts=replace(found.facts, goal=Goal(objectives=("accuracy", "params"))))

    def priced(records: tuple[Record, ...]) -> tuple[Record, ...]:
        params = {"trial 0": 200, "trial 1": 100, "control 0": 400, "control 1": 100}
        return tuple(replace(one, params=params[one.key]) for one in records)

    found = replace(found, **{part: priced(getattr(found, part)) for part in ("trials", "control", "confirmations")})
    compared = front_against_control(found)
    assert compared is not None
    # from the control's dearest, which adds nothing itself: one doubling to trial 0, two to both of the cheapest
    differences = [
        (FRONT_FRESH["trial 0"][seed] - 0.1)
        + (FRONT_FRESH["trial 1"][seed] - 0.1)
        - 2 * (FRONT_FRESH["control 1"][seed] - 0.1)
        for seed in (1, 2, 3)
    ]
    assert compared.difference.value == pytest.approx(sum(differences) / 3)


def test_the_volume_of_fewer_members_is_not_compared_while_others_are_being_confirmed() -> None:
    for begun in ({1: 0.6}, {1: 0.6, 2: 0.58}):
        assert front_against_control(front_run({**FRONT_FRESH, "control 1": begun}, confirm=3)) is None
    out = {key: row for key, row in FRONT_FRESH.items() if key != "control 1"}  # too slow when it was measured
    found = front_against_control(front_run(out, confirm=3))
    assert found is not None
    assert found.members == (2, 1)
    failed: Mapping[str, Mapping[int, float | None]] = {**FRONT_FRESH, "control 1": {1: 0.6, 2: 0.58, 3: None}}
    found = front_against_control(front_run(failed, confirm=3))
    assert found is not None
    assert (found.members, found.difference.seeds) == ((2, 1), (1, 2, 3))
    whole = front_run(FRONT_FRESH, confirm=3)
    assert front_against_control(replace(whole, control=whole.control[:1])) is None
    assert front_against_control(replace(whole, facts=replace(whole.facts, confirm=0))) is None
    none = {key: row for key, row in FRONT_FRESH.items() if key.startswith("trial")}
    assert front_against_control(front_run(none, confirm=3)) is None
    assert front_against_control(replace(whole, facts=replace(whole.facts, goal=Goal()))) is None
    assert front_against_control(replace(whole, facts=replace(whole.facts, names_winner=False))) is None


def test_a_search_for_a_front_has_a_control_too(storage: BaseStorage) -> None:
    facts = replace(asked(sampler="block", trials=6, confirm=2), goal=Goal(objectives=("accuracy", "macs")))
    run(storage, facts)
    found = read_run(storage, "run")
    assert len(found.control) == 6
    compared = front_against_control(found)
    assert compared is not None
    assert compared.members[0] == len(fronts.to_confirm(found.trials, facts))
    assert compared.members[1] == len(fronts.to_confirm(found.control, facts))
    assert run(storage, facts).calls == []
