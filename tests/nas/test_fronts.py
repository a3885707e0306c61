"""Searches with several objectives, or with MnasNet's reward, from the first draw to what is shown of them."""

import random
from dataclasses import replace
from itertools import count
from math import log2
from typing import Any, cast

import optuna
import pytest
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import TrialState

from nas import evidence, front_evidence, fronts
from nas.arch import ArchSpec
from nas.budget import Budget
from nas.cost import cost
from nas.errors import SpaceExhausted, StorageError
from nas.latency.value import Latency
from nas.objectives import Goal, MnasNet
from nas.record import Record, RunRecords, SearchFacts
from nas.references import WIDTHS, reference_tasks
from nas.samplers import SAMPLERS, InsideSampler, ask
from nas.samplers.snapshot import AT_MOST, best_and_newest
from nas.samplers.tpe import split
from nas.space import explore, from_trial
from nas.spread import Part, extent, halves, part_at_random
from nas.storage import read_run
from reports import front_sentences
from search_spaces import REFERENCES, SPACES
from tests.nas.fast import (
    BUDGET,
    RECIPE,
    FakeTraining,
    Killed,
    KilledAtWrite,
    driver,
    four_networks,
    study_facts,
    table,
    tiny_space,
)
from tests.reports.fakes import fake_front

FRONT = Goal(objectives=("accuracy", "macs"))
LATENCY = Goal(objectives=("accuracy", "latency"))
REWARD = Goal(reward=MnasNet(target_ms=3.0))
SIXTY = Budget(macs=60_000_000)


def latency_ms(spec: ArchSpec) -> float:
    """Made up: multiply-adds in the deployed form, and something for every block."""
    return cost(BUDGET.deployed(spec)).macs / 50_000 + 0.1 * len(spec.blocks)


def front_facts(goal: Goal = FRONT, **more: Any) -> SearchFacts:
    return replace(study_facts(**more), goal=goal)


def run(storage: BaseStorage, facts: SearchFacts, fake: FakeTraining | None = None) -> RunRecords:
    driver(storage, fake or FakeTraining(), facts=facts, latency_ms=latency_ms).run()
    return read_run(storage, "run")


# ---- a whole search


@pytest.mark.parametrize(
    ("sampler", "goal"),
    [
        *((sampler, FRONT) for sampler in SAMPLERS),
        *(("tpe", goal) for goal in (LATENCY, REWARD, Goal(objectives=("accuracy", "macs", "params")))),
    ],
    ids=str,
)
def test_optuna_is_told_what_the_records_say(sampler: str, goal: Goal) -> None:
    found = run(storage := InMemoryStorage(), front_facts(goal, sampler=sampler, trials=13, confirm=0))
    study = optuna.load_study(study_name="run", storage=storage)
    assert [str(direction.name).lower() for direction in study.directions] == list(goal.directions)
    assert list(study.metric_names or ()) == list(goal.metrics)
    assert len({record.spec for record in found.trials}) == 13
    for trial, record in zip(study.trials, found.trials, strict=True):
        assert record.latency_ms == latency_ms(record.spec)
        assert BUDGET.fits(record.spec)
        accuracy = record.val_accuracy or 0.0
        if goal.reward is not None:
            assert trial.values == [pytest.approx(accuracy * ((record.latency_ms or 0) / 3.0) ** -0.07)]
        else:
            costs = {"macs": record.macs, "params": record.params, "latency": record.latency_ms}
            assert trial.values == [accuracy, *(costs[name] for name in goal.objectives[1:])]


def test_a_failed_trial_of_a_front_is_recorded_and_the_search_goes_on() -> None:
    from nas.train import Diverged

    def diverge(call: int) -> None:
        if call in (10, 13):
            raise Diverged("loss is not finite")

    found = run(storage := InMemoryStorage(), front_facts(trials=9, confirm=0), FakeTraining(before=diverge))
    states = [trial.state for trial in optuna.load_study(study_name="run", storage=storage).trials]
    assert states.count(TrialState.FAIL) == sum(record.state == "failed" for record in found.trials) > 0
    assert len(found.trials) == 9


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_an_interrupted_search_for_a_front_equals_an_uninterrupted_one(sampler: str) -> None:
    """Stopping included: it depends on what is stored."""
    trials = 12 if sampler in ("gp", "block_scores") else 14  # ten are draws; these take long for each of the others
    facts = replace(front_facts(LATENCY, sampler=sampler, trials=trials, confirm=1), recipe=replace(RECIPE, epochs=6))
    run(uninterrupted := InMemoryStorage(), facts)
    interrupted = InMemoryStorage()
    for number in count():
        with KilledAtWrite(interrupted, 47 + 17 * number % 43, after=bool(number % 2)):
            try:
                run(interrupted, facts)
                break
            except Killed:
                continue
    assert number > 3
    assert table(interrupted) == table(uninterrupted)
    assert "pruned" in {record.state for record in table(interrupted)["trials"]}


def test_another_goal_is_another_study() -> None:
    storage = InMemoryStorage()
    run(storage, front_facts(trials=2, confirm=0))
    with pytest.raises(StorageError, match=r"another goal \(objectives: \('accuracy', 'macs'\), now \('accuracy',\)"):
        run(storage, study_facts(trials=2, confirm=0))


# ---- where networks are suggested


def test_a_part_of_a_budget_lowers_every_ceiling() -> None:
    both = Budget(macs=100_000, params=2_000, resolution=16, classes=3)
    spec = four_networks(lambda _, options: options[0])
    spent = both.cost(spec)
    assert Part(both, 0.25).use(spec) == pytest.approx(max(spent.macs / 25_000, spent.params / 500))
    assert not Part(both, 0.25).fits(spec)
    assert Part(BUDGET, 1.0).fits(spec) == BUDGET.fits(spec)
    assert not Part(both, 0.25).proven(spec)
    over = Part(Budget(macs=spent.macs - 1, resolution=16, classes=3), 2.0)
    assert over.use(spec) <= 1
    assert not over.fits(spec)  # what does not fit the whole fits no part of it
    assert not over.proven(spec)


def test_parts_are_even_in_the_logarithm_from_the_cheapest_network_to_the_budget() -> None:
    space, rng = SPACES["mobilenet_v3"], random.Random(0)
    least, most = extent(space, SIXTY)
    assert least == pytest.approx(6_480_464 / 60e6, rel=1e-3)
    assert most == 1.0  # the dearest network costs ten times as much
    shares = sorted(log2(part_at_random(space, SIXTY, rng).share / least) / log2(1 / least) for _ in range(400))
    assert 0 <= shares[0] < 0.05
    assert 0.95 < shares[-1] <= 1
    # an even draw's distribution function is off by 1.63/√n at most, 99 times of 100 (Kolmogorov)
    assert max(abs(share - place / 400) for place, share in enumerate(shares)) < 1.63 / 20 + 1 / 400


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_suggestions_are_spread_over_cost_and_not_only_near_the_budget(sampler: str) -> None:
    space = SPACES["mobilenet_v3"]
    startup = 16 if sampler in ("gp", "block_scores") else 8  # these take long for each suggestion
    inside = InsideSampler(
        space, SIXTY, seed=0, make_inner=SAMPLERS[sampler], name=sampler, startup=startup, spread=True
    )
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=inside)
    uses = []
    for number in range(20):
        trial = study.ask()
        _, spec = explore(space, from_trial(trial))
        uses.append(SIXTY.use(spec))
        study.tell(trial, [0.3 + 0.1 * log2(uses[-1] * 10) + 0.01 * (number % 3), SIXTY.cost(spec).macs])
    assert max(uses) <= 1
    # of twenty even ones no third of the logarithmic range is empty but once in a thousand: 3 × (2/3)^20
    thirds = [sum(1 / 9.26 ** ((k + 1) / 3) < use <= 1 / 9.26 ** (k / 3) + 1e-9 for use in uses) for k in range(3)]
    assert min(thirds) > 0


def test_where_a_part_holds_nothing_new_the_whole_budget_is_drawn_from() -> None:
    """Three networks fit, all at the upper end of the range: most parts hold none that is new."""
    inside = InsideSampler(four_networks, BUDGET, seed=0, spread=True)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=inside)
    assert len({ask(study, four_networks)[2] for _ in range(3)}) == 3
    with pytest.raises(SpaceExhausted):
        ask(study, four_networks)


def told(values: list[tuple[float, float]]) -> optuna.Study:
    study = optuna.create_study(directions=["maximize", "minimize"])
    for pair in values:
        study.add_trial(optuna.trial.create_trial(values=list(pair)))
    return study


def test_tpe_learns_from_the_fronts_first_networks() -> None:
    study = told([(0.1 * (n % 5), 1.0 + n % 5 + n // 5) for n in range(20)])
    good, others = split(study, study.ask()._cached_frozen_trial)
    assert len(good) == 2
    assert len(others) == 18
    assert all(trial.number < 5 for trial in good)  # the first five beat those after them


def test_of_a_long_study_samplers_see_the_front() -> None:
    study = told([(0.5, 500.0 + n) for n in range(150)] + [(0.6 + n / 1000, 10.0 + n) for n in range(20)])
    later = [optuna.trial.create_trial(values=[0.1, 900.0]) for _ in range(300)]
    trials = study.trials
    for number, trial in enumerate(later, len(trials)):
        trial.number = number
    shown = best_and_newest([*trials, *later], study.directions)
    assert len(shown) == AT_MOST
    assert {trial.number for trial in shown} >= set(range(150, 170))


# ---- stopping


@pytest.mark.parametrize("goal", [FRONT, Goal()], ids=["front", "accuracy"])
def test_cheap_networks_are_stopped_only_where_cost_does_not_count(goal: Goal) -> None:
    """Accuracy goes by cost alone, exactly: no network of the front is hopeless, though half are below the median."""

    def by_cost(spec: ArchSpec, seed: int) -> float:
        return cost(spec).macs / 1e6

    facts = replace(front_facts(goal, sampler="random", trials=24, confirm=0), recipe=replace(RECIPE, epochs=6))
    found = run(InMemoryStorage(), facts, FakeTraining(accuracy=by_cost))
    states = [record.state for record in found.trials]
    if goal.several:
        # whoever is stopped has five as cheap or cheaper before it, half of which are better; by cost alone they are
        # those within the tenth of cost that counts as similar
        assert states.count("pruned") <= 4
    else:
        assert states.count("pruned") > 4


def test_stopping_can_be_left_out() -> None:
    facts = replace(front_facts(trials=14, confirm=0), recipe=replace(RECIPE, epochs=6))
    stopped = run(InMemoryStorage(), facts)
    assert "pruned" in {record.state for record in stopped.trials}
    assert {record.state for record in run(InMemoryStorage(), replace(facts, stopping=False)).trials} == {"complete"}


# ---- the front of records


def by_hand(accuracies_and_macs: list[tuple[float | None, int]]) -> tuple[tuple[Record, ...], SearchFacts]:
    made = fake_front(trials=len(accuracies_and_macs), seeds=())
    trials = tuple(
        replace(
            record,
            macs=macs,
            state="failed" if accuracy is None else "complete",
            curve=(replace(record.curve[-1], val_accuracy=accuracy or 0.0),),
        )
        for record, (accuracy, macs) in zip(made.trials, accuracies_and_macs, strict=True)
    )
    return trials, made.facts  # ten classes, 60 million


M = 1_000_000


def test_the_front_and_its_volume_by_hand() -> None:
    trials, facts = by_hand([(0.3, 30 * M), (0.2, 15 * M), (0.25, 40 * M), (None, M), (0.1, 8 * M), (0.4, 60 * M)])
    assert [record.number for record in fronts.selected(trials, facts)] == [1, 0, 5]  # 4 guesses, 2 is beaten
    # a doubling below 60 at .2 above guessing; another at .1; the last is at the budget itself, 0 doublings below
    assert fronts.progress(trials, facts) == pytest.approx([0.2, 0.3, 0.3, 0.3, 0.3, 0.3])
    assert fronts.reference(facts, trials) == fronts.Reference(accuracy=0.1, costs=(60e6,))


def test_without_a_ceiling_the_volume_is_counted_from_the_dearest_trial() -> None:
    trials, facts = by_hand([(0.3, 30 * M), (0.2, 15 * M), (None, 99 * M)])
    facts = replace(facts, budget=Budget(params=9 * M))
    assert fronts.reference(facts, trials).costs == (30e6,)
    assert fronts.progress(trials, facts) == pytest.approx([0.0, 0.1, 0.1])


def test_six_of_a_long_front_are_confirmed_and_the_most_accurate_is_one_of_them() -> None:
    trials, facts = by_hand([(0.2 + 0.01 * n, (6 + 4 * n) * M) for n in range(13)])
    chosen = [record.number for record in fronts.to_confirm(trials, facts)]
    assert len(chosen) == fronts.CONFIRMED == 6
    assert chosen[-1] == 12
    assert chosen == sorted(cast(list[int], chosen))
    assert chosen[0] == 0
    assert fronts.to_confirm(trials[:4], facts) == list(trials[:4])


# ---- what is confirmed, and what it shows


def test_members_of_the_front_and_the_references_widths_are_confirmed() -> None:
    found = run(InMemoryStorage(), front_facts(trials=12, confirm=2))
    expected = {record.key for record in fronts.to_confirm(found.trials, found.facts)}
    keys = {record.key for record in found.confirmations}
    assert {key for key in keys if key.startswith("trial")} == expected
    assert {"mobilenet_v3_small@budget", "mobilenet_v3_small@budget/2"} <= keys
    assert evidence.winner(found) is None
    assert evidence.compare(found) is None


def test_a_reference_is_scaled_down_to_the_cheapest_network() -> None:
    space = SPACES["mobilenet_v3"]
    small, large = REFERENCES["mobilenet_v3_small"], REFERENCES["mobilenet_v3_large"]
    tasks = reference_tasks([small, large], space, SIXTY, seed=0, curve_of="mobilenet_v3_small")
    uses = {task.name: SIXTY.use(task.spec) for task in tasks if task.origin == "scaled"}
    assert list(uses) == [
        *("mobilenet_v3_small@budget", "mobilenet_v3_small@budget/2", "mobilenet_v3_small@budget/4"),
        *("mobilenet_v3_small@thinnest", "mobilenet_v3_large@budget"),
    ]
    assert 1 / 4 < uses["mobilenet_v3_small@budget/2"] <= 1 / 2
    assert 1 / 8 < uses["mobilenet_v3_small@budget/4"] <= 1 / 4
    assert uses["mobilenet_v3_small@thinnest"] == min(SIXTY.use(small.scaled(width)) for width in WIDTHS) > 1 / 8
    least, _ = extent(space, SIXTY)
    assert halves(space, SIXTY)[-1].share < least <= halves(space, SIXTY)[-2].share
    plain = reference_tasks([small, large], space, SIXTY, seed=0)
    assert [task for task in tasks if not (task.name or "").endswith(("/2", "/4", "@thinnest"))] == plain


def curved(scores: dict[str, tuple[int, float]], *, seeds: int = 2, trials: int = 3) -> RunRecords:
    """A confirmed front by hand: accuracy and cost of each network, the same on every seed but for ±.01 (alternately by
    network and seed, which neither a network nor a seed explains)."""
    made = fake_front(trials=trials, seeds=())
    networks = {record.key: record for record in (*made.trials, *made.references)}
    for place, (key, (macs, accuracy)) in enumerate(scores.items()):
        base = networks.get(key) or replace(networks["mobilenet_v3_small@budget"], name=key, title=key)
        networks[key] = replace(base, macs=macs, curve=(replace(base.curve[-1], val_accuracy=accuracy),), seed=place)
    chosen = {key: networks[key] for key in scores}
    confirmations = tuple(
        replace(
            record,
            seed=seed,
            curve=(
                replace(
                    record.curve[-1],
                    val_accuracy=(record.val_accuracy or 0) + 0.01 * (-1) ** (place + seed),
                ),
            ),
        )
        for seed in range(1, seeds + 1)
        for place, record in enumerate(chosen.values())
    )
    return replace(
        made,
        facts=replace(made.facts, confirm=seeds),
        trials=tuple(record for record in chosen.values() if record.number is not None),
        references=tuple(record for record in chosen.values() if record.number is None),
        confirmations=confirmations,
    )


def test_a_member_is_held_against_the_line_between_two_widths() -> None:
    found = curved(
        {
            "trial 0": (30 * M, 0.5),  # half way between 20 and 45 in the logarithm
            "mobilenet_v3_small@budget/4": (20 * M, 0.3),
            "mobilenet_v3_small@budget/2": (45 * M, 0.4),
            "mobilenet_v3_small@budget": (60 * M, 0.9),
        }
    )
    (member,) = front_evidence.members(found)
    assert member.against is not None
    assert member.against.value == pytest.approx(0.5 - 0.35)
    # ±.01 eight times, less what network and seed explain: σ² = 8 × .01² / 3; three degrees of freedom, t = 3.1824
    sigma = (8 * 0.01**2 / 3) ** 0.5
    half = 3.18245 * sigma * ((1 + 0.25 + 0.25) / 2) ** 0.5
    assert member.against.ci == pytest.approx((0.15 - half, 0.15 + half), abs=1e-5)
    assert member.against.verdict == "better"


def test_a_member_at_a_widths_own_cost_is_held_against_it_alone() -> None:
    found = curved(
        {
            "trial 0": (45 * M, 0.5),
            "mobilenet_v3_small@budget/2": (45 * M, 0.4),
            "mobilenet_v3_small@budget": (60 * M, 0.9),
        }
    )
    (member,) = front_evidence.members(found)
    assert member.against is not None
    assert member.against.value == pytest.approx(0.1)


@pytest.mark.parametrize(("macs", "value"), [(60, 0.1), (60 / 1.16, None), (19, None)])
def test_beyond_the_curve_nothing_is_claimed(macs: float, value: float | None) -> None:
    """Cheaper than the thinnest width: no. A little dearer than the widest that fits: that one."""
    found = curved(
        {
            "trial 0": (round(macs * M), 0.5),
            "mobilenet_v3_small@budget/2": (20 * M, 0.3),
            "mobilenet_v3_small@budget": (round(60 * M / (1.1 if value else 1.5)), 0.4),
        }
    )
    (member,) = front_evidence.members(found)
    assert member.confirmed is not None
    assert (member.against is None) == (value is None)
    if member.against is not None:
        assert member.against.value == pytest.approx(value)


def test_intervals_of_a_longer_front_are_wider() -> None:
    curve = {"mobilenet_v3_small@budget/2": (20 * M, 0.3), "mobilenet_v3_small@budget": (60 * M, 0.4)}
    one = curved({"trial 0": (30 * M, 0.5), **curve})
    two = curved({"trial 0": (30 * M, 0.5), "trial 1": (40 * M, 0.6), **curve})
    widths = []
    for found in (one, two):
        against = front_evidence.members(found)[0].against
        assert against is not None
        assert against.ci is not None
        table = evidence.scores(found.confirmations)
        same = evidence.contrast(
            table, "trial 0", front_evidence._weights(found, found.trials[0], front_evidence.confirmed_curve(found))
        )
        assert same is not None
        assert same.ci is not None
        widths.append((against.ci[1] - against.ci[0]) / (same.ci[1] - same.ci[0]))
    assert widths[0] == pytest.approx(1)
    assert widths[1] > 1.2  # Bonferroni for two members


def test_who_is_beaten_on_fresh_seeds_is_off_the_confirmed_front() -> None:
    found = curved({"trial 0": (30 * M, 0.5), "trial 1": (40 * M, 0.55), "trial 2": (50 * M, 0.6)})
    worse = tuple(
        replace(one, curve=(replace(one.curve[-1], val_accuracy=0.4),)) if one.key == "trial 1" else one
        for one in found.confirmations
    )
    members = front_evidence.members(replace(found, confirmations=worse))
    assert [member.holds for member in members] == [True, False, True]
    assert all(member.against is None for member in members)  # no reference in this run
    partly = replace(found, confirmations=found.confirmations[:4])
    assert [member.confirmed is not None for member in front_evidence.members(partly)] == [True, False, False]


def test_a_demonstration_has_no_front() -> None:
    found = curved({"trial 0": (30 * M, 0.5)})
    assert front_evidence.members(replace(found, facts=replace(found.facts, names_winner=False))) == []


# ---- the reward


def test_the_winner_of_a_reward_is_the_one_with_the_best_confirmed_reward() -> None:
    facts = front_facts(REWARD, trials=12, confirm=2)
    found = run(InMemoryStorage(), facts)
    best = evidence.winner(found)
    assert best is not None
    means = {key: one.mean for key, one in evidence.confirmed(evidence.scores(found.confirmations)).items()}

    def reward(record: Record) -> float:
        return means[record.key] * ((record.latency_ms or 0) / 3.0) ** -0.07

    finalists = evidence.finalists(found.trials, goal=REWARD)
    assert best == max(finalists, key=reward)
    ranked = sorted(found.trials, key=lambda one: -(one.val_accuracy or 0) * ((one.latency_ms or 0) / 3.0) ** -0.07)
    assert finalists == ranked[:3]
    against = evidence.compare(found)
    assert against is not None
    assert against.difference == pytest.approx(reward(best) - reward(against.reference))


def test_draws_of_tiny_networks_reach_the_whole_range() -> None:
    found = run(InMemoryStorage(), front_facts(sampler="random", trials=16, confirm=0))
    single = run(InMemoryStorage(), study_facts(sampler="random", trials=16, confirm=0))
    low = [sum(record.macs < 75_000 for record in one.trials) for one in (found, single)]
    assert low[0] > low[1] + 2
    assert extent(tiny_space, BUDGET)[0] < 0.2


def test_a_member_is_held_against_the_curve_by_what_was_measured_since() -> None:
    latency = Goal(objectives=("accuracy", "latency"))
    found = curved(
        {
            "trial 0": (30 * M, 0.5),
            "mobilenet_v3_small@budget/2": (20 * M, 0.3),
            "mobilenet_v3_small@budget": (60 * M, 0.4),
        }
    )
    predicted = {"trial 0": 4.0, "mobilenet_v3_small@budget/2": 1.0, "mobilenet_v3_small@budget": 3.9}
    measured = {"trial 0": 2.0, "mobilenet_v3_small@budget/2": 1.0, "mobilenet_v3_small@budget": 4.0}

    def told(record: Record, ms: dict[str, float], *, whole: bool) -> Record:
        return replace(record, latency=Latency(ms[record.key], ms[record.key], ms[record.key], measured=whole))

    found = replace(
        found,
        facts=replace(found.facts, goal=latency),
        trials=tuple(told(record, predicted, whole=False) for record in found.trials),
        references=tuple(told(record, predicted, whole=False) for record in found.references),
        confirmations=tuple(told(record, measured, whole=True) for record in found.confirmations),
    )
    (member,) = front_evidence.members(found)
    assert member.record.latency_ms == 2.0
    assert member.against is not None
    assert member.against.value == pytest.approx(0.5 - 0.35)  # half way from 1 to 4 ms in the logarithm
    assert "2.000 ms" in front_sentences.found(found)
