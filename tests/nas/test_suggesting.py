"""What makes suggestions quick must not change them: tables, rows stored at once, a view of a long study."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import TPESampler
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from nas.budget import Budget
from nas.samplers import InsideSampler, ask
from nas.samplers.snapshot import AT_MOST, BEST, Snapshot, best_and_newest
from nas.samplers.tpe import AT_ONCE, CANDIDATES, MomentTPE, Tables, split
from nas.space import explore, from_trial
from nas.storage import open_storage
from search_spaces import SPACES

DOMAINS: dict[str, BaseDistribution] = {
    "kernel": IntDistribution(3, 7, step=2),
    "width": IntDistribution(0, 4),
    "se": CategoricalDistribution([False, True]),
}


def told(count: int, seed: int = 0) -> optuna.Study:
    """A study of so many random trials, the wider the better."""
    study, rng = optuna.create_study(direction="maximize"), random.Random(seed)
    for _ in range(count):
        params = {"kernel": rng.choice([3, 5, 7]), "width": rng.randrange(5), "se": rng.random() < 0.5}
        study.add_trial(create_trial(params=params, distributions=DOMAINS, value=params["width"] + rng.random()))
    return study


def tables_of(sampler: TPESampler, study: optuna.Study) -> tuple[Any, Tables]:
    estimator = sampler._build_parzen_estimator(study, DOMAINS, study.get_trials(), handle_below=True)
    return estimator, Tables(estimator, DOMAINS)


@pytest.mark.parametrize("count", [1, 7, 60])
def test_tables_say_of_every_combination_what_optunas_estimator_says(count: int) -> None:
    estimator, tables = tables_of(TPESampler(multivariate=True), told(count))
    places = np.array([[k, w, s] for k in range(3) for w in range(5) for s in range(2)])
    as_stored = {"kernel": 3.0 + 2 * places[:, 0], "width": 1.0 * places[:, 1], "se": 1.0 * places[:, 2]}
    assert tables.log_density(places) == pytest.approx(estimator.log_pdf(as_stored), abs=1e-6)
    assert np.exp(tables.log_density(places)).sum() == pytest.approx(1)


def test_samples_are_as_frequent_as_the_density_says() -> None:
    _, tables = tables_of(TPESampler(multivariate=True), told(12))
    count = 40_000
    samples = tables.sample(np.random.RandomState(0), count)
    combinations, seen = np.unique(samples, axis=0, return_counts=True)
    expected = count * np.exp(tables.log_density(combinations))
    assert np.all(np.abs(seen - expected) < 5 * np.sqrt(expected) + 1)


def test_trials_are_split_as_optuna_splits_them() -> None:
    from optuna.samplers._tpe.sampler import _split_trials, default_gamma

    study = told(37)
    for number in range(6):
        trial = study.ask()
        for epoch in range(number % 3):
            trial.report(0.1 * number, epoch)
        if number < 5:
            study.tell(trial, state=TrialState.PRUNED)
    asked = study.get_trials()[0]
    others = [one for one in study.get_trials() if one.number != asked.number]
    ours, optunas = split(study, asked), _split_trials(study, others, default_gamma(len(others) - 1))
    for own, theirs in zip(ours, optunas, strict=True):  # in the same order: Optuna weighs by it
        assert [one.number for one in own] == [one.number for one in theirs]


def test_a_proposal_is_the_best_of_its_candidates() -> None:
    """Over many proposals good options come more often than they do in samples, as with Optuna's own."""
    study = told(80)
    asked = study.ask()._cached_frozen_trial

    def mean_width(make: type[TPESampler], **options: Any) -> float:
        widths = []
        for seed in range(60):
            sampler = make(seed=seed, **options)
            together = sampler.infer_relative_search_space(study, asked)
            widths.append(sampler.sample_relative(study, asked, together)["width"])
        return float(np.mean(widths))

    options: dict[str, Any] = {"multivariate": True, "constant_liar": True, "n_startup_trials": 0}
    optunas = mean_width(TPESampler, **options)
    assert optunas > 3
    assert mean_width(MomentTPE) == pytest.approx(optunas, abs=0.4)


def test_one_moment_gives_as_many_proposals_as_are_asked_for() -> None:
    study = told(20)
    asked = study.ask()._cached_frozen_trial
    sampler = MomentTPE(seed=0)
    together = sampler.infer_relative_search_space(study, asked)
    proposals = [sampler.sample_relative(study, asked, together) for _ in range(3 * AT_ONCE)]
    assert len({tuple(one.items()) for one in proposals}) > 1
    assert all(DOMAINS[name]._contains(DOMAINS[name].to_internal_repr(one[name])) for one in proposals for name in one)
    assert CANDIDATES == 24


# ---- a view of a long study


def test_a_short_study_is_shown_whole_and_of_a_long_one_the_best_and_the_newest() -> None:
    values = [float(number % 97) for number in range(400)]
    trials: list[FrozenTrial] = []
    for number, value in enumerate(values):
        trial = create_trial(value=value)
        trial.number = number
        trials.append(trial)
    assert best_and_newest(trials[:AT_MOST]) == trials[:AT_MOST]
    shown = best_and_newest(trials)
    assert len(shown) == AT_MOST
    assert [trial.number for trial in shown] == sorted(trial.number for trial in shown)
    numbers = {trial.number for trial in shown}
    best = sorted(range(400), key=lambda number: -values[number])[:BEST]
    assert numbers >= set(best)
    assert numbers >= set(range(400 - (AT_MOST - BEST), 400))


def test_a_snapshot_does_not_see_what_comes_later_and_stores_nothing() -> None:
    study = told(3)
    now = Snapshot(study, study.get_trials()).as_study()
    trial = study.ask()
    now._storage.set_trial_system_attr(trial._trial_id, "of a sampler", 1)
    assert len(now.trials) == 3
    assert "of a sampler" not in study.trials[-1].system_attrs


# ---- parameters stored at once


def searching(storage: BaseStorage) -> optuna.Study:
    space = SPACES["mobilenet_v3"]
    sampler = InsideSampler(space, Budget(macs=60_000_000), seed=3, make_inner=MomentTPE, startup=2)
    return optuna.create_study(storage=storage, study_name="s", direction="maximize", sampler=sampler)


def test_parameters_stored_at_once_are_those_that_optuna_stores_one_by_one(tmp_path: Path) -> None:
    space = SPACES["mobilenet_v3"]
    at_once, one_by_one, in_memory = (
        searching(storage)
        for storage in (
            open_storage(f"sqlite:///{tmp_path}/a.db"),
            open_storage(f"sqlite:///{tmp_path}/b.db"),
            InMemoryStorage(),
        )
    )
    for number in range(5):
        first, choices, spec = ask(at_once, space)
        second = one_by_one.ask()
        assert explore(space, from_trial(second)) == (choices, spec)
        third, *_ = ask(in_memory, space)
        assert first.params == second.params == third.params
        for study, trial in ((at_once, first), (one_by_one, second), (in_memory, third)):
            study.tell(trial, float(number))
    stored = [
        [(trial.number, trial.state, trial.params, trial.distributions, trial.value) for trial in study.trials]
        for study in (at_once, one_by_one, in_memory)
    ]
    assert stored[0] == stored[1] == stored[2]
    again = optuna.load_study(study_name="s", storage=f"sqlite:///{tmp_path}/a.db")
    assert [trial.params for trial in again.trials] == [trial.params for trial in one_by_one.trials]


def test_what_was_asked_for_is_there_while_the_trial_runs(tmp_path: Path) -> None:
    study = searching(open_storage(f"sqlite:///{tmp_path}/a.db"))
    trial, *_ = ask(study, SPACES["mobilenet_v3"])
    seen = optuna.load_study(study_name="s", storage=f"sqlite:///{tmp_path}/a.db").trials[0]
    assert seen.state == TrialState.RUNNING
    assert seen.params == trial.params != {}
