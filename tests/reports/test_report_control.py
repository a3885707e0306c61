"""What a report says of a search and its control: on the page, in the terminal, as JSON, as CSV, in pictures."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from nas import fronts
from nas.control_evidence import against_control, front_against_control
from nas.objectives import Goal, MnasNet
from nas.record import RunRecords
from nas.show import next_command, run_json, table
from reports import standing, write
from reports.control_sentences import shown
from reports.figures import FIGURES, FRONT_FIGURES, Drawing
from reports.figures.base import style
from reports.figures.search_progress import BEST_DRAW
from reports.sentences import summary
from reports.tables import control_rows, network_rows, networks_csv
from reports.words import cost, signed
from tests.reports.fakes import fake_front, fake_run, with_control

SEEDS = (1, 2, 3)


def run_of(shift: float = 0.0) -> RunRecords:
    return with_control(fake_run(trials=8, seeds=SEEDS), shift=shift)


def test_nothing_is_said_where_nobody_asked() -> None:
    run = fake_run(trials=8)
    assert shown(run) == ""
    assert len(summary(run, next_command="x")) == 3
    assert run_json(run)["control"] is None
    assert control_rows(run) == []


@pytest.mark.parametrize(
    ("shift", "begins", "verdict"),
    [
        (-0.2, "The search beat its control: trial ", "better"),
        (0.2, "The search did worse than its control: trial ", "worse"),
        (0.0, "Not shown to beat the control: trial ", "not shown"),
    ],
)
def test_the_verdict_is_the_same_everywhere(shift: float, begins: str, verdict: str) -> None:
    run = run_of(shift)
    said = shown(run)
    assert said.startswith(begins)
    against = against_control(run)
    assert against is not None
    assert f"{against.control.title} ({cost(run, against.control)}), the best of 8 random draws" in said
    assert "95% interval" in said
    assert "(seeds 1–3, widened for having chosen among 3 and 3)" in said
    assert summary(run, next_command="x")[2] == said
    document = json.loads(json.dumps(run_json(run)))["control"]
    assert document["comparison"]["verdict"] == verdict
    rows = list(csv.DictReader(io.StringIO(networks_csv(run))))
    (winner,) = [row for row in rows if row["role"] == "winner"]
    assert winner["against_control_verdict"] == verdict
    assert float(winner["against_control"]) == document["comparison"]["difference"]
    assert [float(winner["against_control_low"]), float(winner["against_control_high"])] == document["comparison"]["ci"]
    assert {row["against_control"] for row in rows if row["role"] != "winner"} == {""}


def test_the_two_accuracies_differ_by_the_difference_that_is_claimed() -> None:
    said = shown(run_of(-0.2))
    ours, theirs = (float(part.split("%")[0].split()[-1]) for part in (said, said.split("random draws")[1]))
    assert abs(float(said.split(": +")[1].split(" points")[0]) - (ours - theirs)) < 0.11  # three roundings


def test_the_document_has_its_networks_with_names_and_states() -> None:
    run = run_of()
    document = run_json(run)["control"]
    assert [one["name"] for one in document["networks"]] == [f"control {number}" for number in range(8)]
    assert {one["state"] for one in document["networks"]} == {"complete"}
    assert not [one for one in document["networks"] if "number" in one]
    assert sum(one["confirmed"] is not None for one in document["networks"]) == 3
    against = against_control(run)
    assert against is not None
    assert document["best"] == document["comparison"]["control"] == against.control.key
    assert document["comparison"]["winner"] == against.winner.key
    assert document["networks_left"] == 0


def test_it_is_in_no_ranking_with_the_trials_and_changes_none() -> None:
    run, without = run_of(0.2), fake_run(trials=8, seeds=SEEDS)
    assert [(row.record.key, row.role) for row in network_rows(run)] == [
        (row.record.key, row.role) for row in network_rows(without)
    ]
    assert standing.winner(run) == standing.winner(without)
    rows = control_rows(run)
    assert [row.role for row in rows] == ["control_winner"] + ["control"] * 7
    assert [bool(row.confirmed) for row in rows] == [True] * 3 + [False] * 5
    in_csv = list(csv.DictReader(io.StringIO(networks_csv(run))))
    assert len(in_csv) == 8 + len(run.references) + 8


def test_the_terminal_shows_its_best() -> None:
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(table(run_of()))
    text = console.export_text()
    assert len(re.findall(r"control \d", text)) == 3
    assert "5 more of the control" in text
    without = Console(width=140, record=True, file=io.StringIO())
    without.print(table(fake_run(trials=8)))
    assert "control" not in without.export_text()


def test_an_unfinished_control_is_said_and_compares_nothing() -> None:
    run = with_control(fake_run(trials=8, seeds=SEEDS), confirmed=False)
    assert shown(run) == "Nothing is shown yet against the control: fresh seeds are still to come."
    assert "9 trainings of finalists and references on fresh seeds" in standing.still_to_do(run)
    document = run_json(replace(run, control=()))["control"]
    assert (document["networks"], document["networks_left"]) == ([], 8)
    cut = replace(run, control=run.control[:5])
    assert shown(cut) == "Nothing is shown yet against the control: 5 of 8 networks are trained."
    assert "3 networks of the control" in standing.still_to_do(cut)
    assert next_command(cut) == cut.facts.command
    assert standing.still_to_do(run_of()) == []
    early = replace(run_of(-0.2), facts=replace(run_of().facts, trials=10))
    assert shown(early) == "Nothing is shown yet against the control: 8 of 10 networks are trained."
    assert "2 networks of the control" in standing.still_to_do(early)
    assert run_json(early)["control"]["networks_left"] == 2
    only_drawn = replace(cut, trials=run.trials[:8], facts=replace(run.facts, trials=8))
    assert next_command(replace(only_drawn, confirmations=())) == run.facts.command


def test_a_control_that_was_recorded_and_is_not_asked_for_any_more_is_still_shown() -> None:
    run = run_of(-0.2)
    left = replace(run, facts=replace(run.facts, control=None))
    assert shown(left) == shown(run)
    assert standing.still_to_do(left) == []
    assert run_json(left)["control"] == run_json(run)["control"]
    bare = with_control(fake_run(trials=8, seeds=SEEDS), confirmed=False)
    assert standing.still_to_do(replace(bare, facts=replace(bare.facts, control=None))) == []  # nobody asks for them
    grown = replace(left, trials=(*left.trials, replace(left.trials[0], number=8)), control=left.control)
    assert shown(grown) == "Nothing is shown yet against the control: 8 of 9 networks are trained."
    assert not [line for line in standing.still_to_do(grown) if "control" in line]


def test_one_seed_and_none_show_nothing() -> None:
    one = with_control(fake_run(trials=8, seeds=(1,)), shift=-0.2)
    assert shown(one).startswith("Not shown to beat the control: ")
    assert "without an interval; it takes 2 seeds or more" in shown(one)
    alone = shown(with_control(fake_run(trials=1, seeds=SEEDS), shift=-0.2))
    assert "95% interval" in alone
    assert "widened" not in alone  # one of each, and so nothing was chosen
    none = with_control(fake_run(trials=8, seeds=()))
    assert shown(none) == "Not shown against the control: nothing was trained on fresh seeds."


def test_a_network_that_has_no_fresh_seeds_whole_compares_nothing() -> None:
    run = run_of(-0.2)
    lost = tuple(
        replace(one, state="failed", curve=()) if one.key.startswith("control") else one for one in run.confirmations
    )
    assert shown(replace(run, confirmations=lost)) == (
        "Nothing is shown yet against the control: fresh seeds are still to come."
    )
    gone = replace(
        run, control=tuple(replace(one, state="failed", curve=()) for one in run.control), confirmations=lost
    )
    assert shown(gone) == (
        "Not shown against the control: one of the two has no network that was trained on every fresh seed."
    )


def test_what_never_scatters_has_no_interval_and_says_so() -> None:
    run = run_of()
    level = tuple(
        replace(one, curve=tuple(replace(at, val_accuracy=0.5 + 0.1 * (one.name is None)) for at in one.curve))
        for one in run.confirmations
    )
    said = shown(replace(run, confirmations=level))
    assert "+10.0 points, from seeds 1–3 without an interval; nothing scatters" in said


def test_a_difference_of_rewards_is_called_one() -> None:
    run = with_control(fake_front(trials=8, seeds=SEEDS, goal=Goal(reward=MnasNet(target_ms=2.0))), shift=-0.2)
    assert " points of reward, 95% interval" in shown(run)
    assert "of reward" not in shown(run_of(-0.2))


def test_more_seeds_are_advised_where_only_the_control_is_not_shown_to_be_beaten() -> None:
    beaten = fake_run(trials=8, seeds=SEEDS)
    lifted = tuple(
        replace(one, curve=tuple(replace(at, val_accuracy=at.val_accuracy + 0.2) for at in one.curve))
        if one.name is None
        else one
        for one in beaten.confirmations
    )
    beaten = replace(beaten, confirmations=lifted)
    assert "--confirm" not in next_command(beaten)
    assert "--confirm 5" in next_command(with_control(beaten, shift=0.2))
    assert "--confirm" not in next_command(with_control(beaten, shift=-0.2))


def test_both_choosing_one_network_is_said() -> None:
    run = run_of()
    control = tuple(
        replace(one, name=f"control {one.number}", title=f"control {one.number}", origin="draw") for one in run.trials
    )
    fresh = [one for one in run.confirmations if (one.name or "").partition(" ")[0] != "control"]
    again = [
        replace(one, name=f"control {one.number}", title=f"control {one.number}") for one in fresh if one.name is None
    ]
    same = replace(run, control=control, confirmations=(*fresh, *again))
    best = standing.winner(same)
    assert best is not None
    number = best.number
    assert shown(same) == (
        f"Not shown to beat the control: both chose one network (trial {number} is control {number}); random draws "
        "did as well."
    )


def test_a_demonstration_compares_nothing() -> None:
    run = with_control(fake_run(trials=6, demo=True, seeds=SEEDS), shift=-0.2)
    assert shown(run) == "Control: 6 random draws; a demo on digits compares nothing."
    document = run_json(run)["control"]
    assert (document["comparison"], document["best"]) == (None, None)
    assert "winner" not in {row.role for row in control_rows(run)} | {
        row["role"] for row in csv.DictReader(io.StringIO(networks_csv(run)))
    }
    assert {row.role for row in control_rows(run)} == {"control"}
    assert "beat" not in shown(run)
    front = with_control(fake_front(trials=8, seeds=SEEDS))
    assert "hypervolume" not in run_json(replace(front, facts=replace(front.facts, names_winner=False)))["control"]


def test_the_progress_shows_both_and_says_what_the_other_is() -> None:
    run = run_of()
    with style():
        found, alone = FIGURES["search_progress"](run), FIGURES["search_progress"](fake_run(trials=8, seeds=SEEDS))
    assert isinstance(found, Drawing)
    assert isinstance(alone, Drawing)
    (line,) = [one for one in found.figure.axes[0].lines if one.get_label() == BEST_DRAW]
    accuracies = [100 * (one.val_accuracy or 0) for one in run.control]
    assert list(line.get_ydata()) == [max(accuracies[: k + 1]) for k in range(8)]  # type: ignore[call-overload,arg-type]
    assert "The control: random draws inside the same budget" in found.caption
    assert not [one for one in alone.figure.axes[0].lines if one.get_label() == BEST_DRAW]
    assert "control" not in alone.caption


def test_the_page_says_it_and_shows_its_confirmed_networks(tmp_path: Path) -> None:
    run = run_of(-0.2)
    page = write(run, tmp_path).read_text(encoding="utf-8")
    assert shown(run) in page
    assert "another seed has others" in page
    confirmed = [row.record.title for row in control_rows(run) if row.confirmed]
    assert all(f'<td class="nowrap">{title} <' in page or f'<td class="nowrap">{title}<' in page for title in confirmed)
    assert "5 more in" in page
    assert page.count('class="winner"') == 1
    assert "control: seed 0 on fold 0" in page


def test_fronts_are_compared_by_volume() -> None:
    run = with_control(fake_front(trials=8, seeds=SEEDS), shift=-0.2)
    found = front_against_control(run)
    assert found is not None
    assert found.difference.verdict == "better"
    said = shown(run)
    assert said.startswith("The search beat its control: the volume of ")
    assert f"{signed(100 * found.difference.value)} points × doublings, 95% interval" in said
    document = run_json(run)["control"]
    own, others = found.members
    assert f"the volume of {own} confirmed members less that of {others} of 8 random draws" in said
    assert document["comparison"]["verdict"] == "better"
    assert document["comparison"]["members"] == list(found.members)
    assert len(document["hypervolume"]) == 8
    assert document["best"] is None
    with style():
        drawn = FRONT_FIGURES["hypervolume"](run)
    assert isinstance(drawn, Drawing)
    (line,) = [one for one in drawn.figure.axes[0].lines if one.get_label() == "the control"]
    assert list(line.get_ydata()) == [100 * volume for volume in document["hypervolume"]]  # type: ignore[arg-type]


def test_a_front_of_fewer_confirmed_members_is_said_to_be_one() -> None:
    run = with_control(fake_front(trials=8, seeds=SEEDS), shift=-0.2)
    whole = front_against_control(run)
    assert whole is not None
    drawn = [one.key for one in run.confirmations if one.key.startswith("control")]
    fewer = replace(run, confirmations=tuple(one for one in run.confirmations if one.key != drawn[0]))
    own, others = whole.members
    assert f"the volume of {own} confirmed members less that of {others - 1} of 8 random draws" in shown(fewer)


def test_volumes_of_both_are_drawn_and_told_from_one_origin() -> None:
    run = with_control(fake_front(trials=8, seeds=SEEDS, goal=Goal(objectives=("accuracy", "params"))))
    run = replace(run, trials=tuple(replace(one, params=2 * one.params) for one in run.trials))  # the dearest is there
    volumes = fronts.progress(run.control, run.facts, fronts.origin(run))
    assert volumes != fronts.progress(run.control, run.facts)
    assert run_json(run)["control"]["hypervolume"] == volumes
    with style():
        drawn = FRONT_FIGURES["hypervolume"](run)
    assert isinstance(drawn, Drawing)
    (line,) = [one for one in drawn.figure.axes[0].lines if one.get_label() == "the control"]
    assert list(line.get_ydata()) == [100 * volume for volume in volumes]  # type: ignore[arg-type]
