"""One driver: references first, then the search, then confirmation; everything once, and again only what is missing."""

from collections import Counter
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import ClassVar

import optuna
import pytest
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import TrialState
from torch import nn

import nas.driver
from nas.arch import ArchSpec
from nas.batches import TrainData
from nas.blocks import InvertedResidual
from nas.driver import Driver
from nas.forecast import Forecast
from nas.latency.limits import LatencyLimits
from nas.latency.predict import Predictor
from nas.latency.table import Table
from nas.latency.value import Latency
from nas.plan import Task, training_seed
from nas.recipe import Recipe
from nas.record import RECORD, Record, SearchFacts
from nas.storage import open_storage, read_run
from nas.train import Diverged, Report, Result
from nas.trial import Trainer
from tests.nas.fast import (
    BUDGET,
    LARGE,
    RECIPE,
    SEARCHED_BY,
    SMALL,
    FakeTraining,
    Killed,
    KilledAtWrite,
    Log,
    driver,
    formula,
    four_networks,
    network,
    study_facts,
    table,
)
from tests.nas.latency.fakes import calibration


@pytest.fixture
def storage() -> BaseStorage:
    return InMemoryStorage()


def run(storage: BaseStorage, facts: SearchFacts | None = None, **more: object) -> FakeTraining:
    fake = FakeTraining()
    driver(storage, fake, facts=facts, **more).run()  # type: ignore[arg-type]
    return fake


# ---- what a run consists of


def test_references_come_first_then_the_search_then_confirmation_on_fresh_seeds(storage: BaseStorage) -> None:
    fake = run(storage, study_facts(trials=6, confirm=2))
    found = read_run(storage, "run")
    assert (len(found.references), len(found.trials)) == (5, 6)
    confirmed = Counter(record.key for record in found.confirmations)
    assert set(confirmed.values()) == {2}
    assert {"mobilenet_v3_small@budget", "mobilenet_v3_large@budget", "largest_draw"} <= set(confirmed)
    own = [key for key in confirmed if key.startswith("trial")]
    assert len(own) in (3, 4)  # three finalists, and the best draw if it is none of them
    seeds = [seed for _, seed in fake.calls]
    assert seeds == sorted(seeds)  # all selection before any confirmation, then seed by seed


def test_confirmation_uses_folds_one_to_four_and_networks_share_seeds_and_folds(storage: BaseStorage) -> None:
    run(storage, study_facts(trials=4, confirm=5, seed=3))
    found = read_run(storage, "run")
    pairs = {(record.seed, record.fold) for record in found.confirmations}
    assert pairs == {(3001, 1), (3002, 2), (3003, 3), (3004, 4), (3005, 1)}
    by_network = {record.key: set[tuple[int, int]]() for record in found.confirmations}
    for record in found.confirmations:
        by_network[record.key].add((record.seed, record.fold))
    assert all(own == pairs for own in by_network.values())
    assert {(record.seed, record.fold) for record in (*found.trials, *found.references)} == {(3000, 0)}


def test_only_published_references_cost_more_than_the_budget(storage: BaseStorage) -> None:
    fake = run(storage, study_facts(trials=8))
    found = read_run(storage, "run")
    over = {record.key for record in (*found.trials, *found.references, *found.confirmations) if record.macs > 150_000}
    assert over == {"mobilenet_v3_large"}
    assert sum(not BUDGET.fits(spec.at(resolution=16, strides="published")) for spec, _ in fake.calls) == 1


def test_no_training_is_done_twice(storage: BaseStorage) -> None:
    fake = run(storage, study_facts(trials=8))
    assert len(set(fake.calls)) == len(fake.calls)


def test_records_and_optunas_own_view_agree(storage: BaseStorage) -> None:
    run(storage, study_facts(trials=5))
    study = optuna.load_study(study_name="run", storage=storage)
    for trial, record in zip(study.trials, read_run(storage, "run").trials, strict=True):
        assert trial.value == record.val_accuracy
        assert set(trial.params) == set(record.choices or {})
        assert trial.intermediate_values == {n: epoch.val_accuracy for n, epoch in enumerate(record.curve, 1)}
        assert trial.user_attrs["mflops"] == record.macs / 1e6


def test_the_sampler_learns_nothing_from_references(storage: BaseStorage) -> None:
    """Whatever references score, the search is the same."""
    published = [SMALL.scaled(1.0).at(resolution=8), LARGE.scaled(1.0).at(resolution=8)]

    def flattering(spec: ArchSpec, seed: int) -> float:
        return 0.99 if [replace(spec, strides="published")] in ([one] for one in published) else formula(spec, seed)

    run(storage, study_facts(trials=12, confirm=0))
    other = InMemoryStorage()
    driver(other, FakeTraining(accuracy=flattering), facts=study_facts(trials=12, confirm=0)).run()
    assert table(other)["trials"] == table(storage)["trials"]
    assert table(other)["references"] != table(storage)["references"]


# ---- continuing


def test_a_finished_run_trains_nothing_again(storage: BaseStorage) -> None:
    run(storage)
    before = table(storage)
    assert run(storage).calls == []
    assert table(storage) == before


def test_the_number_of_trials_is_a_total_and_may_grow(storage: BaseStorage) -> None:
    run(storage, study_facts(trials=4, confirm=0))
    fake = run(storage, study_facts(trials=7, confirm=0))
    assert len(fake.calls) == 3
    run(other := InMemoryStorage(), study_facts(trials=7, confirm=0))
    assert table(storage) == table(other)


def test_fewer_trials_than_there_are_change_nothing(storage: BaseStorage) -> None:
    run(storage, study_facts(trials=5, confirm=1))
    assert run(storage, study_facts(trials=3, confirm=1)).calls == []
    assert len(read_run(storage, "run").trials) == 5


def test_more_fresh_seeds_train_only_what_is_missing(storage: BaseStorage) -> None:
    run(storage, study_facts(confirm=1))
    fake = run(storage, study_facts(confirm=3))
    assert {seed for _, seed in fake.calls} == {2, 3}


def test_a_run_that_was_cut_off_says_so_and_does_it_again(storage: BaseStorage) -> None:
    def die(call: int) -> None:
        if call == 8:
            raise Killed

    with pytest.raises(Killed):
        driver(storage, FakeTraining(before=die)).run()
    log = Log()
    driver(storage, FakeTraining(), watch=log).run()
    assert "1 training cut off last time will be done again" in log.said


@pytest.mark.parametrize("sampler", SEARCHED_BY)
def test_dying_in_any_training_changes_nothing_in_the_end(sampler: str) -> None:
    facts = study_facts(sampler=sampler, trials=14, confirm=1)
    run(uninterrupted := InMemoryStorage(), facts)
    interrupted = InMemoryStorage()
    deaths = 0
    for patience in count(1):  # dies in its first training, then in its second, … until it gets through

        def die(call: int, last: int = 1 + patience % 3) -> None:
            if call == last:
                raise Killed

        try:
            driver(interrupted, FakeTraining(before=die), facts=facts).run()
            break
        except Killed:
            deaths += 1
    assert deaths > 8
    assert table(interrupted) == table(uninterrupted)


@pytest.mark.parametrize("sampler", SEARCHED_BY)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_dying_at_any_write_changes_nothing_in_the_end(sampler: str, after: bool) -> None:
    """Between a trial's choices, between its record and its end, between a study and its facts: anywhere."""
    facts = study_facts(sampler=sampler, trials=13, confirm=1)
    run(uninterrupted := InMemoryStorage(), facts)
    interrupted = InMemoryStorage()
    finished = False
    deaths = 0
    # few writes at first: the beginning of a run has its own dangers
    for writes in (*range(1, 16), *(22 + 5 * n % 23 for n in range(1000))):
        with KilledAtWrite(interrupted, writes, after=after):
            try:
                driver(interrupted, FakeTraining(), facts=facts).run()
                finished = True
                break
            except Killed:
                deaths += 1
    assert finished
    assert deaths > 15
    assert table(interrupted) == table(uninterrupted)


def test_a_death_between_a_record_and_its_end_is_a_training_cut_off(
    storage: BaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise Killed

    facts = study_facts(trials=3, confirm=0)
    run(reference := InMemoryStorage(), facts)
    with monkeypatch.context() as patch:
        patch.setattr(optuna.Study, "tell", die)
        with pytest.raises(Killed):
            driver(storage, FakeTraining(), facts=facts).run()
    (trial,) = optuna.load_study(study_name="run.references", storage=storage).trials
    assert trial.state == TrialState.RUNNING
    assert RECORD in trial.user_attrs
    run(storage, facts)
    assert table(storage) == table(reference)


@pytest.mark.parametrize("sampler", SEARCHED_BY)
def test_an_interrupted_run_on_disk_ends_as_an_uninterrupted_one_in_memory(sampler: str, tmp_path: Path) -> None:
    facts = study_facts(sampler=sampler, trials=13, confirm=1)
    run(uninterrupted := InMemoryStorage(), facts)
    url = f"sqlite:///{tmp_path / 'nas.db'}"
    for last in (3, 11, 100):

        def die(call: int, last: int = last) -> None:
            if call == last:
                raise Killed

        try:
            driver(open_storage(url), FakeTraining(before=die), facts=facts).run()
        except Killed:
            continue
    assert table(open_storage(url)) == table(uninterrupted)


# ---- one training, two places


def test_a_search_that_meets_a_reference_copies_its_record(storage: BaseStorage) -> None:
    met = four_networks(lambda _, options: options[0])  # what the search is going to suggest, published
    fake = FakeTraining()
    one = driver(storage, fake, facts=study_facts(trials=3, confirm=0), space=four_networks, known=())
    one.references = [replace(one.references[0], spec=met, name="published", origin="published", title="published")]
    one.run()
    found = read_run(storage, "run")
    (same,) = [record for record in found.trials if record.spec == met]
    (published,) = found.references
    assert same.curve == published.curve
    assert (same.key, same.title, same.origin) == (f"trial {same.number}", f"trial {same.number}", "draw")
    assert same.choices == {"mid": 48}
    assert len(fake.calls) == 3  # of four records


# ---- failures and early stopping


def test_a_failed_trial_is_recorded_and_the_search_goes_on(storage: BaseStorage) -> None:
    def diverge(call: int) -> None:
        if call in (6, 8):  # the first and third trial, after five references
            raise Diverged("training loss became nan in epoch 1")

    driver(storage, FakeTraining(before=diverge), facts=study_facts(trials=5, confirm=1)).run()
    found = read_run(storage, "run")
    assert [record.state for record in found.trials] == ["failed", "complete", "failed", "complete", "complete"]
    assert found.trials[0].reason == "training loss became nan in epoch 1"
    assert len({record.spec for record in found.trials}) == 5
    states = [trial.state for trial in optuna.load_study(study_name="run", storage=storage).trials]
    assert states.count(TrialState.FAIL) == 2
    assert not {"trial 0", "trial 2"} & {record.key for record in found.confirmations}


def test_a_failed_training_is_not_tried_again(storage: BaseStorage) -> None:
    def diverge(call: int) -> None:
        if call in (1, 7, 12):  # a reference, a trial, a confirmation
            raise Diverged("nan")

    driver(storage, FakeTraining(before=diverge)).run()
    assert run(storage).calls == []


def test_an_error_of_the_program_ends_the_run_and_the_next_start_continues(storage: BaseStorage) -> None:
    def fail(call: int) -> None:
        if call == 7:
            raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        driver(storage, FakeTraining(before=fail)).run()
    run(storage)
    run(other := InMemoryStorage())
    assert table(storage) == table(other)


def worse_and_worse() -> FakeTraining:
    """Every network is worse than the one before."""
    calls = count()
    return FakeTraining(accuracy=lambda _, __: 0.9 - next(calls) / 100)


def test_hopeless_long_trials_are_stopped_early_and_recorded_as_pruned(storage: BaseStorage) -> None:
    facts = replace(study_facts(trials=9, confirm=0), recipe=replace(RECIPE, epochs=6))
    driver(storage, worse_and_worse(), facts=facts).run()
    found = read_run(storage, "run")
    # five complete trials come first; then whatever is below their median after a third of the epochs stops
    assert [record.state for record in found.trials] == ["complete"] * 5 + ["pruned"] * 4
    assert all(len(record.curve) == 2 for record in found.trials[5:])
    assert all(record.val_accuracy is None and record.last_accuracy is not None for record in found.trials[5:])
    assert all(record.state == "complete" for record in found.references)


def test_trials_of_five_epochs_are_not_stopped_early(storage: BaseStorage) -> None:
    facts = replace(study_facts(trials=9, confirm=0), recipe=replace(RECIPE, epochs=5))
    driver(storage, worse_and_worse(), facts=facts).run()
    assert {record.state for record in read_run(storage, "run").trials} == {"complete"}


def test_references_and_confirmations_are_never_stopped_early(storage: BaseStorage) -> None:
    facts = replace(study_facts(trials=9, confirm=2), recipe=replace(RECIPE, epochs=6))
    driver(storage, worse_and_worse(), facts=facts).run()
    found = read_run(storage, "run")
    assert {record.state for record in (*found.references, *found.confirmations)} == {"complete"}


@pytest.mark.parametrize("sampler", SEARCHED_BY)
def test_early_stopping_survives_an_interruption(sampler: str) -> None:
    facts = replace(study_facts(sampler=sampler, trials=14, confirm=0), recipe=replace(RECIPE, epochs=6))
    run(uninterrupted := InMemoryStorage(), facts)
    interrupted = InMemoryStorage()
    for writes in (*(40 + 7 * n % 31 for n in range(100)),):
        with KilledAtWrite(interrupted, writes, after=False):
            try:
                driver(interrupted, FakeTraining(), facts=facts).run()
                break
            except Killed:
                continue
    assert table(interrupted) == table(uninterrupted)
    assert "pruned" in {record.state for record in table(interrupted)["trials"]}


# ---- the end of a space


def test_an_exhausted_space_ends_the_search_and_goes_on_to_confirmation(storage: BaseStorage) -> None:
    log = Log()
    run(storage, study_facts(trials=9, confirm=1), space=four_networks, known=(), watch=log)
    found = read_run(storage, "run")
    assert len(found.trials) == found.facts.trials == 3  # the fourth network does not fit; no more are waited for
    assert {"trial 0", "trial 1", "trial 2"} <= {record.key for record in found.confirmations}
    assert any(text.startswith("the search ends after 3 trials: no new network") for text in log.said)
    study = optuna.load_study(study_name="run", storage=storage)
    assert not [trial for trial in study.trials if trial.state == TrialState.RUNNING]


def test_an_exhausted_search_can_be_started_again(storage: BaseStorage) -> None:
    facts = study_facts(trials=9, confirm=1)
    run(storage, facts, space=four_networks, known=())
    assert run(storage, facts, space=four_networks, known=()).calls == []


# ---- time


class Clock:
    """As a training function it takes ten seconds of its own, and four times as long for a longer training."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(nas.driver.time, "monotonic", lambda: self.now)

    def __call__(
        self, model: nn.Module, data: TrainData, recipe: Recipe, seed: int, *, report: Report | None = None
    ) -> Result:
        self.now += 40 if "longer" in recipe.name else 10
        return FakeTraining()(model, data, recipe, seed, report=report)


def limited(
    storage: BaseStorage, clock: Clock, seconds: float, *, trials: int = 50, confirm: int = 1, trust: int = 0
) -> Driver:
    one = driver(
        storage,
        clock,
        facts=replace(study_facts(sampler="random", trials=trials, confirm=confirm), trust=trust),
        time_limit=seconds,
        forecast=Forecast(fixed=10.0, per_mac=0.0),
    )
    one._begin = clock.now
    # what trainings really took is a moment of the real clock; keep to the clock of this test
    one.forecast.done = _Forgetful()
    return one


class _Forgetful(list[tuple[int, float]]):
    def append(self, _: tuple[int, float]) -> None:
        return


def test_a_time_limit_ends_the_search_in_time_to_confirm(storage: BaseStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    limited(storage, clock, 300).run()
    found = read_run(storage, "run")
    assert 0 < len(found.trials) < 50
    assert found.confirmations
    assert clock.now - 1000 <= 300
    # and no more is left unused than one more trial with its confirmation would have taken
    assert clock.now - 1000 >= 300 - 10 - 20


def test_a_time_limit_leaves_time_for_longer_trainings_too(
    storage: BaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    limited(storage, clock, 600, trust=4).run()
    assert len(read_run(storage, "run").trust) == 4
    assert clock.now - 1000 <= 600


def test_the_next_call_with_a_time_limit_goes_on(storage: BaseStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    limited(storage, clock, 200).run()
    first = len(read_run(storage, "run").trials)
    limited(storage, clock, 200).run()
    assert len(read_run(storage, "run").trials) > first


def test_without_a_time_limit_all_trials_are_done(storage: BaseStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    limited(storage, clock, 1e9, trials=5).run()
    assert len(read_run(storage, "run").trials) == 5


def test_the_time_left_is_counted_in_trainings_and_ends_at_none(
    storage: BaseStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    one = limited(storage, clock, 1e9, trials=5, confirm=2)
    one.time_limit = None
    # five references, five trials, and of two seeds each: three finalists, three references at cost and the best draw
    assert one.remaining_seconds() == pytest.approx(10 * (5 + 5 + 2 * 7))
    one.run()
    assert one.remaining_seconds() == 0


def test_the_time_left_is_never_more_than_the_limit(storage: BaseStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    assert limited(storage, Clock(monkeypatch), 100).remaining_seconds() == 100


def test_what_was_measured_here_before_is_not_measured_again_unless_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NAS_CACHE_DIR", str(tmp_path))
    measured: list[ArchSpec] = []

    def measure(_: Trainer, spec: ArchSpec) -> float:
        measured.append(spec)
        return 0.5 + len(measured)

    monkeypatch.setattr("nas.executor.measure", measure)

    def left(facts: SearchFacts, *, anew: bool = False) -> float:
        one = driver(InMemoryStorage(), FakeTraining(), facts=facts)
        one.forecast, one.measure_anew = None, anew
        return one.remaining_seconds()

    first = left(study_facts())
    assert len(measured) == 2
    assert left(study_facts()) == first
    assert len(measured) == 2
    left(study_facts(), anew=True)
    assert len(measured) == 4
    longer = replace(RECIPE, epochs=RECIPE.epochs + 1)
    left(replace(study_facts(), recipe=longer))
    assert len(measured) == 6


# ---- facts


def test_all_trainings_of_a_seed_share_it_across_studies_of_a_run(storage: BaseStorage) -> None:
    run(storage, study_facts(seed=4))
    found = read_run(storage, "run")
    assert {record.seed for record in found.trials} == {training_seed(4, 0)}


def test_another_seed_is_another_search() -> None:
    def specs(seed: int) -> list[ArchSpec]:
        run(storage := InMemoryStorage(), study_facts(seed=seed, trials=5, confirm=0))
        return [record.spec for record in read_run(storage, "run").trials]

    assert specs(0) == specs(0)
    assert not set(specs(0)) & set(specs(1))


def test_each_start_writes_down_how_it_was_started(storage: BaseStorage) -> None:
    run(storage, replace(study_facts(trials=2, confirm=0), command="nas search --trials 2"))
    run(storage, replace(study_facts(trials=3, confirm=0), command="nas search --trials 3"))
    facts = read_run(storage, "run").facts
    assert (facts.command, facts.trials) == ("nas search --trials 3", 3)


def test_watchers_are_told_of_stages_trainings_and_what_is_left(storage: BaseStorage) -> None:
    told: list[str] = []

    class Telling(Log):
        def stage(self, title: str, total: int, done: int) -> None:
            told.append(f"{title} {done}/{total}")

        def trained(self, record: Record) -> None:
            told.append(record.key)

    run(storage, study_facts(trials=2, confirm=0), watch=Telling())
    assert told[0] == "references 0/5"
    assert told[6:] == ["search 0/2", "trial 0", "trial 1", "confirmation 0/0"]


# ---- latency


class _Measured(LatencyLimits):
    """Limits that know what each network takes when it is measured as a whole."""

    def measured(self, spec: ArchSpec) -> Latency | None:
        return self.known.get(spec)

    known: ClassVar[dict[ArchSpec, Latency]] = {}


def test_what_is_too_slow_when_measured_as_a_whole_is_not_confirmed_and_said() -> None:
    budget = replace(BUDGET, latency_ms=4.0, latency_target="phone")
    table = Table(name="phone", fingerprint="a phone")
    limits = _Measured(budget=budget, predict=Predictor(table=table, calibration=calibration()))
    log = Log()
    made = driver(InMemoryStorage(), FakeTraining(), facts=replace(study_facts(), budget=budget), watch=log)
    made.limits = limits
    slow, fast, unknown, published = (
        Task(spec=network_of(mid), seed=1, fold=1, title=f"trial {mid}", origin=origin, number=mid)
        for mid, origin in ((16, "draw"), (17, "draw"), (18, "draw"), (19, "published"))
    )
    limits.known.update({slow.spec: Latency(3.99, 3.9, 4.01), fast.spec: Latency(3.9, 3.8, 4.0)})
    limits.known[published.spec] = Latency(9, 8, 10)
    assert made._measured_whole([slow, fast, unknown, published]) == [fast, unknown, published]
    assert log.said == ["trial 16 was predicted to fit and takes 3.99 ms, up to 4.01: out"]
    made.limits = budget
    assert made._measured_whole([slow]) == [slow]


def network_of(mid: int) -> ArchSpec:
    return network(8, InvertedResidual(kernel=3, mid=mid, out=8))
