"""Intervals and verdicts, held against numbers worked out by hand."""

import math
from dataclasses import replace

import pytest

from nas import evidence
from nas.record import Record, RunRecords, State
from tests.nas.fast import SMALL
from tests.nas.test_record import record
from tests.reports.fakes import facts

# Student's quantiles have closed forms at one and two degrees of freedom
T1 = math.tan(math.pi * (0.975 - 0.5))  # 12.706


def t2(p: float) -> float:
    return (2 * p - 1) / math.sqrt(2 * p * (1 - p))


def trial(
    number: int, accuracy: float | None, *, origin: str = "tpe", seed: int = 0, state: State = "complete"
) -> Record:
    return _scored(record(number=number, title=f"trial {number}", origin=origin, seed=seed, state=state), accuracy)


def reference(accuracy: float | None = 0.5, *, seed: int = 0, origin: str = "scaled") -> Record:
    name = "mobilenet_v3_small@budget" if origin == "scaled" else "mobilenet_v3_small"
    return _scored(
        record(number=None, name=name, title="small", origin=origin, seed=seed, spec=SMALL.scaled(1)), accuracy
    )


def _scored(one: Record, accuracy: float | None) -> Record:
    if accuracy is None:
        return replace(one, curve=(), state="failed")
    return replace(one, curve=(replace(one.curve[0], val_accuracy=accuracy),))


def run(
    selected: dict[int, float],
    fresh: dict[int | None, dict[int, float]],
    *,
    confirm: int = 2,
    names_winner: bool = True,
) -> RunRecords:
    """Trials by number with their selected accuracy; accuracies by network (None: the reference) and fresh seed."""
    confirmations = [
        reference(accuracy, seed=seed) if number is None else trial(number, accuracy, seed=seed)
        for number, by_seed in fresh.items()
        for seed, accuracy in by_seed.items()
    ]
    return RunRecords(
        name="run",
        facts=replace(facts(confirm=confirm), names_winner=names_winner),
        trials=tuple(trial(number, accuracy) for number, accuracy in selected.items()),
        references=(reference(),),
        confirmations=tuple(confirmations),
    )


# Two networks, two seeds. Means .62 and .54 by network, .55 and .61 by seed, .58 in all; what network + seed leave over
# is ±.01 four times: with one degree of freedom σ² = 4 × .01² / 1 = .02².
TWO = {"a": {1: 0.60, 2: 0.64}, "b": {1: 0.50, 2: 0.58}}


def test_an_interval_is_students_with_what_network_and_seed_leave_over() -> None:
    found = evidence.confirmed(TWO)
    assert found["a"].mean == pytest.approx(0.62)
    half = T1 * 0.02 / math.sqrt(2)
    assert found["a"].ci == pytest.approx((0.62 - half, 0.62 + half))
    assert found["b"].ci == pytest.approx((0.54 - half, 0.54 + half))
    assert found["a"].seeds == (1, 2)


def test_a_comparison_is_paired_so_what_is_common_to_a_seed_drops_out() -> None:
    found = evidence.compare(run({0: 0.7}, {0: TWO["a"], None: TWO["b"]}))
    assert found is not None
    assert found.difference == pytest.approx(0.08)
    half = T1 * 0.02 * math.sqrt(2 / 2)
    assert found.ci == pytest.approx((0.08 - half, 0.08 + half))
    assert found.verdict == "not shown"
    assert (found.candidates, found.seeds) == (1, (1, 2))


def test_a_shift_of_a_whole_seed_changes_neither_difference_nor_interval() -> None:
    shifted = {key: {1: scores[1] + 0.2, 2: scores[2]} for key, scores in TWO.items()}
    one = evidence.compare(run({0: 0.7}, {0: TWO["a"], None: TWO["b"]}))
    other = evidence.compare(run({0: 0.7}, {0: shifted["a"], None: shifted["b"]}))
    assert one is not None
    assert other is not None
    assert other.difference == pytest.approx(one.difference)
    assert other.ci == pytest.approx(one.ci)


def test_an_interval_is_widened_for_the_number_of_candidates() -> None:
    # three networks, two seeds: residuals ±.01, ∓.01, 0; σ² = 4 × .01² / 2
    fresh: dict[int | None, dict[int, float]] = {0: {1: 0.6, 2: 0.64}, None: {1: 0.5, 2: 0.58}, 1: {1: 0.3, 2: 0.36}}
    found = evidence.compare(run({0: 0.7, 1: 0.6}, fresh))
    assert found is not None
    assert found.candidates == 2
    half = t2(1 - 0.025 / 2) * math.sqrt(4 * 0.01**2 / 2) * math.sqrt(2 / 2)
    assert found.ci == pytest.approx((0.08 - half, 0.08 + half))


@pytest.mark.parametrize(("better", "verdict"), [(0.9, "better"), (0.1, "worse"), (0.503, "not shown")])
def test_the_verdict_is_whether_the_interval_lies_to_one_side_of_zero(better: float, verdict: str) -> None:
    fresh: dict[int | None, dict[int, float]] = {
        0: {1: better, 2: better + 0.012, 3: better + 0.02},
        None: {1: 0.5, 2: 0.51, 3: 0.525},
    }
    found = evidence.compare(run({0: 0.7}, fresh, confirm=3))
    assert found is not None
    assert found.verdict == verdict


def test_one_seed_gives_no_interval_and_shows_nothing() -> None:
    found = evidence.compare(run({0: 0.7}, {0: {1: 0.9}, None: {1: 0.1}}, confirm=1))
    assert found is not None
    assert (found.ci, found.verdict) == (None, "not shown")
    assert evidence.confirmed({"a": {1: 0.9}, "b": {1: 0.1}})["a"].ci is None


def test_one_network_alone_gives_no_interval() -> None:
    assert evidence.confirmed({"a": {1: 0.6, 2: 0.7}})["a"].ci is None


def test_no_scatter_at_all_is_coarseness_and_no_evidence() -> None:
    found = evidence.compare(run({0: 0.7}, {0: {1: 0.9, 2: 0.9}, None: {1: 0.1, 2: 0.1}}))
    assert found is not None
    assert (found.ci, found.verdict) == (None, "not shown")


def test_a_network_with_a_seed_missing_is_left_out_of_the_scatter() -> None:
    found = evidence.confirmed({**TWO, "c": {1: 0.99}})
    half = T1 * 0.02  # c's mean is of one seed
    assert found["c"].ci == pytest.approx((0.99 - half, 0.99 + half))
    assert found["a"].ci == evidence.confirmed(TWO)["a"].ci


def test_a_failed_confirmation_has_no_score() -> None:
    records = (trial(0, 0.5, seed=1), trial(0, None, seed=2))
    assert evidence.scores(records) == {"trial 0": {1: 0.5}}


def test_the_winner_is_the_finalist_with_the_best_confirmed_mean() -> None:
    found = evidence.winner(run({0: 0.9, 1: 0.8}, {0: {1: 0.5, 2: 0.5}, 1: {1: 0.6, 2: 0.6}}))
    assert found is not None
    assert found.number == 1


def test_a_finalist_whose_confirmation_is_not_finished_cannot_win() -> None:
    found = evidence.winner(run({0: 0.9, 1: 0.8}, {0: {1: 0.99}, 1: {1: 0.6, 2: 0.6}}))
    assert found is not None
    assert found.number == 1
    assert evidence.winner(run({0: 0.9}, {0: {1: 0.99}})) is None


def test_a_network_that_is_no_finalist_cannot_win() -> None:
    selected = {0: 0.9, 1: 0.8, 2: 0.7, 3: 0.6}
    fresh: dict[int | None, dict[int, float]] = {number: {1: 0.5, 2: 0.5} for number in (0, 1, 2)}
    found = evidence.winner(run(selected, {**fresh, 3: {1: 0.99, 2: 0.99}}))
    assert found is not None
    assert found.number != 3


def test_ties_go_to_the_better_selected_and_then_to_the_earlier() -> None:
    same = {1: 0.5, 2: 0.6}
    found = evidence.winner(run({0: 0.7, 1: 0.8, 2: 0.8}, {0: same, 1: same, 2: same}))
    assert found is not None
    assert found.number == 1
    assert [one.number for one in evidence.finalists((trial(2, 0.5), trial(0, 0.5), trial(1, 0.6)))] == [1, 0, 2]


def test_without_confirmation_the_best_selected_wins_and_a_demonstration_has_no_winner() -> None:
    found = evidence.winner(run({0: 0.6, 1: 0.8}, {}, confirm=0))
    assert found is not None
    assert found.number == 1
    assert evidence.winner(run({0: 0.6}, {0: {1: 0.5, 2: 0.5}}, names_winner=False)) is None
    assert evidence.winner(run({}, {}, confirm=0)) is None


def test_only_complete_trials_are_finalists() -> None:
    assert [one.number for one in evidence.finalists((trial(0, None), trial(1, 0.2)))] == [1]
    pruned = replace(trial(2, 0.99), state="pruned")
    assert [one.number for one in evidence.finalists((pruned, trial(1, 0.2)))] == [1]


def test_the_finalists_the_references_at_cost_and_the_best_draw_are_confirmed_once_each() -> None:
    trials = (*(trial(number, 0.9 - number / 10) for number in range(4)), trial(4, 0.1, origin="draw"))
    references = (reference(0.3), reference(0.9, origin="published"))
    assert [one.key for one in evidence.to_confirm(trials, references, facts())] == [
        "trial 0",
        "trial 1",
        "trial 2",
        "mobilenet_v3_small@budget",
        "trial 4",
    ]
    drawn = (trial(0, 0.9, origin="draw"), trial(1, 0.5))
    assert [one.key for one in evidence.to_confirm(drawn, (), facts())] == ["trial 0", "trial 1"]


def test_a_reference_that_failed_is_not_confirmed() -> None:
    assert evidence.to_confirm((), (reference(None),), facts()) == []


def test_the_comparison_is_with_the_reference_at_the_same_cost() -> None:
    published, scaled = reference(origin="published"), reference()
    assert evidence.at_cost((published, scaled), "mobilenet_v3_small") == scaled
    assert evidence.at_cost((published,), "mobilenet_v3_small") is None
    itself = replace(published, origin="scaled")  # the published network uses the budget best
    assert evidence.at_cost((itself,), "mobilenet_v3_small") == itself


def test_nothing_is_compared_until_both_are_confirmed_on_a_common_seed() -> None:
    assert evidence.compare(run({0: 0.7}, {0: {1: 0.5, 2: 0.5}})) is None
    assert evidence.compare(run({0: 0.7}, {None: {1: 0.5, 2: 0.5}})) is None
    assert evidence.compare(run({0: 0.7}, {0: {1: 0.5, 2: 0.5}, None: {3: 0.5}})) is None
