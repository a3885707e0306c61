"""What a report says of the check whether short trainings rank."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nas.show import run_json
from reports import write
from reports.figures import FIGURES, Drawing, Skipped
from reports.figures.base import style
from reports.sentences import summary, trust
from reports.standing import still_to_do
from tests.reports.fakes import fake_run, with_longer

FALLING = [0.9 - 0.01 * k for k in range(8)]  # in the order of the short trainings
RISING = FALLING[::-1]


def test_nothing_is_said_where_nobody_asked() -> None:
    run = fake_run()
    assert trust(run) == ""
    assert len(summary(run, next_command="x")) == 3
    assert run_json(run)["trust"] is None


def test_a_ranking_that_is_shown() -> None:
    said = trust(with_longer(fake_run(), FALLING))
    assert said.startswith("Trainings of 6 epochs of 20,000 images rank networks as trainings 4 times longer do")
    assert "Kendall's τ +1.00" in said
    assert "over 8 networks" in said
    assert "among the 4 best" in said


@pytest.mark.parametrize("scores", [RISING, [0.5] * 8, FALLING[:3]])
def test_one_that_is_not_shown_is_a_plain_warning(scores: list[float]) -> None:
    run = with_longer(fake_run(), scores)
    assert trust(run).startswith("Warning: it is not shown that trainings of 6 epochs")
    assert summary(run, next_command="x")[2] == trust(run)


def test_the_document_of_json() -> None:
    found = json.loads(json.dumps(run_json(with_longer(fake_run(), FALLING))["trust"]))
    assert found["verdict"] == "ranks"
    assert found["all"]["tau"] == pytest.approx(1)
    assert found["all"]["networks"] == 8
    assert found["top"]["networks"] == 4
    assert len(found["trials"]) == len(found["val_accuracy"]) == len(found["longer"]) == 8
    assert found["val_accuracy"] == sorted(found["val_accuracy"], reverse=True)


def test_the_figure_and_its_reasons_not_to_be_drawn() -> None:
    draw = FIGURES["short_against_long"]
    with style():
        assert draw(fake_run()) == Skipped(
            title="Short against longer training",
            reason="no networks have been trained longer; give --trust 8",
        )
        found = draw(with_longer(fake_run(), FALLING))
    assert isinstance(found, Drawing)
    numbers = [text.get_text() for text in found.figure.axes[0].texts]
    assert len(numbers) == 8
    assert "Kendall's τ +1.00" in found.caption


def test_it_stands_on_the_page_and_what_is_missing_is_said(tmp_path: Path) -> None:
    run = with_longer(fake_run(), FALLING)
    page = write(run, tmp_path).read_text(encoding="utf-8")
    assert "rank networks as trainings 4 times longer do" in page
    assert (tmp_path / "figures" / "short_against_long.svg").exists()
    waiting = replace(run, trust=run.trust[:5])
    assert "3 longer trainings to check the ranking" in still_to_do(waiting)
    assert not [line for line in still_to_do(run) if "longer" in line]


def test_what_can_never_come_is_not_waited_for_and_what_has_changed_is() -> None:
    run = with_longer(fake_run(), FALLING)
    assert not [line for line in still_to_do(run) if "longer" in line]
    # more networks are asked for than ever were complete
    many = replace(run, facts=replace(run.facts, trust=len(run.trials) + 5))
    complete = sum(record.state == "complete" for record in run.trials)
    assert f"{complete - 8} longer trainings to check the ranking" in still_to_do(many)
    # the best of all came after the check
    best = max(run.trials, key=lambda record: record.val_accuracy or 0)
    better = replace(best, number=99, curve=(replace(best.curve[-1], val_accuracy=0.99),))
    grown = replace(run, trials=(*run.trials, better), facts=replace(run.facts, trials=run.facts.trials + 1))
    assert [line for line in still_to_do(grown) if "longer" in line]
