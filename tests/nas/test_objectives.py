"""What a search is for: as it is typed, as it is refused, and MnasNet's reward by hand."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from nas.errors import NasError
from nas.objectives import ACCURACY, Costs, Goal, MnasNet, find_goal
from nas.record import SearchFacts
from nas.request import derived_name, request_search
from tests.nas.fast import study_facts

NETWORK = Costs(macs=30_000_000, params=1_500_000, latency_ms=4.0)


def test_objectives_as_they_are_typed() -> None:
    assert find_goal() == find_goal(objectives="accuracy") == find_goal(objective="accuracy") == ACCURACY
    assert find_goal(objectives="accuracy,macs") == Goal(objectives=("accuracy", "macs"))
    assert find_goal(objectives=" latency , accuracy") == Goal(objectives=("accuracy", "latency"))  # accuracy first
    assert find_goal(objectives=["accuracy", "params", "macs"]).objectives == ("accuracy", "params", "macs")


def test_a_goal_says_what_trials_are_told() -> None:
    goal = Goal(objectives=("accuracy", "macs", "latency"))
    assert goal.directions == ("maximize", "minimize", "minimize")
    assert (goal.score(0.5, NETWORK), goal.costs_of(NETWORK)) == (0.5, (30_000_000.0, 4.0))
    assert (goal.several, goal.weighs_cost, goal.needs_latency) == (True, True, True)
    assert (ACCURACY.several, ACCURACY.weighs_cost, ACCURACY.needs_latency) == (False, False, False)
    reward = find_goal(objective="mnasnet", target_latency_ms=5)
    assert (reward.several, reward.weighs_cost, reward.needs_latency) == (False, True, True)
    assert reward.directions == ("maximize",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objectives": "accuracy,mac"}, "--objectives accuracy,mac: 'mac' is unknown; there are accuracy, macs, "
         "params, latency; did you mean macs?"),
        ({"objectives": ""}, "--objectives : '' is unknown"),
        ({"objectives": "macs,params"}, "--objectives macs,params: accuracy must be among them; write accuracy,macs"),
        ({"objectives": "accuracy,macs,macs"}, "macs is there 2 times"),
        ({"objectives": "accuracy,macs", "objective": "mnasnet"}, "give one of them"),
        ({"objective": "mnasnt"}, "'mnasnt' is unknown; there are accuracy, mnasnet; did you mean mnasnet?"),
        ({"objective": "mnasnet"}, "--objective mnasnet: needs a latency to aim at; give --target-latency-ms"),
        ({"objective": "mnasnet", "target_latency_ms": 0.0}, "--target-latency-ms 0: must be above zero"),
        ({"objective": "mnasnet", "target_latency_ms": float("nan")}, "--target-latency-ms nan: must be above zero"),
        ({"objective": "mnasnet", "target_latency_ms": 5, "w": 0.07}, "--mnasnet-w 0.07: must be below zero"),
        ({"objective": "mnasnet", "target_latency_ms": 5, "w": 0.0}, "--mnasnet-w 0: must be below zero"),
        ({"objective": "mnasnet", "target_latency_ms": 5, "w": float("nan")}, "--mnasnet-w nan: must be below zero"),
        ({"objective": "mnasnet", "target_latency_ms": 5, "form": "sofd"}, "did you mean soft?"),
        ({"target_latency_ms": 5}, "--target-latency-ms 5: belongs to --objective mnasnet"),
        ({"objectives": "accuracy,macs", "w": -0.1}, "--mnasnet-w -0.1: belongs to --objective mnasnet"),
        ({"objective": "accuracy", "form": "hard"}, "--mnasnet-form hard: belongs to --objective mnasnet"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_by_name(options: dict[str, Any], message: str) -> None:
    with pytest.raises(NasError) as caught:
        find_goal(**options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("goal", [{"objectives": "accuracy,latency"}, {"objective": "mnasnet", "target_latency_ms": 5}])
def test_latency_is_onnxruntimes_unless_somebody_can_tell_it(
    goal: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(name: str, *, any_machine: bool) -> None:
        raise NasError(f"asked for {name}")

    monkeypatch.setattr("nas.latency.find.find", find)
    with pytest.raises(NasError, match=r"^asked for onnxruntime-cpu$"):
        request_search(budget_mflops=60, dataset="digits", device="cpu", **goal)
    request = request_search(
        budget_mflops=60, dataset="digits", resolution=8, device="cpu", latency_ms=lambda spec: 1.0, **goal
    )
    assert request.latency_ms is not None


# ---- MnasNet's reward, equation 2: ACC · (LAT/T)^w, T = 80 ms


@pytest.mark.parametrize(
    ("latency", "soft", "hard"),
    [
        (80.0, 0.7, 0.7),  # (80/80)^w = 1
        (60.0, 0.7 * 1.02034, 0.7),  # ln(60/80) = −0.28768; exp(0.07 · 0.28768) = 1.02034; hard: no bonus
        (100.0, 0.7 * 0.98450, 0.7 * 0.8),  # ln(100/80) = 0.22314; exp(−0.07 · 0.22314) = 0.98450; 80/100 = 0.8
        (160.0, 0.7 * 0.95264, 0.35),  # 2^−0.07 = 0.95264: the paper's 5% for doubling; 2^−1 = 0.5
    ],
)
def test_the_reward_by_hand(latency: float, soft: float, hard: float) -> None:
    assert MnasNet(target_ms=80).reward(0.7, latency) == pytest.approx(soft, abs=1e-5)
    goal = find_goal(objective="mnasnet", target_latency_ms=80, form="hard")
    assert goal.reward == MnasNet(target_ms=80, w=-1.0, form="hard")
    assert goal.score(0.7, Costs(macs=1, params=1, latency_ms=latency)) == pytest.approx(hard, abs=1e-12)


def test_another_w_is_another_trade() -> None:
    small = find_goal(objective="mnasnet", target_latency_ms=80, w=-0.15)  # MobileNetV3 small's
    assert small.score(0.7, Costs(macs=1, params=1, latency_ms=160)) == pytest.approx(0.7 * 2**-0.15)
    assert str(small) == "mnasnet: ACC·(LAT/80 ms)^−0.15"


def test_a_reward_without_a_latency_is_an_error_and_not_an_accuracy() -> None:
    with pytest.raises(NasError, match="latency: not known"):
        find_goal(objective="mnasnet", target_latency_ms=80).score(0.7, Costs(macs=1, params=1))


# ---- in a study's facts


def test_goals_come_back_from_json_and_facts_from_before_them_ask_for_accuracy() -> None:
    for goal in (ACCURACY, Goal(objectives=("accuracy", "latency")), Goal(reward=MnasNet(target_ms=4.5, form="hard"))):
        facts = replace(study_facts(), goal=goal)
        assert SearchFacts.from_json(facts.to_json()) == facts
    old = study_facts().to_json()
    del old["goal"], old["stopping"]
    assert SearchFacts.from_json(old) == study_facts()


def test_goals_are_part_of_a_studys_name_and_accuracy_changes_none() -> None:
    facts = study_facts()
    before = [facts.space, facts.space_fingerprint, facts.budget, facts.data, facts.recipe, facts.sampler, facts.seed]
    assert derived_name(facts).endswith(hashlib.sha256(repr(before).encode()).hexdigest()[:6])
    goals = (
        ACCURACY,
        Goal(objectives=("accuracy", "macs")),
        Goal(objectives=("accuracy", "params")),
        Goal(reward=MnasNet(target_ms=5)),
        Goal(reward=MnasNet(target_ms=6)),
        Goal(reward=MnasNet(target_ms=5, w=-0.15)),
    )
    names = {derived_name(replace(facts, goal=goal)) for goal in goals}
    assert len(names) == len(goals)
    assert sum("accuracy-macs" in name for name in names) == 1
