"""The page of a search with several objectives: it names a front and no winner, and claims what was confirmed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import reports
from nas import front_evidence, fronts
from nas.objectives import Goal, MnasNet
from nas.record import RunRecords
from nas.show import next_command, run_json
from reports import standing
from reports.figures import FRONT_FIGURES, Drawing, Skipped, base
from reports.sentences import summary
from reports.tables import network_rows, networks_csv
from tests.reports.fakes import FRONT, fake_front


def unfinished(run: RunRecords) -> RunRecords:
    return replace(run, trials=run.trials[:2], references=run.references[:1], confirmations=())


def demo(run: RunRecords) -> RunRecords:
    data = replace(run.facts.data, name="digits", label="digits (8×8)")
    return replace(run, facts=replace(run.facts, data=data, fallback=True, names_winner=False))


def guessing(run: RunRecords) -> RunRecords:
    trials = tuple(
        replace(one, curve=(replace(one.curve[-1], val_accuracy=0.1),)) if one.curve else one for one in run.trials
    )
    return replace(run, trials=trials, confirmations=())


STATES = {
    "finished": fake_front,
    "one seed": lambda: fake_front(seeds=(1,)),
    "nothing confirmed": lambda: fake_front(seeds=()),
    "failed and pruned": lambda: fake_front(trials=9, states={2: "failed", 4: "pruned"}),
    "none complete": lambda: fake_front(trials=3, states={0: "failed", 1: "pruned", 2: "failed"}),
    "three objectives": lambda: fake_front(goal=Goal(objectives=("accuracy", "latency", "params"))),
    "unfinished": lambda: unfinished(fake_front()),
    "empty": lambda: replace(fake_front(), trials=(), references=(), confirmations=()),
    "guessing": lambda: guessing(fake_front()),
    "demo": lambda: demo(fake_front(trials=6, seeds=())),
}


@pytest.mark.parametrize("state", STATES)
def test_every_figure_of_a_front_is_drawn_or_says_in_a_line_why_not(state: str) -> None:
    run = STATES[state]()
    with base.style():
        for name in ("front", "hypervolume", "learning_curves"):  # the others know of no goal
            drawn = FRONT_FIGURES[name](run)
            if isinstance(drawn, Skipped):
                assert drawn.reason, name
                continue
            assert isinstance(drawn, Drawing)
            assert run.facts.data.label in drawn.caption
            assert all(axes.get_xlabel() or axes.get_ylabel() for axes in drawn.figure.axes)


@pytest.mark.parametrize("state", ["none complete", "demo", "unfinished"])
def test_a_page_of_a_front_names_no_winner(state: str, tmp_path: Path) -> None:
    run = STATES[state]()
    text = reports.write(run, tmp_path).read_text()
    assert 'class="winner"' not in text
    assert ("<h2>The front</h2>" in text) == (state == "unfinished")
    assert not (tmp_path / "figures" / "accuracy_by_cost.svg").exists()
    lines = summary(run, next_command="go on")
    assert len(lines) == 3
    assert not [line for line in lines if "inner" in line and state != "demo"]


def test_the_first_line_counts_the_front_and_who_holds() -> None:
    run = fake_front()
    members = standing.front(run)
    done = [member for member in members if member.confirmed]
    line, shown, _ = summary(run, next_command="go on")
    best = max(members, key=lambda member: member.record.val_accuracy or 0)
    assert line.startswith(f"Front: {len(members)} networks from {members[0].record.macs / 1e6:.1f} MFLOPs with ")
    assert f"to {best.record.macs / 1e6:.1f} MFLOPs with {100 * (best.record.val_accuracy or 0):.1f}%" in line
    assert f"{len(done)} of them were trained on fresh seeds 1 and 2" in line
    for member in members:
        named = f"{member.record.title} (" in shown
        assert not named or member.against is not None
    assert shown.startswith("Against MobileNetV3 small scaled to the same multiply-adds: ")


def test_verdicts_are_said_with_their_members() -> None:
    run = fake_front()
    better = {member.record.key for member in standing.front(run) if member.confirmed and member.against}
    lifted = tuple(
        replace(one, curve=tuple(replace(epoch, val_accuracy=epoch.val_accuracy + 0.2) for epoch in one.curve))
        if one.key in better
        else one
        for one in run.confirmations
    )
    run = replace(run, confirmations=lifted)
    _, shown, _ = summary(run, next_command="go on")
    assert "better: trial " in shown
    assert "not shown:" not in shown
    assert "worse:" not in shown
    assert sum(member.against.verdict == "better" for member in standing.front(run) if member.against) == len(better)


def test_one_seed_shows_nothing_and_says_why() -> None:
    _, shown, _ = summary(fake_front(seeds=(1,)), next_command="go on")
    assert "not shown: trial " in shown
    assert "better:" not in shown
    assert "One seed gives no interval; it takes 2 seeds or more." in shown


def test_the_document_has_the_front_and_its_volume() -> None:
    run = fake_front(states={3: "failed"})
    document = json.loads(json.dumps(run_json(run)))
    assert document["objectives"] == ["accuracy", "macs"]
    members = front_evidence.members(run)
    assert document["front"] == [member.record.number for member in members]
    assert document["confirmed_front"] == [member.record.number for member in members if member.holds]
    macs = {trial["number"]: trial["macs"] for trial in document["trials"]}
    assert [macs[number] for number in document["front"]] == sorted(macs[number] for number in document["front"])
    assert len(document["hypervolume"]) == len(run.trials)
    assert document["hypervolume"] == sorted(document["hypervolume"])  # it never shrinks
    assert document["hypervolume_reference"] == {"accuracy": 0.1, "macs": 60_000_000}
    assert (document["best"], document["comparison"]) == (None, None)
    assert set(document["front_comparisons"]) == {f"{one.record.number}" for one in members if one.confirmed}


def test_one_objective_has_no_front_in_its_document() -> None:
    run = fake_front(goal=Goal(reward=MnasNet(target_ms=2.0)))
    document = run_json(run)
    assert document["objectives"] == ["mnasnet"]
    assert document["mnasnet"] == {"target_ms": 2.0, "w": -0.07, "form": "soft"}
    assert "front" not in document
    assert document["best"] is not None
    assert document["best"]["latency_ms"] == pytest.approx(0.5 + document["best"]["macs"] / 20e6)


def test_a_reward_is_said_beside_the_accuracy() -> None:
    run = fake_front(goal=Goal(reward=MnasNet(target_ms=2.0)))
    found, shown, _ = summary(run, next_command="go on")
    best, against = standing.winner(run), standing.comparison(run)
    assert best is not None
    assert against is not None
    assert f"{best.latency_ms:.2f} ms" in found
    rewards = [float(part.split(")")[0]) for part in found.split("(reward ")[1:]]
    assert len(rewards) == 2
    assert rewards[0] - rewards[1] == pytest.approx(100 * against.difference, abs=0.11)  # of rounding
    assert f"{100 * against.difference:.1f}".lstrip("-") in shown


def test_rows_and_csv_mark_the_front() -> None:
    run = fake_front()
    front = {member.record.key for member in standing.front(run)}
    assert {row.record.key for row in network_rows(run) if row.role == "front"} == front
    assert not [row for row in network_rows(run) if row.role in ("winner", "finalist")]
    assert sum(",front," in line for line in networks_csv(run).splitlines()) == len(front)


def test_what_is_not_shown_asks_for_more_seeds_next() -> None:
    run = fake_front()
    assert "--confirm 5" in next_command(run)
    assert "--trials 48" in next_command(run)


def test_the_table_says_which_curve_and_how_intervals_are_widened(tmp_path: Path) -> None:
    run = fake_front()
    text = reports.write(run, tmp_path).read_text()
    confirmed = sum(member.confirmed is not None for member in standing.front(run))
    assert f"Bonferroni-widened for {confirmed} members" in text
    for record in front_evidence.confirmed_curve(run):
        assert record.title in text
    assert str(FRONT) in text
    assert confirmed <= fronts.CONFIRMED
