"""What a search's trials say about single choices: known effects come out, and nothing else is claimed."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from nas.effects import Observation, from_model, seeds_to_show, smallest_shown
from nas.effects.additive import Additive
from nas.free_evidence import ENOUGH, Choice, FreeEvidence, free_evidence
from nas.importances import Importances, importances
from nas.record import EpochRecord, Record, RunRecords, State
from tests.reports.fakes import fake_run

Trial = tuple[Mapping[str, Any], float, int]  # choices, accuracy, multiply-adds
BLOCKS = 4


def run_of(trials: list[Trial], states: Mapping[int, State] | None = None) -> RunRecords:
    """A search with these trials, whatever their networks are."""
    run = fake_run(trials=1, confirmed=False)

    def record(number: int, trial: Trial) -> Record:
        choices, accuracy, macs = trial
        state = (states or {}).get(number, "complete")
        curve = (EpochRecord(train_loss=1.0, val_accuracy=accuracy, seconds=1.0),)
        return replace(run.trials[0], number=number, choices=dict(choices), curve=curve, train_macs=macs, state=state)

    return replace(run, trials=tuple(record(*one) for one in enumerate(trials)))


def planted(
    count: int,
    *,
    draw: int = 0,
    noise: float = 0.003,
    more: Callable[[dict[str, Any], random.Random], dict[str, Any]] = lambda made, rng: made,
) -> list[Trial]:
    """A block's SE is worth +1 point, its kernel of 5 −0.5; twice the width doubles cost, which is worth 4 points."""
    rng, found = random.Random(draw), []
    for _ in range(count):
        made: dict[str, Any] = {"width": rng.choice([1.0, 2.0])}
        made |= {f"s.b{n}.se": rng.random() < 0.5 for n in range(BLOCKS)}
        made |= {f"s.b{n}.kernel": rng.choice([3, 3, 5]) for n in range(BLOCKS)}
        made = more(made, rng)
        cost = made["width"] * (1 + 0.1 * rng.random())
        squeezed = sum(made[f"s.b{n}.se"] for n in range(BLOCKS))
        wide = sum(made[f"s.b{n}.kernel"] == 5 for n in range(BLOCKS))
        accuracy = 0.4 + 0.01 * squeezed - 0.005 * wide + 0.04 * (cost - 1) + rng.gauss(0, noise)
        found.append((made, accuracy, int(1e6 * cost)))
    return found


def the(evidence: FreeEvidence, kind: str, option: Any) -> Choice:
    return next(one for one in evidence.choices if (one.kind, one.option) == (kind, option))


def signed_estimate(evidence: FreeEvidence, kind: str, option: Any, which: str = "equal") -> tuple[float, float, float]:
    """Of the option, whichever of two is compared with the other."""
    one = next(one for one in evidence.choices if one.kind == kind)
    found = getattr(one, which)
    assert found is not None
    assert found.ci is not None
    low, high = found.ci
    return (found.delta, low, high) if one.option == option else (-found.delta, -high, -low)


def test_known_effects_of_one_decision_are_found_and_covered() -> None:
    covered = 0
    for draw in range(60):
        evidence = free_evidence(run_of(planted(50, draw=draw)))
        assert evidence.reason is None
        assert evidence.together
        for kind, option, truth in (("se", True, 0.01), ("kernel", 5, -0.005)):
            delta, low, high = signed_estimate(evidence, kind, option)
            assert delta * truth > 0
            covered += low <= truth <= high
    assert abs(covered / 120 - 0.95) < 4 * (0.95 * 0.05 / 120) ** 0.5


def test_what_is_all_cost_is_gone_at_equal_cost() -> None:
    evidence = free_evidence(run_of(planted(60)))
    delta, low, _ = signed_estimate(evidence, "width", 2.0, "changed")
    assert low > 0.02
    _, low, high = signed_estimate(evidence, "width", 2.0, "equal")
    assert low < 0.01
    assert high - low > 0.01  # width is nearly one with cost: little is known of what is left
    assert delta > 0.03


def test_few_trials_have_a_model_for_each_kind_by_itself() -> None:
    def wordy(made: dict[str, Any], rng: random.Random) -> dict[str, Any]:
        return made | {f"kind{n}": rng.choice("abc") for n in range(6)}

    evidence = free_evidence(run_of(planted(24, more=wordy)))
    assert not evidence.together
    for kind, option, sign in (("se", True, 1), ("kernel", 5, -1)):
        assert sign * signed_estimate(evidence, kind, option)[0] > 0


def se_everywhere(option: bool) -> dict[str, Any]:
    return {f"s.b{n}.se": option for n in range(BLOCKS)}


@pytest.mark.parametrize("others", [0, 6], ids=["all kinds together", "one kind by itself"])
def test_nothing_is_claimed_of_choices_that_come_and_go_together(others: int) -> None:
    def entangled(made: dict[str, Any], rng: random.Random) -> dict[str, Any]:
        made |= {f"s.b{n}.act": "hs" if made[f"s.b{n}.se"] else "relu" for n in range(BLOCKS)}
        return made | {f"kind{n}": rng.choice("abc") for n in range(others)}

    evidence = free_evidence(run_of(planted(24, more=entangled)))
    assert evidence.together is (others == 0)
    kinds = {one.kind for one in evidence.choices if one.changed or one.equal}
    assert "kernel" in kinds
    assert not kinds & {"se", "act"}
    before, after = ({**planted(1, more=entangled)[0][0], **se_everywhere(option)} for option in (False, True))
    assert evidence.suggests(before, after) is None
    if others:
        assert evidence.tangled["se", True] == "act hs"


def test_a_kind_with_more_options_than_trials_can_tell_has_no_estimate() -> None:
    def many(made: dict[str, Any], rng: random.Random) -> dict[str, Any]:
        return made | {"layout": rng.randrange(9), "same": "always"}

    evidence = free_evidence(run_of(planted(16, more=many)))
    assert "layout" not in {one.kind for one in evidence.choices if one.equal}
    assert "too few for its" in evidence.silent["layout"]
    assert evidence.silent["same"] == "no trial has another option"


def test_only_complete_trials_of_the_search_count() -> None:
    trials = planted(10)
    evidence = free_evidence(run_of(trials, {0: "pruned", 4: "failed", 5: "failed"}))
    assert len(evidence.trials) == 7
    assert evidence.reason == f"too few trials: 7 complete ones, and it takes {ENOUGH}"
    assert evidence.choices == ()
    run = fake_run(trials=4)
    assert run.references
    assert free_evidence(replace(run, control=run.trials)).reason == "too few trials: 4 complete ones, and it takes 8"


def test_trials_that_are_all_as_accurate_say_nothing() -> None:
    evidence = free_evidence(run_of([(made, 0.5, macs) for made, _, macs in planted(20)]))
    assert evidence.reason == "all trials have the same accuracy"


@pytest.mark.parametrize("usual", [True, False])
def test_pairs_count_by_kind_and_are_seen_from_the_option(usual: bool) -> None:
    twins: list[Trial] = []
    for n in range(3):
        made = {"width": float(n), "s.b0.kernel": 3, "s.b1.se": usual, "s.b2.se": usual}
        twins += [({**made, "s.b0.se": True}, 0.30, 10**6), ({**made, "s.b0.se": False}, 0.33 + 0.01 * n, 10**6)]
    alone = [({"width": 3.0 + n, "s.b0.kernel": 5, "s.b0.se": usual}, 0.3 + 0.01 * n, 10**6 + n) for n in range(3)]
    evidence = free_evidence(run_of(twins + alone))
    (one,) = [one for one in evidence.choices if one.kind == "se"]
    assert one.option is (not usual)
    assert one.pairs == 3
    assert one.paired is not None
    assert one.paired.delta == pytest.approx(0.04 if usual else -0.04)  # without SE these are better


def test_what_is_suggested_is_of_what_changes() -> None:
    evidence = free_evidence(run_of(planted(60)))
    before = {**planted(1)[0][0], **{f"s.b{n}.se": n < 1 for n in range(BLOCKS)}}
    after = {**before, **{f"s.b{n}.se": True for n in range(BLOCKS)}}
    seen = evidence.suggests(before, after)
    assert seen is not None
    assert seen.equal is not None
    one_decision, low, high = signed_estimate(evidence, "se", True)
    assert seen.equal.delta == pytest.approx(3 * one_decision)  # three blocks more
    assert seen.equal.ci == pytest.approx((3 * low, 3 * high))
    back = evidence.suggests(after, before)
    assert back is not None
    assert back.equal is not None
    assert back.equal.delta == pytest.approx(-seen.equal.delta)
    assert (seen.of, seen.trials) == (60, sum(any(t[0][f"s.b{n}.se"] for n in range(BLOCKS)) for t in planted(60)))
    assert evidence.suggests(before, {**after, "width": 3.0}) is None  # two kinds at once
    assert evidence.suggests(before, {**before, "s.b0.kernel": 7}) is None  # never tried
    assert evidence.suggests(before, before) is None


def test_a_decision_that_comes_with_a_change_belongs_to_it() -> None:
    def deep(made: dict[str, Any], rng: random.Random) -> dict[str, Any]:
        depth = rng.choice([1, 2])
        return made | {"s.depth": depth} | ({"t.b9.kernel": rng.choice([3, 5])} if depth == 2 else {})

    evidence = free_evidence(run_of(planted(60, more=deep)))
    before = {**planted(1)[0][0], "s.depth": 1}
    seen = evidence.suggests(before, {**before, "s.depth": 2, "t.b9.kernel": 5})
    assert seen is not None
    assert seen.equal is not None
    depth = the(evidence, "depth", evidence_option(evidence, "depth"))
    assert depth.equal is not None
    assert abs(seen.equal.delta) == pytest.approx(abs(depth.equal.delta))


def evidence_option(evidence: FreeEvidence, kind: str) -> Any:
    return next(one.option for one in evidence.choices if one.kind == kind)


# ---- the model


def test_the_model_between_two_networks_is_its_effects_added_up() -> None:
    trials = [Observation(choices=made, accuracy=accuracy, cost=float(macs)) for made, accuracy, macs in planted(60)]
    model = Additive.of(trials, at_equal_cost=True)
    effects = {one.choice: one for one in from_model(trials, at_equal_cost=True)}
    se = effects["se"]
    sides = [{f"s.b{n}.se": option for n in range(BLOCKS)} for option in (se.instead_of, se.option)]
    found = model.between(*sides)
    assert found is not None
    assert found[0] == pytest.approx(se.delta)
    assert found[1] == pytest.approx(se.ci)
    assert model.between({"s.b0.se": True}, {"s.b0.se": True}) is None
    assert model.between({}, {"s.b0.kernel": 3}) is None  # every trial decides it


def test_seeds_to_show_are_the_fewest_whose_smallest_shown_is_as_small() -> None:
    seeds = seeds_to_show(-0.01, variants=4, sigma=0.006)
    assert seeds is not None

    def shown(count: int) -> float:
        return smallest_shown(seeds=count, variants=4, sigma=0.006) or 1.0

    assert shown(seeds) <= 0.01 < shown(seeds - 1)
    assert seeds_to_show(0.003, variants=4, sigma=0.006, margin=0.003) is None  # no practical difference


# ---- importances


def test_importances_are_shares_of_the_decisions_that_every_trial_makes() -> None:
    def deep(made: dict[str, Any], rng: random.Random) -> dict[str, Any]:
        return made | ({"t.b9.kernel": 3} if rng.random() < 0.5 else {}) | {"same": 1}

    run = run_of(planted(40, more=deep))
    found = importances(run)
    assert isinstance(found, Importances)
    assert sum(found.by_decision.values()) == pytest.approx(1)
    assert max(found.by_decision, key=lambda name: found.by_decision[name]) == "width"
    assert "t.b9.kernel" not in found.by_decision
    assert found.left_out == 2
    assert found.by_kind["se"] == pytest.approx(sum(found.by_decision[f"s.b{n}.se"] for n in range(BLOCKS)))
    assert importances(run) == found  # a fixed seed


@pytest.mark.parametrize(
    ("trials", "reason"),
    [
        (planted(5), "too few trials: 5 complete ones, and it takes 8"),
        ([(made, 0.5, macs) for made, _, macs in planted(12)], "all trials have the same accuracy"),
        ([({f"only{n}": 1}, 0.5 + 0.01 * n, 1) for n in range(9)], "no decision that every trial makes"),
    ],
)
def test_without_importances_there_is_a_reason(trials: list[Trial], reason: str) -> None:
    found = importances(run_of(trials))
    assert isinstance(found, str)
    assert found.startswith(reason)
