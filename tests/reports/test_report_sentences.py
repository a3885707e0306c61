"""What the command says at its end: never more than was shown."""

from dataclasses import replace

import pytest

from nas.record import Record, RunRecords
from reports import standing
from reports.sentences import summary
from tests.reports.fakes import fake_run


def said(run: RunRecords) -> tuple[str, str, str]:
    return summary(run, next_command="python -m reports fake-60")


def with_confirmed(run: RunRecords, shift: float) -> RunRecords:
    """Confirmations in which every trial is ``shift`` better than every reference, give or take a little."""

    def score(record: Record, place: int) -> Record:
        level = 0.6 + (shift if record.name is None else 0.0) + 0.001 * record.seed + 0.0005 * (place % 3)
        return replace(record, curve=(replace(record.curve[-1], val_accuracy=level),))

    return replace(run, confirmations=tuple(score(one, place) for place, one in enumerate(run.confirmations)))


def test_the_winner_is_named_beside_small_at_the_same_cost() -> None:
    run = fake_run()
    best = standing.winner(run)
    assert best is not None
    first, _, last = said(run)
    assert first.startswith(f"Winner: {best.title} (")
    assert "MobileNetV3 small ×1.03 (" in first
    assert last == "Next: python -m reports fake-60"


@pytest.mark.parametrize(
    ("shift", "word"),
    [
        (0.1, "Better than MobileNetV3 small ×1.03"),
        (-0.1, "Worse than MobileNetV3 small ×1.03"),
        (0.0, "Not shown"),
    ],
)
def test_the_verdict_is_the_one_of_the_interval(shift: float, word: str) -> None:
    _, second, _ = said(with_confirmed(fake_run(), shift))
    assert second.startswith(word)
    assert "95% interval" in second
    assert "seeds 1 and 2" in second


def test_the_two_accuracies_differ_by_the_difference_that_is_claimed() -> None:
    first, second, _ = said(with_confirmed(fake_run(), 0.1))
    ours, theirs = (float(part.split("%")[0].split()[-1]) for part in first.split(";"))
    assert f"+{ours - theirs:.1f} points" in second


def test_not_shown_is_explained_as_neither_better_nor_equal() -> None:
    assert "which does not make them equal" in said(with_confirmed(fake_run(), 0.0))[1]


def test_one_seed_gives_no_interval_and_says_so() -> None:
    second = said(fake_run(seeds=(1,)))[1]
    assert second.startswith("Not shown")
    assert "gives no interval" in second


def test_without_confirmation_the_winner_has_only_its_own_score() -> None:
    first, second, _ = said(fake_run(seeds=()))
    assert "by its own score" in first
    assert second.startswith("Not shown")


def test_a_demonstration_says_that_it_is_one_and_names_no_network() -> None:
    first, second, _ = said(fake_run(trials=6, demo=True))
    assert first.startswith("Demo on digits")
    assert "names no winner" in first
    assert "CIFAR-10 was asked for" in second
    assert "trial 0" not in first + second


def test_a_fallback_names_no_winner_even_where_its_facts_would() -> None:
    run = fake_run(trials=6, demo=True)
    run = replace(run, facts=replace(run.facts, names_winner=True))
    assert "names no winner" in said(run)[0]
    assert standing.winner(run) is None


def test_a_run_without_confirmations_has_a_leader_and_no_winner() -> None:
    run = fake_run(confirmed=False)
    assert said(run)[0].startswith("No winner yet: trial ")
    assert said(run)[1] == "Nothing is shown yet about MobileNetV3 small at the same cost."


def test_a_run_without_a_complete_trial_says_what_became_of_its_trials() -> None:
    run = fake_run(trials=2, references=False, confirmed=False, states={0: "failed", 1: "pruned"})
    assert said(run)[0] == "No winner yet: 2 trials: 1 pruned, 1 failed, none of them complete."


def test_without_references_there_is_no_comparison() -> None:
    assert said(fake_run(references=False))[1] == (
        "Not shown against MobileNetV3 small: it was not trained at this cost in this run."
    )


def test_a_winner_of_an_unfinished_run_is_the_winner_so_far() -> None:
    run = fake_run()
    run = replace(run, facts=replace(run.facts, trials=100))
    assert said(run)[0].startswith("Winner so far: ")


def test_what_is_still_to_do_is_counted() -> None:
    run = fake_run(trials=9, confirmed=False)
    run = replace(run, facts=replace(run.facts, trials=24))
    todo = standing.still_to_do(run)
    assert todo[0] == "15 trials of 24"
    assert todo[1].startswith("10 trainings")  # three finalists and two references at this cost, two seeds each
    assert standing.still_to_do(fake_run()) == []
